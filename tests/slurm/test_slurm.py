"""The workflow on a real Slurm: submitted, a job lost, repeated, and the same catalogue."""

import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from astropy.table import Table
from cluster import Cluster, find_programs
from project import copy_project

# Two shards and few fits: what is tried is the submitting; each job starts Snakemake twice.
SMALL = {
    "fields": {"small": {"simulate": {"galaxies": 40, "seed": 3}}},
    "shard_size": 20,
    "denoiser": {"epochs": 1},
    "voting": {"groups": 3, "voters": 4},
    "classes": {"anchors": 10},
    "measure": {"select": {"mag": [None, 22]}},
}
CATALOGUE = "results/small/catalogue.fits"
DOOMED = "denoise_cutouts"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    missing = find_programs()
    if missing:
        pytest.fail(f"no {', '.join(missing)}: install Debian's slurm-wlm and munge, or be root")
    with Cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.mark.timeout(2400)
def test_a_run_with_a_lost_job_gives_the_catalogue_of_a_local_run(cluster, tmp_path):
    (tmp_path / "local").mkdir()
    (tmp_path / "slurm").mkdir()
    local = copy_project(tmp_path / "local")
    local.snakemake(CATALOGUE, config=SMALL)

    remote = copy_project(tmp_path / "slurm")
    (remote.folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    log = tmp_path / "slurm.log"
    with open(log, "wb") as output:
        run = subprocess.Popen(
            [
                sys.executable, "-m", "snakemake", CATALOGUE,
                "--workflow-profile", "profiles/slurm",
                "--configfile", "small.yaml", "--replace-workflow-config",
                # One node without accounting, two cores, no network file system.
                "--slurm-status-command", "squeue", "--slurm-no-account",
                "--slurm-init-seconds-before-status-checks", "2",
                "--seconds-between-status-checks", "2", "--max-threads", "2",
                "--latency-wait", "5", "--default-resources", "mem_mb=2000", "runtime=30",
            ],
            cwd=remote.folder, env=cluster.environment, stdout=output, stderr=output,
        )  # fmt: skip
    submitted, killed = set(), None
    while run.poll() is None:
        queue = cluster.ask("squeue", "-h", "-o", "%i|%T|%k|%j")
        for line in queue.splitlines():
            number, state, comment, name = line.split("|", 3)
            submitted.add((number, name))
            if killed is None and state == "RUNNING" and DOOMED in comment:
                cluster.ask("scancel", number)
                killed = number
        time.sleep(0.3)
    text = log.read_text()
    assert run.returncode == 0, text[-6000:]
    assert killed is not None, text[-6000:]
    assert "Trying to restart job" in text
    assert len(submitted) > 10
    assert all(name.startswith("morphovote") for _, name in submitted)

    tables = [Table.read(project.folder / CATALOGUE) for project in (local, remote)]
    assert tables[0].colnames == tables[1].colnames
    for name in tables[0].colnames:
        first, second = (np.ma.filled(np.ma.asarray(table[name])) for table in tables)
        assert first.tobytes() == second.tobytes(), name
