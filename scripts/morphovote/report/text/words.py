"""How numbers and lists are written in the report."""

from collections.abc import Sequence

# Shown where a number is missing.
MISSING = "\N{EN DASH}"


def digits(value: float | None, significant: int = 2) -> str:
    """A number with so many significant digits and no exponent; a dash for None."""
    if value is None:
        return MISSING
    text = f"{value:#.{significant}g}"
    if "e" in text:
        text = f"{value:,.0f}"
    return text.rstrip(".").replace("-", "\N{MINUS SIGN}")


def decimals(value: float | None) -> str:
    """A number with two decimals, for quantities measured from a meaningful zero."""
    if value is None:
        return MISSING
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float | None) -> str:
    """A share in whole per cent, with one decimal below 10 %."""
    if value is None:
        return MISSING
    text = f"{100 * value:.1f}" if 0 < value < 0.0995 else f"{100 * value:.0f}"
    return f"{text}\N{NO-BREAK SPACE}%"


def duration(seconds: float | None) -> str:
    """Seconds in the units that people use."""
    if seconds is None:
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}\N{NO-BREAK SPACE}s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(megabytes: float | None) -> str:
    """Megabytes as MB or GB."""
    if megabytes is None:
        return MISSING
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def count(value: int | None) -> str:
    """A whole number, with commas at the thousands."""
    return MISSING if value is None else f"{value:,}"


def interval(share: Sequence[float]) -> str:
    """A share with its 95 % interval: value, low, high."""
    value, low, high = share
    return f"{percent(value)} (95 % interval {percent(low)} to {percent(high)})"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words separated by commas, with `last` before the last one."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
