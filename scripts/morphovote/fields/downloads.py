"""Files of archives: downloaded whole or not at all, resumed where it broke off, and checked."""

import errno
import gzip
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path

from morphovote import __version__
from morphovote.compute.retry import WAITS, try_again
from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.storage.digests import hash_file

# Seconds without a byte after which a connection counts as broken.
TIMEOUT = 60
CHUNK = 1 << 20
# Answers that pass with time, beside those of a server in trouble (500 and above).
PASSING = (408, 425, 429)
# What the disk says, and no further attempt would change.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT, errno.EFBIG)


def download_file(
    url: str, path: str | Path, sha256: str = "", waits: Sequence[float] = WAITS
) -> str:
    """Download a file.

    What has arrived stays beside `path` in a hidden file until all of it has, so a connection, a
    job or a machine that breaks off costs nothing: the next attempt, or the next call, asks the
    server for the rest, if the server's file is still the same. Attempts that bring something do
    not count. A gzipped file (the url ends in .gz, the path does not) is unpacked.

    The sum of the file as it was served is written to `<path>.sha256`. Where no sum is given, the
    first download is trusted, and a later one has to have the sum of the first.

    Parameters
    ----------
    url : str
    path : str or Path
        Written whole or not at all.
    sha256 : str
        What the file as it is served has to have; '' where that is not known.
    waits : sequence of float
        Seconds before each further attempt.

    Returns
    -------
    str
        The SHA-256 of the file as it was served.

    Raises
    ------
    InputError
        If the server does not have it, cannot be reached, or has another file than expected.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = path.with_name(f"{path.name}.sha256")
    expected = sha256 or _recorded(record)
    part = path.with_name(f".{path.name}.part")
    resumed = part.exists()
    digest = _receive(url, part, waits)
    if expected and digest != expected and resumed:
        log.info("%s: what had arrived before is not of this file, starting anew", path)
        part.unlink()
        digest = _receive(url, part, waits)
    if expected and digest != expected:
        part.unlink()
        said = "is given for it" if sha256 else f"{record} remembers of the first download"
        raise InputError(
            f"{url}: its sha256 is {digest}, expected {expected}, which {said}.\n"
            "The archive has changed the file, or something between here and there has. If the new "
            f"one is meant, {'correct the sum' if sha256 else 'delete the record'}."
        )
    if url.partition("?")[0].endswith(".gz") and path.suffix != ".gz":
        _unpack(part, path, url)
    else:
        os.replace(part, path)
    if not expected:
        log.info("%s: no sha256 is given; this first one is remembered in %s", path, record)
    record.write_text(f"{digest}  {url.partition('?')[0].rsplit('/', 1)[1]}\n", encoding="utf-8")
    log.info("%s: %.1f MB", path, path.stat().st_size / 1e6)
    return digest


def _recorded(record: Path) -> str:
    try:
        return record.read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError):
        return ""


def _is_final(error: Exception) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in PASSING
    broken = isinstance(error, OSError | http.client.HTTPException)
    return not broken or getattr(error, "errno", None) in DISK


def _receive(url: str, part: Path, waits: Sequence[float]) -> str:
    """Bring the rest of a file, over any number of broken connections; its SHA-256."""

    def receive() -> None:
        while True:
            before = _size(part)
            try:
                return _receive_some(url, part)
            except Exception as error:
                if _is_final(error) or _size(part) <= before:
                    raise
                log.info("%s broke off at %.1f MB (%s), going on", url, _size(part) / 1e6, error)
                time.sleep(min(waits, default=0))

    try:
        try_again(receive, waits, _is_final, url)
    except urllib.error.HTTPError as error:
        raise InputError(
            f"{url}: the server answers {error.code} {error.reason}, expected the file. Correct "
            "the address, or ask the archive."
        ) from error
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ConnectionError,
        TimeoutError,
    ) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise InputError(
            f"{url}: could not be downloaded in {len(waits) + 1} attempts ({reason}). What has "
            f"arrived ({_size(part) / 1e6:.1f} MB) is kept.\nStart again where there is network, "
            "or bring the file yourself."
        ) from error
    _etag_file(part).unlink(missing_ok=True)
    return hash_file(part)


def _receive_some(url: str, part: Path) -> None:
    """One request: the whole file, or the rest of it where the server's is still the same."""
    have, etag = _size(part), _etag_file(part)
    request = urllib.request.Request(url, headers={"User-Agent": f"morphovote/{__version__}"})
    if have and etag.exists():
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", etag.read_text(encoding="utf-8"))
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return  # all of it had arrived
        part.unlink()
        raise ConnectionError("the rest asked for is not there") from error
    with answer:
        length = int(answer.headers.get("Content-Length") or -1)
        resumed = answer.status == http.client.PARTIAL_CONTENT
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise ConnectionError("another piece came than the one asked for")
        if not resumed:
            have = 0
            etag.unlink(missing_ok=True)
        # Without such a mark the rest may belong to another version of the file.
        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        with open(part, "ab" if resumed else "wb") as file:
            if not resumed and mark and not mark.startswith("W/"):
                etag.write_text(mark, encoding="utf-8")
            while block := answer.read(CHUNK):
                file.write(block)
        if 0 <= length != _size(part) - have:
            raise ConnectionError(f"{_size(part) - have} of {length} bytes arrived")


def _etag_file(part: Path) -> Path:
    return part.with_suffix(".etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _unpack(part: Path, path: Path, url: str) -> None:
    unpacked = path.with_name(f".{path.name}.unpacked")
    try:
        with gzip.open(part) as source, open(unpacked, "wb") as target:
            shutil.copyfileobj(source, target, CHUNK)
        os.replace(unpacked, path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{url}: what came is no whole gzip file ({error}), though its name ends in .gz. Look "
            "at the address in a browser; an archive may answer with a page of text."
        ) from error
    finally:
        unpacked.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
