"""morphovote: galaxy morphology without labels, by a vote of clusterings."""

import sys

__version__ = "0.1.0"


def _say_stopped(kind, error, trace) -> None:
    """End a script on Ctrl-C with one word, and on any other exception as usual."""
    if issubclass(kind, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


# Only in a rule's script: its imports take seconds, and `rule_log` only starts after them.
if hasattr(sys.modules["__main__"], "snakemake"):
    sys.excepthook = _say_stopped
