"""Run a small field 50 times with random changes of its config; compare each with a clean run.

    python benchmarks/soak.py                          # to a CSV in docs/figures
    python benchmarks/soak.py --work soak --minutes 9  # some of the runs; again for the next ones

All runs use one folder. Before each run another config is drawn from a pool, in which every config
differs from an earlier one by one random key. The results are compared, byte by byte, with those of
the same config in an empty folder (one clean run per config). Jobs are forked from a process that
has imported the libraries (benchmarks/forked.py); the clean run of the first config is repeated as
users run it, with a new Python for every job.
"""

import contextlib
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import forked
import yaml
from common import FIGURES, new_parser
from forked import CATALOGUE, CATALOGUES, TINY
from project import Project, changed, copy_project
from tables import write_table

CHANGES = {
    "fields.small.simulate.seed": (3, 4),
    "shard_size": (10, 7, 20),
    "cutout.neighbours": ("mask", "keep"),
    "cutout.size": (48, 40),
    "denoiser.seed": (0, 1),
    "encoder.rotations": (2, 1),
    "encoder.weights": ("bundled", "random"),
    "pca.components": (0.95, 4),
    "voting.groups": (3, 2),
    "voting.seed": (0, 1),
    "voting.agreement": (0.667, 0.5),
    "classes.names": (None, "one.yaml", "two.yaml"),
    "measure.select": ({"mag": [None, 22]}, {"mag": [None, 21]}),
}
NAMES = {"one.yaml": "groups: {0: SPH, 1: LTD}\n", "two.yaml": "groups: {0: IRR, 1: LTD}\n"}


def get(config: dict, key: str):
    """Value of a dotted key, None if it is not given."""
    for part in key.split("."):
        config = (config or {}).get(part)
    return config


def draw_pool(count: int, rng: random.Random) -> list[tuple[str, dict]]:
    """Draw `count` different configs, each with the key in which it differs from an earlier one.

    Every key is used once before any is used again.
    """
    pool, keys = [("the first", TINY)], []
    while len(pool) < count:
        keys = keys or rng.sample(sorted(CHANGES), len(CHANGES))
        key, base = keys.pop(), rng.randrange(len(pool))
        now = get(pool[base][1], key)
        known = now if now is not None else CHANGES[key][0]
        value = rng.choice([value for value in CHANGES[key] if value != known])
        config = changed(pool[base][1], key, value)
        if all(effect(config) != effect(other) for _, other in pool):
            pool.append((f"{base} with {key}: {value}", config))
    return pool


def effect(config: dict) -> list:
    """Values of a config, with the first of `CHANGES` for keys that it leaves out."""
    found = {key: get(config, key) for key in CHANGES}
    return [CHANGES[key][0] if value is None else value for key, value in found.items()]


def run(project: Project, config: dict, cores: int, ordinary: bool = False) -> tuple[float, int]:
    """Run the workflow up to the catalogue; return seconds and number of jobs."""
    (project.folder / "small.yaml").write_text(yaml.safe_dump(config))
    words = ["--cores", str(cores), "--configfile", "small.yaml", "--replace-workflow-config"]
    words.append(CATALOGUE)
    log = project.folder / "run.log"
    log.unlink(missing_ok=True)
    begun = time.monotonic()
    if ordinary:
        command = [sys.executable, "-m", "snakemake", *words]
        with open(log, "w") as file:
            code = subprocess.run(command, cwd=project.folder, stdout=file, stderr=file).returncode
    else:
        code = forked.wait(forked.start_snakemake(project.folder, words, log))
    text = log.read_text()
    if code:
        sys.exit(f"a run failed with {config}:\n{text[-4000:]}")
    jobs = len(re.findall(r"^(?:local)?(?:rule|checkpoint) \w+:$", text, flags=re.MULTILINE))
    return round(time.monotonic() - begun), jobs


def fresh(folder: Path) -> Project:
    """A copy of the project with the files of names."""
    project = copy_project(folder)
    for name, text in NAMES.items():
        (folder / name).write_text(text)
    return project


def draw_run(number: int, count: int, seed: int) -> int:
    """Index of the config of the `number`-th run: first the first, then none twice in a row."""
    rng, now = random.Random(seed), 0
    for _ in range(number):
        now = rng.choice([other for other in range(count) if other != now])
    return now


def clean_run(place: Path, number: int, config: dict, cores: int, ordinary: bool = False) -> dict:
    """Results of a config in an empty folder; read from `place` if known."""
    path = place / f"clean_{number}{'_ordinary' * ordinary}.json"
    if path.is_file():
        return json.loads(path.read_text())
    shutil.rmtree(place / "clean", ignore_errors=True)
    project = fresh(place / "clean")
    seconds, jobs = run(project, config, cores, ordinary)
    found = {"seconds": seconds, "jobs": jobs, "files": forked.content(project.folder)}
    path.write_text(json.dumps(found))
    return found


def main() -> None:
    """Run, compare, write the table."""
    parser = new_parser(__doc__, FIGURES / "soak.csv")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--configs", type=int, default=14)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="a folder to keep and continue from")
    parser.add_argument("--minutes", type=float, default=600, help="start no run after these")
    options = parser.parse_args()
    forked.import_libraries()
    end = time.monotonic() + 60 * options.minutes
    pool = draw_pool(options.configs, random.Random(options.seed))
    with contextlib.ExitStack() as stack:
        place = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        done = place / "runs.json"
        rows = json.loads(done.read_text()) if done.is_file() else []
        soaked = Project(place / "soaked") if rows else fresh(place / "soaked")
        while len(rows) < options.runs and time.monotonic() < end:
            now = draw_run(len(rows), len(pool), options.seed)
            change, config = pool[now]
            clean = clean_run(place, now, config, options.cores)
            seconds, jobs = run(soaked, config, options.cores)
            found = forked.content(soaked.folder)
            differ = [name for name, known in clean["files"].items() if found.get(name) != known]
            row = {"run": len(rows) + 1, "config": now, "change": change, "seconds": seconds,
                   "jobs": jobs, "seconds clean": clean["seconds"], "jobs clean": clean["jobs"],
                   "files": len(clean["files"]), "files that differ": " ".join(differ) or "none",
                   "catalogue": "another" if {*differ} & {*CATALOGUES} else "the same"}  # fmt: skip
            rows.append(row)
            done.write_text(json.dumps(rows))
            print(row, flush=True)
        if rows:
            write_table(options.output, rows)
        if len(rows) < options.runs:
            sys.exit(f"{len(rows)} of {options.runs} runs are done")
        known = [
            clean_run(place, n, pool[n][1], options.cores) for n in {r["config"] for r in rows}
        ]
        usual = clean_run(place, 0, pool[0][1], options.cores, ordinary=True)
        first = clean_run(place, 0, pool[0][1], options.cores)
    wrong = sum(row["catalogue"] != "the same" for row in rows)
    same = usual["files"] == first["files"]
    several = len({clean["files"]["catalogue.fits"] for clean in known})
    print(f"{len(rows)} runs, {wrong} with a catalogue different from that of a clean run")
    print(f"{len(known)} configs, with {several} different catalogues")
    print(f"as users run it: {'the same' if same else 'DIFFERENT'} files, {usual['seconds']} s")
    sys.exit(bool(wrong) or not same)


if __name__ == "__main__":
    main()
