"""Only the rules that need them load the heavy libraries."""

import ast
import subprocess
import sys

import pytest
from paths import ROOT

SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))
# Rules whose work is done by a network, or on the simulated sky of its training.
WITH_TORCH = {
    "check_stability", "denoise_cutouts", "encode_polar", "fetch_encoder", "inject_galaxies",
    "simulate_training_set", "train_denoiser", "train_encoder", "unwrap_polar",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in WITH_TORCH])
def test_scripts_without_a_network_do_not_load_torch(name):
    tree = ast.parse((ROOT / f"scripts/{name}.py").read_text(encoding="utf-8"))
    lines = [
        ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    code = "; ".join([*lines, "import sys", "sys.exit('torch' in sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", check=False)
    assert done.returncode == 0, f"{name} loads torch"
