"""Run a small field 50 times with its config changed at random, each time held against a clean run.

    python benchmarks/soak.py                  # to a CSV in docs/figures
    python benchmarks/soak.py --runs 10 --configs 4

One folder lives through all runs. Before each run another config is drawn from a pool in which
every config differs from an earlier one by one random key; what the run leaves is compared, byte by
byte, with what the same config leaves in an empty folder (one clean run a config). Most of a small
job's time is the import of its libraries, so jobs are forked from a process that has imported them;
the clean run of the first config is repeated as users run it, every job in a Python of its own.
"""

import argparse
import copy
import hashlib
import importlib
import os
import random
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from paths import ROOT
from project import Project, copy_project

LIBRARIES = (
    "numpy", "scipy.stats", "scipy.ndimage", "sklearn.cluster", "sklearn.linear_model",
    "torch", "timm", "huggingface_hub", "safetensors.torch", "h5py", "galsim", "statmorph",
    "astropy.io.fits", "astropy.io.votable", "astropy.table", "astropy.wcs", "pandas", "pyarrow",
    "skimage.measure", "snakemake.cli",
)  # fmt: skip
FIRST = {
    "fields": {"small": {"simulate": {"galaxies": 20, "seed": 3}}},
    "shard_size": 10,
    "cutout": {"size": 48},
    "denoiser": {"epochs": 1, "latent": 4},
    "voting": {"groups": 3, "voters": 4},
    "measure": {"select": {"mag": [None, 22]}},
}
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
CATALOGUES = ("catalogue.fits", "catalogue.parquet", "catalogue.vot", "catalogue.dat")


def get(config: dict, key: str):
    """Value of a dotted key, None where it is not given."""
    for part in key.split("."):
        config = (config or {}).get(part)
    return config


def changed(config: dict, key: str, value) -> dict:
    """Copy of a config with one dotted key changed."""
    config = copy.deepcopy(config)
    *sections, last = key.split(".")
    part = config
    for section in sections:
        part = part.setdefault(section, {})
    part[last] = value
    return config


def draw_pool(count: int, rng: random.Random) -> list[tuple[str, dict]]:
    """`count` different configs, each with what sets it apart from an earlier one."""
    pool = [("the first", FIRST)]
    while len(pool) < count:
        base = rng.randrange(len(pool))
        key = rng.choice(sorted(CHANGES))
        now = get(pool[base][1], key)
        known = now if now is not None else CHANGES[key][0]
        value = rng.choice([value for value in CHANGES[key] if value != known])
        config = changed(pool[base][1], key, value)
        if all(config != other for _, other in pool):
            pool.append((f"{base} with {key}: {value}", config))
    return pool


def run(project: Project, config: dict, cores: int, ordinary: bool = False) -> tuple[float, int]:
    """Run the workflow up to the catalogue; seconds, and how many jobs it took."""
    (project.folder / "small.yaml").write_text(yaml.safe_dump(config))
    words = ["--cores", str(cores), "--configfile", "small.yaml", "--replace-workflow-config",
             "results/small/catalogue.fits"]  # fmt: skip
    log = project.folder / "run.log"
    begun = time.monotonic()
    if ordinary:
        with open(log, "w") as file:
            command = [sys.executable, "-m", "snakemake", *words]
            code = subprocess.run(command, cwd=project.folder, stdout=file, stderr=file).returncode
    else:
        code = forked(lambda: snakemake_here(project, words, log))
    text = log.read_text()
    if code:
        sys.exit(f"a run failed with {config}:\n{text[-4000:]}")
    jobs = len(re.findall(r"^(?:local)?(?:rule|checkpoint) \w+:$", text, flags=re.MULTILINE))
    return time.monotonic() - begun, jobs


def forked(work) -> int:
    """Exit code of `work` in a copy of this process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except SystemExit as error:
            code = error.code
            if isinstance(code, str):
                print(code)
                code = 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(code or 0))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def snakemake_here(project: Project, words: list[str], log: Path) -> None:
    """Run snakemake in this process, its jobs in copies of it."""
    import snakemake.cli
    from snakemake.script import PythonScript

    os.chdir(project.folder)
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    PythonScript.execute_script = fork_script
    snakemake.cli.main(words)


def fork_script(script, path: str, edit: bool = False) -> None:
    """What Snakemake does with a rule's script, in a copy of this process and not a new Python."""

    def work():
        import torch
        from threadpoolctl import threadpool_limits

        torch.set_num_threads(script.threads)
        sys.argv = [path]
        with threadpool_limits(script.threads):
            runpy.run_path(path, run_name="__main__")

    code = forked(work)
    if code:
        raise subprocess.CalledProcessError(code, path)


def content(project: Project) -> dict[str, str]:
    """SHA-256 of every file that a run leaves, but logs, timings and what is temporary."""
    folder = project.folder / "results/small"
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and (name := str(path.relative_to(folder))).split("/")[0]
        not in ("logs", "benchmarks", "polar")
    }


def fresh(folder: Path) -> Project:
    """A copy of the project with the files of names."""
    project = copy_project(folder)
    for name, text in NAMES.items():
        (folder / name).write_text(text)
    return project


def main() -> None:
    """Run, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--configs", type=int, default=12)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=600, help="begin no run after these")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/figures/soak.csv")
    options = parser.parse_args()
    for name in LIBRARIES:
        importlib.import_module(name)
    rng = random.Random(options.seed)
    pool = draw_pool(options.configs, rng)
    clean: dict[int, dict[str, str]] = {}
    lines = ["run,config,seconds,jobs,seconds clean,jobs clean,files,files that differ,catalogue"]
    cost: dict[int, tuple[float, int]] = {}
    wrong, now, begun = 0, None, time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        soaked = fresh(Path(place) / "soaked")
        for number in range(1, options.runs + 1):
            if time.monotonic() - begun > 60 * options.minutes:
                break
            now = rng.choice([n for n in range(len(pool)) if n != now]) if number > 1 else 0
            if now not in clean:
                empty = fresh(Path(place) / "clean")
                cost[now] = run(empty, pool[now][1], options.cores)
                clean[now] = content(empty)
                shutil.rmtree(empty.folder)
            seconds, jobs = run(soaked, pool[now][1], options.cores)
            found = content(soaked)
            differ = [name for name, digest in clean[now].items() if found.get(name) != digest]
            same = not set(differ) & set(CATALOGUES)
            wrong += not same
            lines.append(
                f"{number},{pool[now][0].replace(',', ';')},{seconds:.0f},{jobs},"
                f"{cost[now][0]:.0f},{cost[now][1]},{len(clean[now])},{' '.join(differ) or 'none'},"
                f"{'same' if same else 'ANOTHER'}"
            )
            print(lines[-1], flush=True)
            options.output.write_text("\n".join(lines) + "\n")
        ordinary = fresh(Path(place) / "ordinary")
        seconds, jobs = run(ordinary, pool[0][1], options.cores, ordinary=True)
        found = content(ordinary)
    differ = [name for name, digest in clean[0].items() if found.get(name) != digest]
    several = len({digests["catalogue.fits"] for digests in clean.values()})
    print(f"as users run it: {seconds:.0f} s, {jobs} jobs, files that differ: {differ or 'none'}")
    print(f"{len(clean)} configs, which give {several} different catalogues")
    print(f"{len(lines) - 1} runs, {wrong} with another catalogue than a clean run")
    sys.exit(bool(wrong or differ))


if __name__ == "__main__":
    main()
