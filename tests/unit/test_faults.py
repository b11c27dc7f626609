"""Kill -9, a full disk, lost permission: the old file or the new one, never half of one."""

import errno
import os
import resource
import signal
import time

import numpy as np
import pytest
from astropy.table import Table

from morphovote.catalogue.fits_file import write_fits
from morphovote.catalogue.parquet_file import write_parquet
from morphovote.catalogue.votable_file import write_votable
from morphovote.denoise import network
from morphovote.fields import sources
from morphovote.logs import rule_log
from morphovote.storage import files, model_files, shards
from morphovote.storage.numbers import save_numbers

ROWS = 400
NOISE = np.random.default_rng(0).normal(size=(ROWS, 24, 24)).astype(np.float32)
TABLE = Table({"ID": np.arange(ROWS), "X": NOISE[:, 0, 0], "NOTE": ["text" * 9] * ROWS})


def write_sources(path, scale):
    table = TABLE.copy()
    table["X"] *= scale
    tiles = Table({"IMAGE": ["a.fits"]})
    tiles.meta = {"PIXSCALE": 0.1, "ZEROPT": np.nan, "KIND": "images", "CATALOG": ""}
    sources.write_sources(path, table, tiles)


def scaled(scale):
    table = TABLE.copy()
    table["X"] = table["X"] * scale
    return table


WRITERS = {
    "shard.h5": lambda path, scale: shards.write_shard(
        path, {"row": np.arange(ROWS), "image": NOISE * scale}
    ),
    "model.h5": lambda path, scale: model_files.write_model(
        path, "pca", {"mean": NOISE * scale}, {}
    ),
    "sources.fits": write_sources,
    "catalogue.fits": lambda path, scale: write_fits(path, scaled(scale)),
    "catalogue.parquet": lambda path, scale: write_parquet(path, scaled(scale)),
    "catalogue.vot": lambda path, scale: write_votable(path, scaled(scale)),
    "names.yaml": lambda path, scale: files.write_yaml(
        path, {n: f"{scale} {n}" for n in range(ROWS)}
    ),
    "table.csv": lambda path, scale: save_numbers(scaled(scale), path),
    "page.html": lambda path, scale: files.write_text(path, f"{scale}" * 50_000),
    "numbers.json": lambda path, scale: files.write_json(path, {"all": [scale] * 50_000}),
    "curve.csv": lambda path, scale: files.write_curve(path, [{"loss": scale}] * 50_000),
    "denoiser.safetensors": lambda path, scale: network.save_denoiser(
        path, network.Denoiser(4), np.eye(5) * scale
    ),
}


def in_a_child(work) -> int:
    """Process that does `work` and ends without this process's clean-up."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        os._exit(7 if isinstance(error, OSError) else 8)
    os._exit(0)


@pytest.mark.parametrize("name", WRITERS)
def test_disk_full_leaves_the_old_file_and_no_half_one(tmp_path, name):
    """The limit on a file's size stands for a full disk: every write beyond it fails."""
    path = tmp_path / name
    WRITERS[name](path, 1)
    before = path.read_bytes()

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))
        WRITERS[name](path, 2)

    _, status = os.waitpid(in_a_child(work), 0)
    assert os.waitstatus_to_exitcode(status) in (7, 8)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == [name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shard.h5", "catalogue.fits", "catalogue.parquet", "names.yaml"])
def test_killed_at_any_moment_the_file_is_whole(tmp_path, name):
    path = tmp_path / name
    whole = set()
    for scale in (1, 2):
        WRITERS[name](path, scale)
        whole.add(path.read_bytes())
    assert len(whole) == 2

    def work():
        while True:
            for scale in (1, 2):
                WRITERS[name](path, scale)

    rng = np.random.default_rng(1)
    for _ in range(10):
        child = in_a_child(work)
        time.sleep(rng.uniform(0.01, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert path.read_bytes() in whole


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without the right")
@pytest.mark.parametrize("name", ["shard.h5", "catalogue.fits", "names.yaml"])
def test_permission_lost_leaves_the_old_file(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path, 1)
    before = path.read_bytes()
    tmp_path.chmod(0o555)

    def work():
        os.setuid(65534)
        WRITERS[name](path, 2)

    _, status = os.waitpid(in_a_child(work), 0)
    assert os.waitstatus_to_exitcode(status) in (7, 8)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.h5"), "the disk is full"),
        (OSError("Can't synchronously write data (errno = 28, error message = '...')"), "is full"),
        (PermissionError(errno.EACCES, "Permission denied", "a.h5"), "a.h5: no permission to"),
        (MemoryError(), "memory"),
    ],
)
def test_what_the_machine_refuses_is_said_in_a_sentence(tmp_path, capsys, error, says):
    with pytest.raises(SystemExit), rule_log(tmp_path / "logs/fit_pca.log"):
        raise error
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert "run" in said
    assert len(said.splitlines()) <= 3


def test_ctrl_c_ends_with_a_word(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped, rule_log(tmp_path / "logs/fit_pca.log"):
        raise KeyboardInterrupt
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "[fit_pca] stopped\n"
