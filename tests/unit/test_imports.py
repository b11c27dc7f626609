"""Only the rules that need them load the heavy libraries."""

import ast
import json
import subprocess
import sys

import pytest
from paths import ROOT

# Rules whose work is done by a network, or on the simulated sky of its training.
WITH_TORCH = {
    "adapt_encoder", "check_stability", "compare_bands", "denoise_cutouts", "draw_field_views",
    "draw_sky_views",
    "encode_polar", "fetch_encoder", "find_similar", "inject_galaxies", "judge_adaptation",
    "make_anchors", "measure_anchors", "prepare_sky", "simulate_training_set", "train_denoiser",
    "train_encoder", "unwrap_polar",
}  # fmt: skip
# In one interpreter, one after the other: torch is absent until the first that loads it.
CODE = """
import json, sys
for name, lines in json.load(sys.stdin):
    exec(lines, {})
    if "torch" in sys.modules:
        sys.exit(f"{name} loads torch")
"""


def load(imports, folder) -> str:
    """Which of some scripts, given as (name, import lines), is the first to load torch."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        input=json.dumps(imports),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stderr.strip()


@pytest.mark.slow
def test_scripts_without_a_network_do_not_load_torch():
    imports = {}
    for path in sorted((ROOT / "scripts").glob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        lines = [ast.unparse(n) for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
        imports[path.stem] = "\n".join(lines)
    assert imports.keys() > WITH_TORCH
    light = [item for item in imports.items() if item[0] not in WITH_TORCH]
    assert load(light, ROOT / "scripts") == ""


def test_a_script_that_loads_torch_is_named(tmp_path):
    (tmp_path / "torch.py").touch()
    (tmp_path / "other.py").write_text("import torch\n")
    imports = [("one", "import ast"), ("two", "from other import torch"), ("three", "import ast")]
    assert load(imports, tmp_path) == "two loads torch"
