"""The pins of the environments."""

import re

import yaml
from packaging.requirements import Requirement
from paths import ROOT


def locked_pins(python: str) -> dict[str, str]:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    pins = {}
    for line in (ROOT / "requirements/run.txt").read_text().splitlines():
        if line[:1].isalpha():
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate(environment):
                pins[requirement.name] = str(requirement.specifier)
    return pins


def test_conda_environment_has_the_locked_pins():
    environment = yaml.safe_load((ROOT / "envs/morphovote.yaml").read_text())
    python = environment["dependencies"][0].removeprefix("python=")
    pip = environment["dependencies"][-1]["pip"]
    pins = locked_pins(python)
    wanted = (ROOT / "requirements/run.in").read_text()
    names = re.findall(r"^[a-z][a-z0-9-]*", wanted, flags=re.MULTILINE)
    assert sorted(pip) == sorted(name + pins[name] for name in names)


def test_locks_are_hashed_and_name_no_index():
    for name in ("run.txt", "dev.txt", "docs.txt"):
        text = (ROOT / "requirements" / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "--index-url" not in text
