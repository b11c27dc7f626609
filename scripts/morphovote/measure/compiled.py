"""How the functions that loop over pixels are compiled."""

from collections.abc import Callable

from numba import njit


def compiled(function: Callable) -> Callable:
    """Compile a function when it is first called, and keep the result for later runs.

    It is kept beside the source, or where that is read-only, in the user's cache folder. Where
    neither can be written, every process that does not inherit it compiles anew (half a minute).
    A division by zero gives infinity, as in numpy.
    """
    try:
        return njit(cache=True, error_model="numpy")(function)
    except RuntimeError:
        return njit(error_model="numpy")(function)
