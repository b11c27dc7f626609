"""No pinned package has a known vulnerability, as far as an offline database knows.

MORPHOVOTE_ADVISORIES names a folder of advisories in the OSV format (YAML or JSON), such as a clone
of https://github.com/pypa/advisory-database.
"""

import json
import os
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from paths import ROOT

FOLDER = os.environ.get("MORPHOVOTE_ADVISORIES")


def pinned() -> dict[str, set[str]]:
    """Versions of every package in the lock files; on other systems some have another."""
    found = {}
    for name in ("run.txt", "dev.txt"):
        for line in (ROOT / "requirements" / name).read_text().splitlines():
            if line[:1].isalpha():
                requirement = Requirement(line.rstrip(" \\"))
                versions = {pin.version for pin in requirement.specifier}
                found.setdefault(canonicalize_name(requirement.name), set()).update(versions)
    return found


def read_advisories(folder: Path, names: set[str]) -> list[dict]:
    """Advisories that are not withdrawn and name one of some packages."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".json", ".yaml"):
            continue
        text = path.read_text(encoding="utf-8")
        advisory = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        packages = {canonicalize_name(part["package"]["name"]) for part in parts(advisory)}
        if packages & names and "withdrawn" not in advisory:
            found.append(advisory)
    return found


def parts(advisory: dict) -> list[dict]:
    """Of what an advisory affects, what comes from PyPI."""
    affected = advisory.get("affected", []) if isinstance(advisory, dict) else []
    return [part for part in affected if part.get("package", {}).get("ecosystem") == "PyPI"]


def affects(advisory: dict, name: str, version: str) -> bool:
    """Whether an advisory lists a version or has it in a range (OSV schema, `affected`)."""
    for part in parts(advisory):
        if canonicalize_name(part["package"]["name"]) != name:
            continue
        if version in part.get("versions", []):
            return True
        for span in part.get("ranges", []):
            if span["type"] == "ECOSYSTEM" and within(span["events"], Version(version)):
                return True
    return False


def within(events: list[dict], version: Version) -> bool:
    """Whether a version comes after an introduction without a fix between them."""
    inside = False
    marks = [(_version(value), kind) for event in events for kind, value in event.items()]
    for mark, kind in sorted(marks):
        if kind == "introduced" and version >= mark:
            inside = True
        if (kind == "fixed" and version >= mark) or (kind == "last_affected" and version > mark):
            inside = False
    return inside


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


@pytest.mark.skipif(not FOLDER, reason="MORPHOVOTE_ADVISORIES names no folder of advisories")
def test_no_pinned_package_is_known_to_be_vulnerable():
    pins = pinned()
    advisories = read_advisories(Path(FOLDER), set(pins))
    assert advisories, f"{FOLDER} holds no advisory on any of {len(pins)} packages"
    found = [
        f"{advisory['id']}: {name} {version}"
        for advisory in advisories
        for name, versions in pins.items()
        for version in versions
        if affects(advisory, name, version)
    ]
    assert found == []


def test_every_pin_is_read():
    pins = pinned()
    assert len(pins) > 100
    assert all(len(versions) >= 1 for versions in pins.values())
    assert {"torch", "numpy", "jinja2", "snakemake"} <= set(pins)


@pytest.mark.parametrize(
    ("version", "vulnerable"),
    [("1.0", True), ("1.9", True), ("2.0", False), ("3.0", False), ("3.1", True), ("3.2", True),
     ("3.3", False), ("0.5", False), ("7.0", True)],
)  # fmt: skip
def test_the_check_finds(tmp_path, version, vulnerable):
    span = [
        {"introduced": "1.0"},
        {"fixed": "2.0"},
        {"introduced": "3.1"},
        {"last_affected": "3.2"},
    ]
    package = {"ecosystem": "PyPI", "name": "Some_Package"}
    advisory = {
        "id": "X-1",
        "affected": [
            {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": span}],
             "versions": ["7.0"]},
        ],
    }  # fmt: skip
    (tmp_path / "vulns").mkdir()
    (tmp_path / "vulns/a.yaml").write_text(yaml.safe_dump(advisory))
    gone = advisory | {"id": "X-2", "withdrawn": "2024-01-01T00:00:00Z"}
    (tmp_path / "vulns/b.json").write_text(json.dumps(gone))
    found = read_advisories(tmp_path, {"some-package"})
    assert [entry["id"] for entry in found] == ["X-1"]
    assert affects(found[0], "some-package", version) == vulnerable
    assert not affects(found[0], "other", version)
    assert read_advisories(tmp_path, {"other"}) == []
