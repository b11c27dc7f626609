"""Runs that are killed, run twice, or find changed files or times."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from bad_input import catalogue, image, pixels, sky
from project import copy_project

DAY = 86400
SOURCES = "results/small/sources.fits"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("faults"))


def test_one_folder_takes_one_run_and_is_free_again_after_unlock(checkout, small_config):
    config = small_config
    target = "results/small/simulated/image.fits"
    (checkout.folder / "small.yaml").unlink(missing_ok=True)
    checkout.snakemake("--dry-run", target, config=config)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "small.yaml"]
    with open(checkout.folder / "first.log", "w") as log:
        first = subprocess.Popen(
            [*command, "--replace-workflow-config", target],
            cwd=checkout.folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    locks = checkout.folder / ".snakemake/locks"
    while not (locks.is_dir() and any(locks.iterdir())):
        assert first.poll() is None, (checkout.folder / "first.log").read_text()
        time.sleep(0.05)
    second = checkout.snakemake(target, config=config, check=False)
    assert second.returncode != 0
    assert "cannot be locked" in second.stdout
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    # The first run is gone and could not take its lock away: it stays until someone says so.
    third = checkout.snakemake(target, config=config, check=False)
    assert third.returncode != 0
    assert "--unlock" in third.stdout
    checkout.snakemake("--unlock", config=config)
    checkout.snakemake(target, config=config)
    assert (checkout.folder / target).is_file()


@pytest.fixture
def given(tmp_path_factory):
    """A checkout with a field of an image and a catalogue, as far as its source list."""
    project = copy_project(tmp_path_factory.mktemp("given"))
    image(project.folder)
    catalogue(project.folder)
    field = {"images": "image.fits", "catalogue": "cat.fits"}
    config = {"fields": {"small": field}, "voting": {"groups": 2}}
    project.snakemake(SOURCES, config=config)
    return project, config


def planned(project, config) -> bool:
    """Whether the source list would be made again."""
    return "list_sources" in project.snakemake("--dry-run", SOURCES, config=config).stdout


def test_a_file_of_the_user_is_seen_to_change_whatever_its_time(given):
    project, config = given
    path = project.folder / "cat.fits"
    assert not planned(project, config)
    # Edited after the clock was set back, or replaced by an older file with its time.
    path.unlink()
    catalogue(project.folder, sky(mag=[19.0, 23.0]))
    os.utime(path, (time.time() - DAY,) * 2)
    assert planned(project, config)
    project.snakemake(SOURCES, config=config)
    assert not planned(project, config)
    # The same file from a clock that is ahead.
    os.utime(path, (time.time() + DAY,) * 2)
    assert not planned(project, config)


def test_a_large_file_from_the_future_stops_the_run_by_name_until_its_time_is_mended(given):
    """Snakemake compares small files by content and large ones by time; nothing goes round."""
    project, config = given
    path = project.folder / "image.fits"
    path.unlink()
    image(project.folder, np.pad(pixels(), ((0, 400), (0, 400))))
    assert path.stat().st_size > 1_000_000
    os.utime(path, (time.time() + DAY,) * 2)
    process = project.snakemake(SOURCES, config=config, check=False)
    assert process.returncode != 0
    assert "older modification time" in process.stdout
    assert "than input image.fits" in process.stdout
    assert not (project.folder / SOURCES).exists()
    os.utime(path, None)
    project.snakemake(SOURCES, config=config)
    assert not planned(project, config)


def test_the_message_stands_below_what_snakemake_says(given):
    project, config = given
    field = config["fields"]["small"] | {"columns": {"ra": "RAA"}}
    wrong = config | {"fields": {"small": field}}
    lines = project.snakemake(SOURCES, config=wrong, check=False).stdout.strip().splitlines()
    # Where its log is, how long it took, and that it failed: Snakemake's last four lines.
    assert lines[-7:-4] == [
        "ERROR: cat.fits: no column 'RAA'. It has: id, ra, dec, mag.",
        "Correct `columns` or `select`.",
        "(results/small/logs/list_sources.log)",
    ]
    assert lines[-2:] == ["WorkflowError:", "At least one job did not complete successfully."]


def test_a_killed_job_is_told_and_made_again(checkout, small_config):
    target = "results/small/simulated/truth.fits"
    config = small_config | {"fields": {"small": {"simulate": {"galaxies": 61, "seed": 3}}}}
    script = f"{checkout.folder}/.snakemake/scripts/"

    def kill():
        while True:
            time.sleep(0.1)
            for entry in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    words = (entry / "cmdline").read_bytes().decode().split("\0")
                    if any(word.startswith(script) for word in words):
                        os.kill(int(entry.name), signal.SIGKILL)
                        return

    Thread(target=kill, daemon=True).start()
    process = checkout.snakemake(target, config=config, check=False)
    assert process.returncode != 0
    assert "ERROR: a job was killed from outside" in "\n".join(process.stdout.splitlines()[-6:])
    assert not (checkout.folder / target).exists()
    checkout.snakemake(target, config=config)
    assert (checkout.folder / target).is_file()


def test_a_damaged_shard_names_the_rule_to_run_again(finished, small_config, tmp_path):
    """Through the workflow: the message, and that following it helps."""
    # In a copy, so that other tests find the run as it was. Some of its inputs have absolute paths.
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    copy, triggers = replace(finished, folder=tmp_path), ("--rerun-triggers", "mtime", "params")
    path = copy.folder / "results/small/cutouts/00001.h5"
    whole, votes = path.read_bytes(), (copy.folder / "results/small/votes.h5").read_bytes()
    content = bytearray(whole)
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, None)
    process = copy.snakemake("results/small/votes.h5", *triggers, config=small_config, check=False)
    assert process.returncode != 0
    said = [line for line in process.stdout.splitlines() if "ERROR:" in line]
    assert any("cutouts/00001.h5: is damaged" in line for line in said), process.stdout[-3000:]
    assert "make_cutouts makes it again" in process.stdout
    assert "Traceback" not in process.stdout
    path.unlink()
    # Asked for by name: Snakemake does not look behind a deleted file whose followers are there.
    shard = "results/small/cutouts/00001.h5"
    copy.snakemake(shard, "results/small/votes.h5", *triggers, config=small_config)
    assert path.read_bytes() == whole
    assert (copy.folder / "results/small/votes.h5").read_bytes() == votes
