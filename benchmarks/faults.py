"""Kill a run with -9 again and again, and compare its catalogue with an undisturbed run's.

    python benchmarks/faults.py                    # 20 kills on 36 simulated galaxies, 4 shards
    python benchmarks/faults.py --kills 5 --galaxies 24

Kills come at random moments, in turn of the whole run (Snakemake and its jobs at once) and of one
job's process alone (as the kernel does that runs out of memory). After each the run is started
again. Every kill is one row of docs/figures/faults.csv: what was at work, how many files of
finished jobs there were, and how many of them the next start made again.
"""

import argparse
import base64
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from paths import ROOT
from project import Project, copy_project

CATALOGUES = ("catalogue.fits", "catalogue.parquet", "catalogue.vot")


def small_config(galaxies: int) -> dict:
    """A field with four shards that runs through every stage up to the catalogue."""
    return {
        "fields": {"small": {"simulate": {"galaxies": galaxies, "seed": 3}}},
        "shard_size": -(-galaxies // 4),
        "denoiser": {"epochs": 1},
        "voting": {"groups": 3, "voters": 4},
    }


def start(project: Project, cores: int) -> subprocess.Popen:
    """Start the workflow up to the catalogue, in a session of its own."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--configfile"]
    command += ["small.yaml", "--replace-workflow-config", "results/small/catalogue.fits"]
    with open(project.folder / "run.log", "a") as log:
        return subprocess.Popen(
            command, cwd=project.folder, stdout=log, stderr=log, start_new_session=True
        )


def jobs_of(process: subprocess.Popen) -> dict[int, str]:
    """Processes that run a rule's script now, with the rule's name."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            session = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[3])
        except (OSError, ValueError, IndexError):
            continue
        names = [w for w in words if b".snakemake/scripts/" in w and w.endswith(b".py")]
        if session == process.pid and names:
            # Snakemake's copies are called tmp<random>.<script>.py.
            found[int(entry.name)] = Path(names[0].decode()).name.split(".")[-2]
    return found


def finished_files(project: Project) -> dict[str, tuple[int, str]]:
    """Time and digest of every file that a job has left whole."""
    folder = project.folder / "results"
    unfinished = incomplete(project)
    return {
        name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".h5", ".fits", ".safetensors", ".parquet", ".yaml")
        and not path.name.startswith(".")
        and "/polar/" not in str(path)
        and (name := str(path.relative_to(project.folder))) not in unfinished
    }  # fmt: skip


def incomplete(project: Project) -> set[str]:
    """Outputs of the jobs that had begun and not ended, as Snakemake keeps book of them."""
    names = set()
    for mark in (project.folder / ".snakemake/incomplete").glob("*"):
        try:
            names.add(base64.b64decode(mark.name, altchars=b"-_").decode())
        except ValueError:
            continue
    return names


def kill_somewhere(project: Project, cores: int, whole: bool, rng: random.Random) -> dict | None:
    """Start, wait for a random time, kill; None where the run ended before."""
    process = start(project, cores)
    # Snakemake itself needs some seconds before its first job.
    begun = time.monotonic()
    while not jobs_of(process) and process.poll() is None:
        time.sleep(0.2)
    wait = time.monotonic() + rng.expovariate(1 / 4)
    while time.monotonic() < wait and process.poll() is None:
        time.sleep(0.05)
    jobs = jobs_of(process)
    while not jobs and process.poll() is None:
        time.sleep(0.05)
        jobs = jobs_of(process)
    if process.poll() is not None:
        return None
    if whole:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        os.kill(rng.choice(sorted(jobs)), signal.SIGKILL)
    process.wait()
    while jobs_of(process):
        time.sleep(0.1)
    return {
        "killed": "the run" if whole else "one job",
        "at work": " ".join(sorted(set(jobs.values()))),
        "after (s)": f"{time.monotonic() - begun:.1f}",
    }


def unlock(project: Project) -> None:
    """What a user does after a run was killed: Snakemake's lock is still there."""
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--unlock", "--configfile", "small.yaml",
         "--replace-workflow-config"],
        cwd=project.folder, check=True, capture_output=True,
    )  # fmt: skip


def digests(project: Project) -> dict[str, str]:
    """SHA-256 of the catalogue's files."""
    folder = project.folder / "results/small"
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in CATALOGUES}


def run_with_kills(project: Project, kills: int, cores: int, seed: int) -> list[dict]:
    """Kill a run `kills` times, then let it end; starts anew where it ends before."""
    rng = random.Random(seed)
    rows, before = [], {}
    while len(rows) < kills:
        row = kill_somewhere(project, cores, len(rows) % 2 == 0, rng)
        if row is None:
            # Done too early: the next kills hit another run of the same field.
            shutil.rmtree(project.folder / "results")
            before = {}
            continue
        after = finished_files(project)
        row["made again"] = sum(after.get(name) != value for name, value in before.items())
        row["finished files"] = len(after)
        row["half files"] = count_parts(project)
        rows.append(row)
        print(len(rows), row, flush=True)
        before = after
        if row["killed"] == "the run":
            unlock(project)
    process = start(project, cores)
    if process.wait():
        raise SystemExit(f"the last start failed: see {project.folder / 'run.log'}")
    after = finished_files(project)
    again = sum(after.get(name) != value for name, value in before.items())
    rows.append({"killed": "nothing", "at work": "", "after (s)": "", "made again": again,
                 "finished files": len(after), "half files": count_parts(project)})  # fmt: skip
    return rows


def count_parts(project: Project) -> int:
    """Files under a temporary name: what a kill left of a write, never read by anyone."""
    return sum(path.name.endswith(".part") for path in (project.folder / "results").rglob(".*"))


def main() -> None:
    """Run, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--galaxies", type=int, default=36)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/figures/faults.csv")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: copy_project(Path(folder) / name) for name in ("undisturbed", "killed")}
        for project in runs.values():
            text = yaml.safe_dump(small_config(options.galaxies))
            (project.folder / "small.yaml").write_text(text)
        begun = time.monotonic()
        if start(runs["undisturbed"], options.cores).wait():
            sys.exit((runs["undisturbed"].folder / "run.log").read_text()[-3000:])
        print(f"undisturbed: {time.monotonic() - begun:.0f} s", flush=True)
        rows = run_with_kills(runs["killed"], options.kills, options.cores, options.seed)
        same = digests(runs["undisturbed"]) == digests(runs["killed"])
    lines = [",".join(rows[0])] + [",".join(str(row[key]) for key in rows[0]) for row in rows]
    options.output.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    print(
        f"{options.kills} kills; the catalogue is {'the same' if same else 'ANOTHER'} bit for bit"
    )
    sys.exit(not same)


if __name__ == "__main__":
    main()
