"""A model as one file: pack it with a manifest, and unpack it without trusting it.

An archive is a plain, uncompressed zip file that holds the files of a model folder, the encoder,
and manifest.json with the SHA-256 of each. Nothing in it can be executed: HDF5, safetensors, JSON
and YAML. Unpacking does not rely on the manifest: file names come from a fixed list, sizes from the
file itself, and the hash of every file is checked before any is put in place.
"""

import hashlib
import json
import stat
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.storage.digests import hash_file
from morphovote.storage.files import replacing
from morphovote.storage.model_files import unsafe_part
from morphovote.storage.model_folder import DESCRIPTION, MODEL_FILES, read_description

MANIFEST = "manifest.json"
FORMAT, VERSION = "morphovote model", 1
ENCODER = ("encoder.safetensors", "encoder.json")
FILES = (*MODEL_FILES, *ENCODER)
# Largest text file that is read at once (bytes); the rest is read in pieces.
MOST_TEXT = 16 * 2**20
PIECE = 2**20
# Arguments of the network that an encoder's card may set: shapes, but no files.
MODEL_ARGS = {
    "depths", "dims", "kernel_sizes", "ls_init_value", "stem_type", "patch_size", "conv_mlp",
    "use_grn", "head_norm_first", "conv_bias", "act_layer", "norm_layer", "norm_eps",
    "drop_path_rate", "drop_rate", "global_pool", "output_stride", "head_hidden_size",
}  # fmt: skip
# What zipfile raises on damaged files; the last, for names that are not UTF-8, came up in fuzzing.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, UnicodeError)


def pack_model(files: Sequence[str | Path], output: str | Path) -> dict:
    """Write a model as one archive; the same files give the same bytes.

    Parameters
    ----------
    files : sequence of path
        One for each name in `FILES`.
    output : path

    Returns
    -------
    dict
        The manifest: format, version, files (name -> sha256, bytes), model (its description:
        training field, config, versions, licence).

    Raises
    ------
    InputError
        If a file is missing, or is not the one that the description names.
    """
    paths = {Path(path).name: Path(path) for path in files}
    missing = [name for name in FILES if name not in paths or not paths[name].is_file()]
    if missing:
        raise InputError(
            f"{output}: cannot be packed without {', '.join(missing)}. Run the field to its end "
            "first."
        )
    description = read_description(paths[DESCRIPTION])
    content = {name: {"sha256": hash_file(path), "bytes": path.stat().st_size}
               for name, path in sorted(paths.items())}  # fmt: skip
    for name, known in description["files"].items():
        if name in content and content[name]["sha256"] != known:
            raise InputError(
                f"{paths[name]}: differs from the file that {DESCRIPTION} describes, sha256 "
                f"{known[:12]}. Run the workflow again before packing."
            )
    manifest = {"format": FORMAT, "version": VERSION, "files": content, "model": description}
    output = Path(output)
    with (
        replacing(output) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
    ):
        text = json.dumps(manifest, indent=2, ensure_ascii=False).encode()
        archive.writestr(_entry(MANIFEST), text)
        for name, path in sorted(paths.items()):
            entry = _entry(name)
            entry.file_size = path.stat().st_size
            with archive.open(entry, "w") as target, open(path, "rb") as source:
                while piece := source.read(PIECE):
                    target.write(piece)
    log.info("%s: %.1f MB, %d files", output, output.stat().st_size / 1e6, len(content) + 1)
    return manifest


def _entry(name: str) -> zipfile.ZipInfo:
    # The earliest date that zip knows; a regular file, not executable.
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def unpack_model(archive: str | Path, folder: str | Path) -> dict:
    """Unpack an archive from any source, completely or not at all.

    Parameters
    ----------
    archive : path
    folder : path
        Receives the files of `FILES`.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    InputError
        If the archive is damaged, has another format, or its files do not have the names, sizes and
        hashes in its manifest.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack, zipfile.ZipFile(archive) as file:
            partial = {name: stack.enter_context(replacing(folder / name)) for name in FILES}
            entries = _check_entries(file, archive)
            manifest = _read_manifest(file, archive)
            _check_names(entries, manifest, archive)
            for name in FILES:
                _unpack(file, entries[name], manifest["files"][name], partial[name], archive)
                if name.endswith(".h5") and (found := unsafe_part(partial[name])):
                    raise _refuse(archive, f"holds {name!r} with {found}")
            _check_card(partial["encoder.json"], archive)
    except _DAMAGED as error:
        raise InputError(
            f"{archive}: damaged, or not a zip file ({error}). Fetch it again from its source."
        ) from error
    about = manifest["model"]
    log.info("%s: a model of field %s, morphovote %s", archive, about["field"],
             about.get("versions", {}).get("morphovote", "unknown"))  # fmt: skip
    return manifest


def _refuse(archive: str | Path, found: str) -> InputError:
    return InputError(
        f"{archive}: {found}, expected what make package-model writes. Nothing was unpacked: ask "
        "whoever made it for another copy."
    )


def _check_entries(file: zipfile.ZipFile, archive: str | Path) -> dict[str, zipfile.ZipInfo]:
    """Check names, kinds and sizes of the entries of an archive before reading any of them."""
    entries: dict[str, zipfile.ZipInfo] = {}
    room = Path(archive).stat().st_size
    for entry in file.infolist():
        # The name as stored: `filename` ends at the first zero byte.
        name = entry.orig_filename
        if name.startswith(("/", "\\")) or ".." in name or ":" in name or "\\" in name:
            raise _refuse(archive, f"holds a path outside its folder, {name!r}")
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise _refuse(archive, f"holds {name!r}, which is a link or not a plain file")
        if name not in (*FILES, MANIFEST):
            raise _refuse(archive, f"holds {name!r}, which is not a file of a model")
        if name in entries:
            raise _refuse(archive, f"holds {name!r} twice")
        if entry.flag_bits & 1 or entry.compress_type != zipfile.ZIP_STORED:
            raise _refuse(archive, f"holds {name!r} compressed or encrypted")
        room -= entry.file_size
        if entry.file_size != entry.compress_size or room < 0:
            raise _refuse(archive, f"holds {name!r}, which says it is larger than the archive")
        entries[name] = entry
    return entries


def _read_manifest(file: zipfile.ZipFile, archive: str | Path) -> dict:
    if MANIFEST not in file.namelist():
        raise _refuse(archive, f"has no {MANIFEST}")
    if file.getinfo(MANIFEST).file_size > MOST_TEXT:
        raise _refuse(archive, f"has a {MANIFEST} of {file.getinfo(MANIFEST).file_size:,} bytes")
    try:
        manifest = json.loads(file.read(MANIFEST))
        known = (manifest["format"], manifest["version"])
        files = manifest["files"]
        sound = isinstance(files, dict) and all(
            isinstance(entry["sha256"], str) and isinstance(entry["bytes"], int)
            for entry in files.values()
        )
        sound &= isinstance(manifest.get("model"), dict) and "field" in manifest["model"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refuse(archive, f"has a {MANIFEST} that cannot be read ({error!r})") from error
    if known != (FORMAT, VERSION):
        raise InputError(
            f"{archive}: its format is {known[0]!r}, version {known[1]!r}, expected {FORMAT!r}, "
            f"version {VERSION}. Unpack it with the morphovote that made it, or a newer one."
        )
    if not sound:
        raise _refuse(archive, f"has a {MANIFEST} without files or model")
    return manifest


def _check_names(entries: dict, manifest: dict, archive: str | Path) -> None:
    named = set(manifest["files"])
    for extra in sorted(set(entries) - named - {MANIFEST}):
        raise _refuse(archive, f"holds {extra!r}, which its manifest does not name")
    for name in FILES:
        if name not in named or name not in entries:
            raise _refuse(archive, f"lacks {name!r}")
    for extra in sorted(named - set(FILES)):
        raise _refuse(archive, f"has {extra!r} in its manifest, which is not a file of a model")


def _unpack(
    file: zipfile.ZipFile, entry: zipfile.ZipInfo, known: dict, path: Path, archive: str | Path
) -> None:
    """Copy one file out of the archive and check its hash."""
    name = entry.filename
    if entry.file_size != known["bytes"]:
        raise _refuse(
            archive, f"holds {name!r} of {entry.file_size} bytes, its manifest says otherwise"
        )
    if Path(name).suffix in (".json", ".yaml") and entry.file_size > MOST_TEXT:
        raise _refuse(archive, f"holds {name!r} of {entry.file_size:,} bytes")
    total = hashlib.sha256()
    with file.open(entry) as source, open(path, "wb") as target:
        while piece := source.read(PIECE):
            total.update(piece)
            target.write(piece)
    if total.hexdigest() != known["sha256"]:
        raise _refuse(archive, f"holds {name!r} with another sha256 than its manifest says")


def _check_card(path: Path, archive: str | Path) -> None:
    """Allow only shapes in the card's arguments, which reach the network's constructor."""
    try:
        arguments = json.loads(path.read_text(encoding="utf-8"))["model_args"]
        unknown = sorted(set(arguments) - MODEL_ARGS)
    except (ValueError, TypeError, KeyError) as error:
        raise _refuse(archive, f"has an encoder.json that cannot be read ({error!r})") from error
    if unknown:
        raise _refuse(archive, f"has an encoder.json with the unknown argument {unknown[0]!r}")
