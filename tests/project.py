"""A copy of the project in which tests run a small field."""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from paths import ROOT

SMALL = {
    "fields": {"small": {"simulate": {"galaxies": 60, "seed": 3}}},
    "shard_size": 30,
    "denoiser": {"epochs": 2},
    "voting": {"groups": 4, "voters": 7},
    "classes": {"anchors": 80},
}


@dataclass
class Project:
    """A checkout in which the workflow runs."""

    folder: Path

    def snakemake(self, *arguments: str, config: dict | None = None, check: bool = True):
        """Run snakemake on a config, and return the finished process with its output."""
        path = self.folder / "small.yaml"
        path.write_text(yaml.safe_dump(config or SMALL))
        command = ["--cores", "2", "--configfile", path.name, "--replace-workflow-config"]
        process = run_snakemake(self.folder, [*command, *arguments])
        if check:
            assert process.returncode == 0, process.stdout[-6000:]
        return process

    def plan(self, config: dict | None = None) -> set[str]:
        """Rules that a run would execute now, without `all`."""
        output = self.snakemake("--dry-run", config=config).stdout
        rules = re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", output, flags=re.MULTILINE)
        return set(rules) - {"all"}


@cache
def snakemake_server() -> subprocess.Popen:
    """The process that has Snakemake loaded; what it starts is of its group."""
    command = [sys.executable, str(ROOT / "tests/snakemake_server.py")]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)


def stop_snakemake() -> None:
    """End the process that has Snakemake loaded, and a run that goes on."""
    server = snakemake_server()
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    snakemake_server.cache_clear()


def run_snakemake(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess:
    """Run snakemake in a folder; its output and errors are in `stdout`."""
    server = snakemake_server()
    with tempfile.NamedTemporaryFile() as output:
        start = {"folder": str(folder), "arguments": arguments, "output": output.name}
        print(json.dumps(start | {"environment": dict(os.environ)}), file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, Path(output.name).read_text())


def changed(config: dict, key: str, value) -> dict:
    """Copy of a config with one dotted key changed."""
    config = copy.deepcopy(config)
    *sections, last = key.split(".")
    part = config
    for section in sections:
        part = part.setdefault(section, {})
    part[last] = value
    return config


def copy_project(folder: Path) -> Project:
    """Copy what git tracks, and what it would, into a folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # What was compiled holds for copies of the same time, and costs half a minute to make.
    for path in ROOT.glob("scripts/morphovote/**/__pycache__/*.nb?"):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy2(path, copy)
    return Project(folder)
