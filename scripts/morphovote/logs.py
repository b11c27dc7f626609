"""Messages of a rule, sent to the terminal and to its log file."""

import errno
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from morphovote.errors import InputError

log = logging.getLogger("morphovote")


@contextmanager
def rule_log(path: str | Path) -> Iterator[None]:
    """Send the library's messages to the terminal and to a rule's log file.

    An `InputError` ends the script with its message alone, and Ctrl-C with one word. Any other
    exception writes its traceback to the log file and names that file on the terminal.

    Parameters
    ----------
    path : str or Path
        The rule's log file. Overwritten.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # logs/<rule>.log, or logs/<rule>/<shard>.log
    name = path.stem if path.parent.name == "logs" else f"{path.parent.name} {path.stem}"
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter(f"[{name}] %(message)s"))
    file = logging.FileHandler(path, mode="w", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log.setLevel(logging.INFO)
    log.handlers[:] = [terminal, file]
    logging.captureWarnings(True)
    warnings_log = logging.getLogger("py.warnings")
    # Warnings of other libraries belong in the log file, not on the terminal.
    warnings_log.handlers[:] = [file]
    warnings_log.propagate = False
    try:
        yield
    except InputError as error:
        log.error("ERROR: %s", error)
        sys.exit(1)
    except KeyboardInterrupt:
        log.error("stopped")
        sys.exit(130)
    except Exception as error:
        file.stream.write(traceback.format_exc())
        what = _machine_says(error) or f"{type(error).__name__}: {error}"
        log.error("ERROR: %s (the traceback is in %s)", what, path)
        sys.exit(1)
    finally:
        file.close()
        log.handlers.clear()


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Keep the warnings that are logged meanwhile, in a list, to show them elsewhere as well."""
    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())
    log.addHandler(handler)
    try:
        yield told
    finally:
        log.removeHandler(handler)


def _machine_says(error: Exception) -> str:
    """Message for a full disk, missing permission or lack of memory; empty for other errors."""
    if isinstance(error, MemoryError):
        return "not enough memory. Free some, or lower shard_size, and run again"
    if not isinstance(error, OSError):
        return ""
    # HDF5 gives the error number in its text only.
    told = re.search(r"errno = (\d+)", str(error))
    number = int(told[1]) if told else error.errno
    place = f"{error.filename}: " if error.filename else ""
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{place}the disk is full. Free some space and run again: no partial file is left"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{place}no permission to read or write. Give yourself permission and run again"
    return ""


def results(fields: Iterable[str], similar: object) -> list[str]:
    """Where the pages and tables of a run's fields are, a line each.

    Parameters
    ----------
    fields : iterable of str
    similar
        `similar_to` of the config; without it, a list of similar galaxies is not of this run.
    """
    told = {
        "check.html": "what is in its files is in {}",
        "catalogue.fits": "the catalogue is {} (also .parquet, .vot)",
        "report.html": "the report is {}",
        "explore.html": "to look at the galaxies, open {} in a browser",
        "naming.html": "to name the groups, open {} in a browser",
        "similar.csv": "the galaxies most like those given are in {}",
    }
    if not similar:
        del told["similar.csv"]
    lines = []
    for field in fields:
        paths = {name: Path("results") / field / name for name in told}
        found = [name for name, path in paths.items() if path.exists()]
        lines += [""] * bool(found)
        lines += [f"{field}: " + told[name].format(paths[name]) for name in found]
    return lines


def failures(snakemake_logs: Iterable[str | Path]) -> list[str]:
    """Error messages of a run's failed rules, to repeat below Snakemake's own lines.

    Parameters
    ----------
    snakemake_logs : iterable of path
        Snakemake's log files of the run, which name the log files of the failed jobs.

    Returns
    -------
    list of str
        Messages of at most three lines; one that several jobs share is listed once.
    """
    text = "".join(Path(path).read_text(encoding="utf-8") for path in snakemake_logs)
    found = {}
    for path in re.findall(r"^ +log: (.+) \(check log file", text, flags=re.MULTILINE):
        if Path(path).is_file():
            told = Path(path).read_text(encoding="utf-8", errors="replace").rpartition("ERROR: ")
            if told[1]:
                found.setdefault(told[2].strip(), path)
    messages = [f"ERROR: {told}\n({path})" for told, path in found.items()]
    if "<Signals.SIGKILL" in text:
        messages.append(
            "ERROR: a job was killed from outside, as the system does when memory runs out.\n"
            "Free some, or lower --cores or shard_size, and run again: finished jobs are kept."
        )
    return messages


def progress(items: Iterable, total: int, what: str, every: float = 5.0) -> Iterator:
    """Yield `items`, and log the progress at most once in `every` seconds.

    Parameters
    ----------
    items : iterable
    total : int
        Number of items.
    what : str
        The plural noun in the message, such as "galaxies".
    every : float
        Seconds between two messages.
    """
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        # "1 of 1" is not worth a line.
        if now - last >= every or done == total > 1:
            last = now
            rate = done / max(now - start, 1e-9)
            left = (total - done) / rate
            share = 100 * done // max(total, 1)
            log.info(
                "%d of %d %s (%d %%), %.3g a second, %.0f s left",
                done,
                total,
                what,
                share,
                rate,
                left,
            )
