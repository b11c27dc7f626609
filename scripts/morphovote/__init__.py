"""morphovote: galaxy morphology without labels, by a vote of clusterings."""

import sys

__version__ = "0.1.0"


def _say_stopped(kind, error, trace) -> None:
    """Ctrl-C ends a script with a word; everything else as ever."""
    if issubclass(kind, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


# Only in a rule's script, whose imports take seconds before `rule_log` can see to it.
if hasattr(sys.modules["__main__"], "snakemake"):
    sys.excepthook = _say_stopped
