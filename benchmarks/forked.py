"""Run the workflow with its jobs forked from a process that has imported the libraries.

Most of a small job's time is spent importing PyTorch, timm and astropy. When many small runs are
compared, this is done only once: Snakemake and each job run in a copy of this process. Nothing else
differs from what users run: rules, scripts and files are the same.
"""

import importlib
import os
import runpy
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from outputs import LEFT_OUT, result_files, sha256

LIBRARIES = (
    "numpy", "scipy.stats", "scipy.ndimage", "scipy.optimize", "sklearn.cluster",
    "sklearn.linear_model", "sklearn.decomposition", "torch", "timm", "huggingface_hub",
    "safetensors.torch", "h5py", "galsim", "statmorph", "astropy.io.fits", "astropy.io.votable",
    "astropy.table", "astropy.wcs", "pandas", "pyarrow", "skimage.measure", "snakemake.cli",
)  # fmt: skip


# A field that runs through every stage up to the catalogue as fast as possible.
TINY = {
    "fields": {"small": {"simulate": {"galaxies": 20, "seed": 3}}},
    "shard_size": 10,
    "cutout": {"size": 48},
    "denoiser": {"epochs": 1, "latent": 4},
    "voting": {"groups": 3, "voters": 4},
    "classes": {"anchors": 10},
    "measure": {"select": {"mag": [None, 22]}},
}
CATALOGUE = "results/small/catalogue.fits"
CATALOGUES = ("catalogue.fits", "catalogue.parquet", "catalogue.vot", "catalogue.dat")
# Files that contain timings.
TIMED = ("denoiser_training.csv", "vote_controls.json")


def import_libraries() -> None:
    """Import the libraries that the jobs use, but nothing of the project."""
    for name in LIBRARIES:
        importlib.import_module(name)


def start_snakemake(folder: Path, words: list[str], log: Path) -> int:
    """Start Snakemake in a copy of this process.

    Parameters
    ----------
    folder : path
        Where it runs, in a session of its own.
    words : list of str
        Its command line.
    log : path
        Its output and that of its jobs is appended here.

    Returns
    -------
    int
        The process.
    """

    def work():
        import snakemake.cli
        from snakemake.script import PythonScript

        os.setsid()
        os.chdir(folder)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(target, 1)
        os.dup2(target, 2)
        PythonScript.execute_script = _run_script
        snakemake.cli.main(words)

    return fork(work)


def content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of the field's results, except timings and temporary files."""
    files = result_files(folder / "results/small", (*LEFT_OUT, *TIMED, "polar"))
    return {name: sha256(path) for name, path in files.items()}


def fork(work: Callable[[], None]) -> int:
    """Fork a copy of this process that does `work` and ends."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except SystemExit as error:
        code = error.code or 0
        if isinstance(code, str):
            print(code)
            code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(process: int) -> int:
    """Exit code of a process, negative if a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _run_script(script, path: str, edit: bool = False) -> None:
    """Replace PythonScript.execute_script, which starts a new Python for a rule's script."""

    def work():
        import torch
        from threadpoolctl import threadpool_limits

        # Snakemake sets this in environment variables, which the libraries read only on import.
        torch.set_num_threads(script.threads)
        sys.argv = [path]
        with threadpool_limits(script.threads):
            runpy.run_path(path, run_name="__main__")

    begun = time.time()
    code = wait(fork(work))
    if script.bench_record is not None:
        script.bench_record.running_time = time.time() - begun
    if code:
        raise subprocess.CalledProcessError(code, path)
