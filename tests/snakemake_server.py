"""Start Snakemake many times but load it once: a copy of this process is forked for each start.

Reads a line of JSON for each start from its standard input, and answers with the exit status.
"""

import json
import os
import sys

import snakemake.cli


def become_snakemake(start: dict) -> None:
    """Turn this process into `python -m snakemake` in a folder, its output in a file."""
    output = os.open(start["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(start["environment"])
    os.chdir(start["folder"])
    # As Python itself does for `-m`; the folder of this file is not for the Snakefile.
    sys.path[0] = start["folder"]
    sys.argv = ["snakemake", *start["arguments"]]
    snakemake.cli.main()


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become_snakemake(json.loads(line))
            sys.exit()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
