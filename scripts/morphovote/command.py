"""The command `morphovote`: write a config for a folder of files, and run the workflow on it."""

import argparse
import os
import re
import sys
from pathlib import Path

import yaml

from morphovote.config.check import check_galaxies
from morphovote.config.resolve import complete_config
from morphovote.errors import InputError
from morphovote.fields.guess import guess_entry
from morphovote.fields.inspection import inspect_field
from morphovote.report.check_page import describe_check
from morphovote.storage.files import write_text
from morphovote.storage.project import PROJECT

SCHEMA = PROJECT / "workflow/schemas/config.schema.yaml"
HEAD = """\
# Made by morphovote init from what is in {folder}. Look it through, then: morphovote run {path}
# Paths are relative to the folder in which you run. Every key: docs/fields.md.
"""


def write_config(folder: str, path: Path) -> list[str]:
    """Write a config for the files in a folder, and look into them as `check_fields` does.

    Parameters
    ----------
    folder : str
        With the images.
    path : Path
        The config; an existing one is not overwritten.

    Returns
    -------
    list of str
        What was found, a sentence each; warnings begin with 'WARNING'.

    Raises
    ------
    InputError
        If the files are not those of a field, or the config is there already.
    """
    if path.exists():
        raise InputError(f"{path}: is there already. Delete it, or give --output another name.")
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", Path(folder).resolve().name).strip("_.+-") or "mine"
    entry = guess_entry(folder)
    places = yaml.safe_load((PROJECT / "workflow/places.yaml").read_text(encoding="utf-8"))
    config = complete_config({"fields": {name: entry}}, SCHEMA, places)
    found = inspect_field(config["fields"][name], config["cutout"]["size"])
    warnings = list(found["warnings"])
    if found["galaxies"] is not None:
        try:
            check_galaxies(name, config["fields"][name], found["galaxies"], config["voting"])
        except InputError as error:
            warnings.append(str(error))
    text = yaml.safe_dump({"fields": {name: entry}}, sort_keys=False, default_flow_style=None)
    unset = (
        ""
        if "zero_point" in entry
        else "    # zero_point: 25.94   # AB magnitude of one unit of flux\n"
    )
    write_text(path, HEAD.format(folder=folder, path=path) + text + unset)
    return [*describe_check(found), *(f"WARNING: {line}" for line in warnings)]


def snakemake_command(config: str, arguments: list[str]) -> list[str]:
    """The command that runs the workflow on a config, with Snakemake's own arguments after it."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile")]
    command += ["--configfile", config, "--replace-workflow-config"]
    given = any(one.split("=")[0] in ("--cores", "-c", "--jobs", "-j") for one in arguments)
    return [*command, *arguments, *([] if given else ["--cores", "all"])]


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="morphovote", description=__doc__)
    parts = parser.add_subparsers(dest="what", required=True)
    init = parts.add_parser("init", help="write a config for the files in a folder")
    init.add_argument("folder")
    init.add_argument("--output", type=Path, default=Path("my.yaml"))
    run = parts.add_parser("run", help="run the workflow; more arguments go to snakemake")
    run.add_argument("config")
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if options.what == "run":
        command = snakemake_command(options.config, options.arguments)
        os.execv(command[0], command)
    else:
        try:
            lines = write_config(options.folder, options.output)
        except InputError as error:
            sys.exit(f"ERROR: {error}")
        print("\n".join(lines))
        print(f"\n{options.output} is written. Run it: morphovote run {options.output}")
