"""The digest of a script's library code follows imports, and nothing else."""

import ast
import os
import shutil

import pytest
from paths import ROOT

from morphovote.storage import digests


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the scripts that may be edited."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    monkeypatch.setattr(digests, "PACKAGE", tmp_path / "scripts/morphovote")
    digests._imported_modules.cache_clear()
    yield tmp_path / "scripts"
    digests._imported_modules.cache_clear()


def digest_after_edit(package, script, module):
    before = digests.code_digest(package / script)
    path = package / "morphovote" / module
    path.write_text(path.read_text() + "\n# edited\n")
    return before, digests.code_digest(package / script)


def test_direct_import_counts(package):
    before, after = digest_after_edit(package, "unwrap_polar.py", "polar/moments.py")
    assert before != after


def test_indirect_import_counts(package):
    # The script imports shards only through others or itself; errors only through shards.
    before, after = digest_after_edit(package, "fit_pca.py", "errors.py")
    assert before != after


@pytest.mark.parametrize(
    "module", ["report/figures/style.py", "report/figures/__init__.py", "report/__init__.py"]
)
def test_a_package_within_a_package_counts_with_what_python_runs_of_it(package, module):
    (package / "draw.py").write_text("from morphovote.report.figures import style\n")
    before, after = digest_after_edit(package, "draw.py", module)
    assert before != after
    before, after = digest_after_edit(package, "unwrap_polar.py", module)
    assert before == after


@pytest.mark.parametrize("module", ["vote/bagged.py", "vote/__init__.py"])
def test_unrelated_module_does_not_count(package, module):
    before, after = digest_after_edit(package, "unwrap_polar.py", module)
    assert before == after


def test_two_scripts_count_both(package):
    first = digests.code_digest(package / "unwrap_polar.py")
    both = digests.code_digest(package / "unwrap_polar.py", package / "encode_polar.py")
    assert first != both


def test_stamp_follows_content_of_small_files_and_time_of_large_ones(tmp_path, monkeypatch):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("bb")
    stamp = digests.file_stamp([one, two])
    os.utime(one, (1, 1))
    assert digests.file_stamp([one, two]) == stamp
    assert digests.file_stamp([two, one]) != stamp
    one.write_text("b")
    os.utime(one, (1, 1))
    assert digests.file_stamp([one, two]) != stamp
    monkeypatch.setattr(digests, "SMALL_FILE", 1)
    stamp = digests.file_stamp([one, two])
    os.utime(two, (1, 1))
    assert digests.file_stamp([one, two]) != stamp


def imports_of(path):
    """Modules of the package that a file imports, from its syntax tree, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("morphovote") for alias in node.names), path
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "morphovote":
            assert node.level == 0, path
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_found_in_the_text_are_those_of_the_syntax_tree():
    scripts = ROOT / "scripts"
    modules = {}
    for file in scripts.glob("morphovote/**/*.py"):
        modules[".".join(file.relative_to(scripts).with_suffix("").parts)] = file
    assert len(modules) > 90
    for path in [*scripts.glob("*.py"), *modules.values()]:
        files = set()
        for name in imports_of(path):
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                dotted = ".".join(parts[:end])
                files |= {modules[key] for key in (dotted, f"{dotted}.__init__") if key in modules}
        assert digests._imported_modules(path) == files, path


def test_a_module_among_the_scripts_counts_itself(package):
    script, figures = package / "plot_figure.py", package / "morphovote/report/figures"
    names = ("votes", "depth")
    before = [digests.code_digest(script, figures / f"{name}.py") for name in names]
    (figures / "votes.py").write_text((figures / "votes.py").read_text() + "\n# an edit\n")
    digests._imported_modules.cache_clear()
    after = [digests.code_digest(script, figures / f"{name}.py") for name in names]
    assert after[0] != before[0] != before[1] == after[1]
