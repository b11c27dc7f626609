"""The provenance of a field's results as an RO-Crate: what was run, on what, with what result.

Profile: Workflow Run RO-Crate, https://w3id.org/ro/wfrun/workflow/0.5. The folder of the results
is the crate. Files that were read from outside it are named by their content (RFC 6920).
"""

import base64
import datetime
import mimetypes
import os
from collections.abc import Sequence
from pathlib import Path

from morphovote.storage.digests import hash_file

CRATE = "https://w3id.org/ro/crate"
RUNS = "https://w3id.org/ro/wfrun"
HUB = "https://w3id.org/workflowhub/workflow-ro-crate"
# The only one of the terms of runs that is used: no second context has to be fetched for it.
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
WORKFLOW, CONFIG = "provenance/Snakefile", "provenance/config.yaml"
KINDS = {".fits": "application/fits", ".vot": "application/x-votable+xml", ".yaml": "text/yaml",
         ".parquet": "application/vnd.apache.parquet", ".h5": "application/x-hdf5"}  # fmt: skip
TERMS_OF_USE = {
    "@id": "#terms",
    "@type": "CreativeWork",
    "name": "Terms of the input",
    "description": "The terms of the images and catalogues hold for what was made of them.",
}
SOFTWARE = {"snakemake": "https://snakemake.github.io", "python": "https://www.python.org"}


def build_crate(
    field: str,
    folder: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    versions: dict[str, str],
) -> dict:
    """Describe a run.

    Parameters
    ----------
    field : str
    folder : Path
        `results/<field>`, with `provenance/Snakefile` and `provenance/config.yaml`.
    inputs : sequence of str
        The user's files. Each is read once for its checksum, unless `<file>.sha256` has it.
    outputs : sequence of str
        Files in `folder`.
    versions : dict of str
        Of the software; `morphovote`, `snakemake` and `python` among them.

    Returns
    -------
    dict
        The content of ro-crate-metadata.json.
    """
    folder = Path(folder)
    given = [_input(path) for path in sorted(set(inputs))]
    given = list({one["@id"]: one for one in given}.values())
    made = [_output(folder, Path(path)) for path in sorted(set(outputs))]
    times = [Path(path).stat().st_mtime for path in outputs]
    config = _output(folder, folder / CONFIG) | {"name": "the config, with every default"}
    software = [_application(name, versions[name]) for name in versions if name != "snakemake"]
    action = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of morphovote on the field {field}",
        "instrument": {"@id": WORKFLOW},
        "object": _refer([config, *given]),
        "result": _refer(made),
        "endTime": _time(max(times)),
        "description": "Survey images in; classes and morphological parameters of galaxies out.",
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Galaxy morphology of the field {field}",
        "description": "Classes and morphological parameters of galaxies, found by morphovote.",
        "datePublished": _time(max(times)),
        "license": {"@id": TERMS_OF_USE["@id"]},
        "conformsTo": [{"@id": one["@id"]} for one in _profiles()],
        "hasPart": _refer([{"@id": WORKFLOW}, config, *given, *made]),
        "mainEntity": {"@id": WORKFLOW},
        "mentions": {"@id": "#run"},
    }
    return {
        "@context": [f"{CRATE}/1.1/context", TERMS],
        "@graph": [
            *(_descriptor(), root, *_workflow(versions, software), *_profiles(), action),
            *(TERMS_OF_USE, config, *given, *made, *software),
        ],
    }


def _descriptor() -> dict:
    return {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": [{"@id": f"{CRATE}/1.1"}, {"@id": f"{HUB}/1.0"}],
    }


def _profiles() -> list[dict]:
    """The profiles that the crate conforms to."""
    names = {
        f"{RUNS}/process/0.5": ("Process Run Crate", "0.5"),
        f"{RUNS}/workflow/0.5": ("Workflow Run Crate", "0.5"),
        f"{HUB}/1.0": ("Workflow RO-Crate", "1.0"),
    }
    return [
        {"@id": name, "@type": "CreativeWork", "name": title, "version": version}
        for name, (title, version) in names.items()
    ]


def _workflow(versions: dict[str, str], software: list[dict]) -> list[dict]:
    """The workflow and its language."""
    language = {
        "@id": f"{HUB}#snakemake",
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "identifier": {"@id": SOFTWARE["snakemake"]},
        "url": {"@id": SOFTWARE["snakemake"]},
        "version": versions["snakemake"],
    }
    workflow = {
        "@id": WORKFLOW,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "morphovote",
        "version": versions["morphovote"],
        "encodingFormat": "text/plain",
        "programmingLanguage": {"@id": language["@id"]},
        "softwareRequirements": _refer(software),
    }
    return [workflow, language]


def _application(name: str, version: str) -> dict:
    found = {"@id": f"#{name}", "@type": "SoftwareApplication", "name": name}
    url = {"url": {"@id": SOFTWARE[name]}} if name in SOFTWARE else {}
    return found | {"softwareVersion": version} | url


def _input(path: str) -> dict:
    """A file from outside the crate, by its content."""
    known = Path(f"{path}.sha256")
    digest = known.read_text().split()[0] if known.is_file() else hash_file(path)
    name = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")
    return _file(f"ni:///sha-256;{name}", Path(path), digest) | {"alternateName": path}


def _output(folder: Path, path: Path) -> dict:
    return _file(path.relative_to(folder).as_posix(), path, hash_file(path))


def _file(name: str, path: Path, digest: str) -> dict:
    kind = (
        KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
    return {
        "@id": name,
        "@type": "File",
        "name": path.name,
        "contentSize": str(os.path.getsize(path)),
        "sha256": digest,
        "encodingFormat": kind,
        "dateModified": _time(path.stat().st_mtime),
    }


def _refer(entities: Sequence[dict]) -> list[dict] | dict:
    """References to entities; to one alone as RO-Crate has it, without a list."""
    found = [{"@id": one["@id"]} for one in entities]
    return found[0] if len(found) == 1 else found


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
