"""The digest of a script's library code follows imports, and nothing else."""

import ast
import os
import shutil

import pytest
from paths import ROOT

from morphovote import provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the scripts that may be edited."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "scripts/morphovote")
    provenance._imported_modules.cache_clear()
    yield tmp_path / "scripts"
    provenance._imported_modules.cache_clear()


def digest_after_edit(package, script, module):
    before = provenance.code_digest(package / script)
    path = package / "morphovote" / module
    path.write_text(path.read_text() + "\n# edited\n")
    return before, provenance.code_digest(package / script)


def test_direct_import_counts(package):
    before, after = digest_after_edit(package, "unwrap_polar.py", "polar.py")
    assert before != after


def test_indirect_import_counts(package):
    # The script imports shards only through others or itself; errors only through shards.
    before, after = digest_after_edit(package, "fit_pca.py", "errors.py")
    assert before != after


def test_unrelated_module_does_not_count(package):
    before, after = digest_after_edit(package, "unwrap_polar.py", "voting.py")
    assert before == after


def test_two_scripts_count_both(package):
    first = provenance.code_digest(package / "unwrap_polar.py")
    both = provenance.code_digest(package / "unwrap_polar.py", package / "encode_polar.py")
    assert first != both


def test_stamp_follows_content_of_small_files_and_time_of_large_ones(tmp_path, monkeypatch):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("bb")
    stamp = provenance.file_stamp([one, two])
    os.utime(one, (1, 1))
    assert provenance.file_stamp([one, two]) == stamp
    assert provenance.file_stamp([two, one]) != stamp
    one.write_text("b")
    os.utime(one, (1, 1))
    assert provenance.file_stamp([one, two]) != stamp
    monkeypatch.setattr(provenance, "SMALL_FILE", 1)
    stamp = provenance.file_stamp([one, two])
    os.utime(two, (1, 1))
    assert provenance.file_stamp([one, two]) != stamp


def test_imports_found_in_the_text_are_those_of_the_syntax_tree():
    scripts = ROOT / "scripts"
    for path in [*scripts.glob("*.py"), *scripts.glob("morphovote/*.py")]:
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".", 1)[-1] for alias in node.names
                          if alias.name.startswith("morphovote")}  # fmt: skip
            elif isinstance(node, ast.ImportFrom) and node.module == "morphovote":
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("morphovote."):
                names.add(node.module.removeprefix("morphovote."))
        modules = {name for name in names if (scripts / f"morphovote/{name}.py").is_file()}
        found = {file.stem for file in provenance._imported_modules(path)} - {"__init__"}
        assert found == modules, path
