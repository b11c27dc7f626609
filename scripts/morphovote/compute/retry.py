"""Retries after passing failures, such as a busy server or a broken connection."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from morphovote.logs import log

Result = TypeVar("Result")

# Seconds to wait after each failed attempt.
WAITS = (5, 20, 60, 180)


def try_again(
    action: Callable[[], Result],
    waits: Sequence[float],
    is_final: Callable[[Exception], bool],
    what: str,
) -> Result:
    """Call `action` until it succeeds.

    Raises
    ------
    Exception
        The last exception when the waits are used up, or the first one that is final.
    """
    for attempt, wait in enumerate([*waits, None], start=1):
        try:
            log.info("asking for %s (attempt %d)", what, attempt)
            return action()
        except Exception as error:
            if wait is None or is_final(error):
                raise
            log.info("no answer (%s), trying again in %g s", type(error).__name__, wait)
            time.sleep(wait)
    raise AssertionError("unreachable")
