"""Where the tests find the project, and the workflow's rules leave what a config points to."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PLACES = yaml.safe_load((ROOT / "workflow/places.yaml").read_text(encoding="utf-8"))
