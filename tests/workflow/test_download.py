"""A field whose files lie in an archive that breaks off: brought when needed, and only once."""

import copy
import gzip
import http.server

import pytest
import yaml
from astropy.table import Table
from paths import ROOT
from project import SMALL
from servers import serving


class Archive(http.server.BaseHTTPRequestHandler):
    """Serves `files`, and breaks off halfway through every whole file."""

    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]
    asked: list[tuple[str, str]]

    def do_GET(self):
        body, wanted = self.files[self.path], self.headers.get("Range", "")
        self.asked.append((self.path, wanted))
        start = int(wanted.removeprefix("bytes=").removesuffix("-") or 0)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:] if start else body[: len(body) // 2])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def archive(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Handler", (Archive,), {"files": {}, "asked": []})
    with serving(handler) as handler.url:
        yield handler


def test_files_come_from_the_archive_once(project, archive):
    project.snakemake("results/small/sources.fits")
    simulated = project.folder / "results/small/simulated"
    rows = ["file,url,sha256"]
    for name in ("image", "rms", "catalogue"):
        archive.files[f"/{name}.fits.gz"] = gzip.compress((simulated / f"{name}.fits").read_bytes())
        rows.append(f"far/{name}.fits,{archive.url}/{name}.fits.gz,")
    table = project.folder / "far.csv"
    table.write_text("\n".join(rows))
    config = copy.deepcopy(SMALL)
    config["fields"]["far"] = {
        "download": "far.csv", "images": "far/im*.fits", "rms": "far/rms.fits",
        "catalogue": "far/catalogue.fits", "zero_point": 25.94,
        "columns": {"id": "ID", "ra": "RA", "dec": "DEC", "mag": "MAG_AUTO"},
    }  # fmt: skip
    project.snakemake("results/far/sources.fits", config=config)
    for name in ("image", "rms", "catalogue"):
        here = (project.folder / f"far/{name}.fits").read_bytes()
        assert here == (simulated / f"{name}.fits").read_bytes()
        assert (project.folder / f"far/{name}.fits.sha256").is_file()
    assert len(Table.read(project.folder / "results/far/sources.fits", hdu="SOURCES")) == 60
    # Each broke off once, and was asked for its second half.
    assert len(archive.asked) == 6
    assert sum(bool(wanted) for _, wanted in archive.asked) == 3
    # Neither another table nor its sums are a reason to fetch anything again.
    table.write_text("\n".join(row + ("0" * 64 if "," in row[-1:] else "") for row in rows))
    output = project.snakemake("--dry-run", "results/far/sources.fits", config=config).stdout
    assert "Nothing to be done" in output
    archive.asked.clear()
    (project.folder / "far/image.fits").unlink()
    process = project.snakemake("far/image.fits", config=config, check=False)
    assert process.returncode != 0
    assert "image.fits.gz: its sha256 is" in process.stdout
    assert "Traceback" not in process.stdout
    assert {path for path, _ in archive.asked} == {"/image.fits.gz"}


@pytest.mark.parametrize("name", ["cosmos", "cosmos_published"])
def test_cosmos_begins_with_its_downloads(project, name):
    config = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    output = project.snakemake("--dry-run", config=config).stdout
    jobs = [line.split() for line in output.splitlines() if line.startswith("download_file ")]
    assert jobs[0] == ["download_file", "163"]
    assert f"results/{name}/sources.fits" in output
