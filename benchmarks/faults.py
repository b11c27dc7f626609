"""Kill a run with -9 repeatedly, and compare its catalogue with that of an undisturbed run.

    python benchmarks/faults.py                    # 20 kills, to a CSV in docs/figures

Kills come at random moments and hit, in turn, the whole run (Snakemake and its jobs at once) and
the process of one job (as the kernel does when memory runs out). They come at the first or second
job after a start, or up to three seconds later, so that they fall on every stage. The run is
restarted after each kill; if it finishes before the last kill, it starts again from scratch. Every
kill is one row of the table: the job that started last, the number of finished files, and how many
of the files finished before the previous kill were made again. Jobs are forked from a process that
has imported the libraries (benchmarks/forked.py).
"""

import base64
import hashlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import forked
import yaml
from common import FIGURES, new_parser
from forked import CATALOGUE, CATALOGUES, TINY
from project import Project, copy_project
from tables import print_table, write_table

CONFIG = ["--configfile", "small.yaml", "--replace-workflow-config"]


def start(project: Project, cores: int) -> int:
    """Start the workflow up to the catalogue, in a session of its own."""
    words = ["--cores", str(cores), *CONFIG, CATALOGUE]
    return forked.start_snakemake(project.folder, words, project.folder / "run.log")


def ended(process: int) -> bool:
    """Whether a run has ended; its exit code stays available to `forked.wait`."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def jobs_of(process: int) -> list[int]:
    """Processes of the jobs of a run: those that Snakemake started and that are still alive."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            if int(parent) == process and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def steps_done(project: Project, since: int) -> int:
    """Jobs that have finished successfully since a position in the log."""
    text = (project.folder / "run.log").read_text()[since:]
    return len(re.findall(r"^\d+ of \d+ steps", text, flags=re.MULTILINE))


def finished_files(project: Project) -> dict[str, tuple[int, str]]:
    """Time and digest of every file that a job has finished."""
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
    """Outputs of the jobs that started but did not finish, as recorded by Snakemake."""
    names = set()
    for mark in (project.folder / ".snakemake/incomplete").glob("*"):
        try:
            names.add(base64.b64decode(mark.name, altchars=b"-_").decode())
        except ValueError:
            continue
    return names


def kill_somewhere(project: Project, cores: int, whole: bool, rng: random.Random) -> dict | None:
    """Start, wait for a random moment, kill; None if the run ended before."""
    log = project.folder / "run.log"
    since = len(log.read_text()) if log.exists() else 0
    steps, wait = rng.randrange(2), rng.uniform(0, 3)
    process = start(project, cores)
    while not ended(process) and (not jobs_of(process) or steps_done(project, since) < steps):
        time.sleep(0.02)
    end = time.monotonic() + wait
    while not ended(process) and (time.monotonic() < end or not jobs_of(process)):
        time.sleep(0.02)
    jobs = jobs_of(process)
    if ended(process) or not jobs:
        code = forked.wait(process)
        if code:
            raise SystemExit(f"a start failed: see {log}\n{log.read_text()[-3000:]}")
        return None
    if whole:
        os.killpg(process, signal.SIGKILL)
    else:
        os.kill(rng.choice(jobs), signal.SIGKILL)
    forked.wait(process)
    text = log.read_text()[since:]
    return {
        "killed": "the run" if whole else "one job",
        "jobs done since the start": steps_done(project, since),
        "begun last": re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", text, re.MULTILINE)[-1],
    }


def unlock(project: Project) -> None:
    """Remove Snakemake's lock, as users do after a run was killed."""
    words = ["--unlock", *CONFIG]
    if forked.wait(forked.start_snakemake(project.folder, words, project.folder / "run.log")):
        raise SystemExit(f"unlocking failed: see {project.folder / 'run.log'}")


def run_with_kills(
    project: Project, kills: int, cores: int, seed: int
) -> tuple[list[dict], list[dict[str, str]]]:
    """Kill a run `kills` times, then let it finish; return kills, and files of each finish."""
    rng = random.Random(seed)
    rows, before, ends = [], {}, []
    while len(rows) < kills:
        row = kill_somewhere(project, cores, len(rows) % 2 == 0, rng)
        if row is None:
            # Finished too early: the next kills hit a new run of the same field.
            ends.append(forked.content(project.folder))
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
    if forked.wait(start(project, cores)):
        raise SystemExit(f"the last start failed: see {project.folder / 'run.log'}")
    after = finished_files(project)
    again = sum(after.get(name) != value for name, value in before.items())
    rows.append({"killed": "nothing", "jobs done since the start": "", "begun last": "",
                 "made again": again,
                 "finished files": len(after), "half files": count_parts(project)})  # fmt: skip
    return rows, [*ends, forked.content(project.folder)]


def count_parts(project: Project) -> int:
    """Count temporary files that interrupted writes left; nothing ever reads them."""
    return sum(path.name.endswith(".part") for path in (project.folder / "results").rglob(".*"))


def main() -> None:
    """Run, compare, write the table."""
    parser = new_parser(__doc__, FIGURES / "faults.csv")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    forked.import_libraries()
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: copy_project(Path(folder) / name) for name in ("undisturbed", "killed")}
        for project in runs.values():
            (project.folder / "small.yaml").write_text(yaml.safe_dump(TINY))
        begun = time.monotonic()
        if forked.wait(start(runs["undisturbed"], options.cores)):
            sys.exit((runs["undisturbed"].folder / "run.log").read_text()[-3000:])
        print(f"undisturbed: {time.monotonic() - begun:.0f} s", flush=True)
        rows, ends = run_with_kills(runs["killed"], options.kills, options.cores, options.seed)
        one = forked.content(runs["undisturbed"].folder)
    differ = [name for end in ends for name in one if one[name] != end.get(name)]
    write_table(options.output, rows)
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    print(
        f"{options.kills} kills, {sum(row['made again'] for row in rows)} finished files made again"
    )
    print(f"{len(ends)} runs, {len(one)} files; unlike the undisturbed run: {differ or 'none'}")
    sys.exit(bool(set(differ) & set(CATALOGUES)))


if __name__ == "__main__":
    main()
