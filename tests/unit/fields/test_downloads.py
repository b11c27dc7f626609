"""Downloads from a server that breaks off, changes its answer, or serves another file."""

import gzip
import hashlib
import http.server
from pathlib import Path

import numpy as np
import pytest
from servers import serving

from morphovote.config.files import read_downloads
from morphovote.errors import InputError
from morphovote.fields import downloads
from morphovote.fields.downloads import download_file

CONTENT = np.random.default_rng(0).bytes(3_000_000)


class Archive(http.server.BaseHTTPRequestHandler):
    """Serves `content`, by range if it is asked for, and breaks off as told."""

    protocol_version = "HTTP/1.1"
    content: bytes
    etag: str
    ranges: bool
    breaks: list  # bytes after which each connection breaks off; None: none
    failures: list  # status of each answer before those
    asked: list  # Range header of each request
    sent: int

    def do_GET(self):
        cls = type(self)
        cls.asked.append(self.headers.get("Range"))
        if cls.failures:
            self.answer(cls.failures.pop(0), b"")
            return
        body, status, extra = cls.content, 200, {"ETag": cls.etag} if cls.etag else {}
        wanted = self.headers.get("Range")
        if cls.ranges and wanted and self.headers.get("If-Range") == cls.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                return
            extra["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self.answer(status, body, extra, cls.breaks.pop(0) if cls.breaks else None)

    def answer(self, status, body, headers=(), stop=None):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[:stop]
        self.wfile.write(body)
        type(self).sent += len(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def archive(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    handler = type("Handler", (Archive,), {
        "content": CONTENT, "etag": '"one"', "ranges": True, "breaks": [], "failures": [],
        "asked": [], "sent": 0,
    })  # fmt: skip
    with serving(handler) as address:
        handler.url = f"{address}/tile_013_sci.fits"
        yield handler


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def left_over(folder):
    return [path.name for path in Path(folder).iterdir() if path.name.startswith(".")]


def test_a_connection_that_breaks_off_is_taken_up_where_it_was(archive, tmp_path):
    archive.breaks[:] = [1_000_000, 900_000, 500_000]
    path = tmp_path / "deep/tile.fits"
    # No waits at all: attempts that bring something do not count.
    digest = download_file(archive.url, path, sha256(CONTENT), waits=())
    assert path.read_bytes() == CONTENT
    assert digest == sha256(CONTENT)
    assert archive.asked == [None, "bytes=1000000-", "bytes=1900000-", "bytes=2400000-"]
    assert archive.sent == len(CONTENT)  # not a byte twice
    assert left_over(path.parent) == []


def test_a_later_call_goes_on_where_an_earlier_one_was_left(archive, tmp_path):
    archive.breaks[:] = [1_000_000, 0]
    path = tmp_path / "tile.fits"
    with pytest.raises(InputError, match=r"1 attempts .*1\.0 MB\) is kept"):
        download_file(archive.url, path, waits=())
    assert not path.exists()
    download_file(archive.url, path, waits=())
    assert path.read_bytes() == CONTENT
    assert archive.sent == len(CONTENT)


def test_all_had_arrived_before_it_was_cut_off(archive, tmp_path):
    (tmp_path / ".tile.fits.part").write_bytes(CONTENT)
    (tmp_path / ".tile.fits.etag").write_text('"one"')
    download_file(archive.url, tmp_path / "tile.fits", waits=())
    assert (tmp_path / "tile.fits").read_bytes() == CONTENT
    assert archive.sent == 0


@pytest.mark.parametrize("etag", ['"one"', "", 'W/"weak"'])
def test_a_server_without_ranges_starts_anew(archive, tmp_path, etag):
    archive.ranges, archive.etag, archive.breaks[:] = False, etag, [1_000_000, 2_000_000]
    download_file(archive.url, tmp_path / "tile.fits", waits=(0,))
    assert (tmp_path / "tile.fits").read_bytes() == CONTENT
    assert archive.sent == 1_000_000 + 2_000_000 + len(CONTENT)


def test_pieces_of_two_files_are_never_joined(archive, tmp_path):
    archive.breaks[:] = [1_000_000, 0]
    with pytest.raises(InputError):
        download_file(archive.url, tmp_path / "tile.fits", waits=())
    archive.content, archive.etag = CONTENT[::-1], '"two"'
    download_file(archive.url, tmp_path / "tile.fits", waits=())
    assert (tmp_path / "tile.fits").read_bytes() == CONTENT[::-1]


def test_a_piece_damaged_on_disk_is_fetched_anew(archive, tmp_path):
    (tmp_path / ".tile.fits.part").write_bytes(b"x" * 1_000_000)
    (tmp_path / ".tile.fits.etag").write_text('"one"')
    download_file(archive.url, tmp_path / "tile.fits", sha256(CONTENT), waits=())
    assert (tmp_path / "tile.fits").read_bytes() == CONTENT
    assert archive.asked == ["bytes=1000000-", None]


def test_another_file_than_expected_is_refused(archive, tmp_path):
    with pytest.raises(InputError, match="expected 0000") as caught:
        download_file(archive.url, tmp_path / "tile.fits", "0" * 64, waits=(0, 0))
    assert sha256(CONTENT) in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert len(archive.asked) == 1  # the whole file came: more of the same would not help


def test_the_first_download_is_trusted_and_later_ones_compared(archive, tmp_path):
    path = tmp_path / "tile.fits"
    download_file(archive.url, path, waits=())
    record = tmp_path / "tile.fits.sha256"
    assert record.read_text() == f"{sha256(CONTENT)}  tile_013_sci.fits\n"
    path.unlink()
    download_file(archive.url, path, waits=())
    path.unlink()
    archive.content, archive.etag = CONTENT[::-1], '"two"'
    with pytest.raises(InputError, match="remembers of the first download"):
        download_file(archive.url, path, waits=())
    assert not path.exists()
    assert record.read_text().startswith(sha256(CONTENT))


def test_what_passes_with_time_is_tried_again_and_the_rest_is_not(archive, tmp_path):
    archive.failures[:] = [503, 429, 500]
    download_file(archive.url, tmp_path / "tile.fits", waits=(0, 0, 0))
    assert len(archive.asked) == 4
    archive.failures[:], archive.asked[:] = [404], []
    with pytest.raises(InputError, match="answers 404"):
        download_file(archive.url, tmp_path / "other.fits", waits=(0, 0))
    assert len(archive.asked) == 1
    archive.failures[:] = [503] * 3
    with pytest.raises(InputError, match="answers 503"):
        download_file(archive.url, tmp_path / "other.fits", waits=(0, 0))
    assert not (tmp_path / "other.fits").exists()


def test_nobody_there(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(downloads.time, "sleep", waited.append)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(InputError, match=r"could not be downloaded in 3 attempts \("):
        download_file("http://127.0.0.1:9/tile.fits", tmp_path / "tile.fits", waits=(5, 20))
    assert waited == [5, 20]


def test_gzipped_files_are_unpacked_and_their_sum_is_of_what_was_served(archive, tmp_path):
    served = gzip.compress(CONTENT, 1, mtime=0)
    archive.content, archive.breaks[:] = served, [1_000_000]
    url = archive.url + ".gz"
    assert download_file(url, tmp_path / "tile.fits", sha256(served), waits=()) == sha256(served)
    assert (tmp_path / "tile.fits").read_bytes() == CONTENT
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tile.fits", "tile.fits.sha256"]
    download_file(url, tmp_path / "packed.fits.gz", waits=())
    assert (tmp_path / "packed.fits.gz").read_bytes() == served


@pytest.mark.parametrize("content", [b"<html>please log in</html>", gzip.compress(CONTENT)[:-9]])
def test_a_page_of_text_is_no_gzipped_image(archive, tmp_path, content):
    archive.content = content
    with pytest.raises(InputError, match="no whole gzip file"):
        download_file(archive.url + ".gz", tmp_path / "tile.fits", waits=())
    assert list(tmp_path.iterdir()) == []


def write_table(folder, *rows, header="file,url,sha256"):
    path = folder / "files.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_table_is_read(tmp_path):
    path = write_table(tmp_path, "a.fits,https://x.org/a.fits.gz,", f"b,http://x.org/b,{'A' * 64}")
    assert read_downloads(path) == {
        "a.fits": {"url": "https://x.org/a.fits.gz", "sha256": ""},
        "b": {"url": "http://x.org/b", "sha256": "a" * 64},
    }


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["a,ftp://x.org/a,"], "line 2: found url 'ftp://x.org/a'"),
        (["a,https://x.org/a,abc"], "line 2: found sha256 'abc'"),
        (["a,https://x.org/a,", "a,https://x.org/a,"], "line 3: found file 'a' a second time"),
        (["{a},https://x.org/a,"], "without braces"),
        ([",https://x.org/a,"], "line 2: found file ''"),
    ],
)
def test_wrong_rows_are_named(tmp_path, rows, says):
    with pytest.raises(InputError, match=says):
        read_downloads(write_table(tmp_path, *rows))


def test_no_table(tmp_path):
    with pytest.raises(InputError, match=r"no column 'url'"):
        read_downloads(write_table(tmp_path, "a,b", header="file,sha256"))
    with pytest.raises(InputError, match=r"nothing\.csv: not a readable CSV"):
        read_downloads(tmp_path / "nothing.csv")
