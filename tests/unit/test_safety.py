"""No input file can make the project execute code."""

import ast

import pytest
from paths import ROOT

SOURCES = sorted(
    path
    for folder in ("scripts", "benchmarks", "tests", "docs")
    for path in (ROOT / folder).rglob("*.py")
)
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve",
                  "marshal"}  # fmt: skip
UNSAFE_CALLS = {"eval", "exec", "__import__", "yaml.load", "yaml.unsafe_load", "yaml.full_load",
                "yaml.load_all", "os.system", "os.popen", "torch.hub.load", "pandas.read_pickle",
                "joblib.load", "tarfile.extractall", "shutil.unpack_archive"}  # fmt: skip


def faults(source: str) -> list[str]:
    """Unsafe imports and calls in a text of Python."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] * (node.module.split(".")[0] in UNSAFE_MODULES)
            found += [
                name.name for name in node.names if f"{node.module}.{name.name}" in UNSAFE_CALLS
            ]
        elif isinstance(node, ast.Call):
            name, options = ast.unparse(node.func), {k.arg: k.value for k in node.keywords}
            if name in UNSAFE_CALLS:
                found.append(name)
            if name == "torch.load" and not _is(options.get("weights_only"), True):
                found.append("torch.load without weights_only=True")
            for option in ("allow_pickle", "shell"):
                if option in options and not _is(options[option], False):
                    found.append(f"{name} with {option}")
    return found


def _is(node, value) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_unsafe_reader_or_call(path):
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "yaml.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_the_check_finds(source):
    assert faults(source)


def test_what_is_safe_passes():
    assert faults("torch.load(path, weights_only=True)\nyaml.safe_load(file)\nnp.load(path)") == []


def test_no_rule_hands_names_to_a_shell():
    """All rules run scripts; a field's or a file's name is never part of a command line."""
    rules = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
    assert len(rules) > 10
    for path in rules:
        lines = [line.strip() for line in path.read_text().splitlines()]
        assert "shell:" not in lines
        assert "run:" not in lines
