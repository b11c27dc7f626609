"""Suggest a class for a group from its measured medians."""

import numpy as np

from morphovote.flags import LOW_SNR, PSF_LIMITED
from morphovote.measure.lotz import early_line, merger_line
from morphovote.measure.quality import MEASURED

# Fewest measured members for a suggestion.
FEWEST_MEMBERS = 3

# Below this S/N inside the segment, structure cannot be distinguished from noise.
LEAST_SNR = 15.0

# A group is unclassifiable if more than this share of it is too faint, too small or unmeasured.
MOST_BAD = 0.5


def suggest_class(medians: dict[str, float]) -> tuple[str, str]:
    """Suggest a class for a group from the medians of its members.

    A disturbed shape by Gini-M20 (`lotz.merger_line`) or by asymmetry (Conselice 2003: A > 0.35 and
    A > S) is IRR. Otherwise the bulge is judged by n alone (2.5 separates bulges from discs,
    Blanton et al. 2003; 1.5 is about half way to the exponential n = 1): the Sersic fit accounts
    for the PSF, while C and Gini-M20 of small, noisy galaxies fall below limits that were set on
    nearby ones. Without a Sersic fit, C (4.15 and 3.5 lie half way between the means of E, Sa-Sb
    and Sc-Sd in Conselice 2003, table 6) and the E/S0/Sa side of Gini-M20 (`lotz.early_line`) are
    averaged. Ellipticals are not flatter than E7: an axis ratio below 0.4 turns SPH into ETD. Late
    discs with A > 0.2 are IRR (half way from Sc-Sd to starbursts, ibid.).

    Parameters
    ----------
    medians : dict of float
        Of each of `MEASURED`; NaN where unknown.

    Returns
    -------
    name, reason : str, str
    """
    n, concentration = medians["sersic_n"], medians["concentration"]
    gini, m20 = medians["gini"], medians["m20"]
    asymmetry, smoothness = medians["asymmetry"], medians["smoothness"]
    if gini > merger_line(m20):
        return "IRR", f"Gini {gini:.2f} and M20 {m20:.2f} on the merger side (Lotz+2008)"
    if asymmetry > 0.35 and asymmetry > smoothness:
        return "IRR", f"asymmetry {asymmetry:.3f} above 0.35 (Conselice 2003)"
    marks, words = [], []
    if np.isfinite(n):
        marks.append(2 if n >= 2.5 else 1 if n >= 1.5 else 0)
        words.append(f"n {n:.1f}")
    if not marks and np.isfinite(concentration):
        marks.append(2 if concentration >= 4.15 else 1 if concentration >= 3.5 else 0)
        words.append(f"C {concentration:.1f}")
    if not np.isfinite(n) and np.isfinite(gini) and np.isfinite(m20):
        early = gini > early_line(m20)
        marks.append(2 if early else 0)
        words.append(f"Gini-M20 on the {'E/S0/Sa' if early else 'Sb-Irr'} side")
    if not marks:
        return "UNC", "nothing measured"
    bulge, reason = float(np.mean(marks)), ", ".join(words)
    if bulge > 1.5:
        if medians["axis_ratio"] < 0.4:
            return "ETD", f"{reason}; axis ratio {medians['axis_ratio']:.2f} too flat for SPH"
        return "SPH", reason
    if bulge >= 0.5:
        return "ETD", reason
    if asymmetry > 0.2:
        return "IRR", f"{reason}; asymmetry {asymmetry:.3f} above 0.2"
    return "LTD", reason


def suggest_names(
    group: np.ndarray,
    kept: np.ndarray,
    groups: int,
    measured: dict[str, np.ndarray],
    snr: np.ndarray,
    flags: np.ndarray,
    beyond: np.ndarray | None = None,
) -> dict[int, dict]:
    """Suggest a class for every group.

    Parameters
    ----------
    group : ndarray of int, shape (N,)
    kept : ndarray of bool, shape (N,)
        Medians are over kept members, or over all if fewer than three are kept.
    groups : int
    measured : dict of ndarray, shape (N,)
        `MEASURED`; r_e in arcsec. NaN where not measured, or badly.
    snr : ndarray, shape (N,)
    flags : ndarray of int, shape (N,)
        Bits of `flags.FLAGS`.
    beyond : ndarray of bool, shape (N,), optional
        Galaxies that reach beyond their cutouts, see `choose_core`.

    Returns
    -------
    dict
        Group number -> {"class", "reason", "galaxies", "kept", "measured", "medians"}.
    """
    names = {}
    for number in range(groups):
        member = group == number
        use = choose_core(member, kept, beyond)
        entry: dict = {"galaxies": int(member.sum()), "kept": int((member & kept).sum())}
        names[number] = entry
        if not use.any():
            entry |= {"class": "UNC", "reason": "no members"}
            continue
        signal = float(np.nanmedian(snr[use])) if np.isfinite(snr[use]).any() else np.nan
        sound = use & np.isfinite(measured["gini"])
        values = {"snr": signal} | {name: _median(measured[name][use]) for name in MEASURED}
        entry |= {"measured": int(sound.sum())}
        shares = {
            "with low S/N": np.mean((flags[use] & LOW_SNR) > 0),
            "hardly larger than the PSF": np.mean((flags[use] & PSF_LIMITED) > 0),
            "without a good measurement": 1 - sound.sum() / use.sum(),
        }
        worst = max(shares, key=shares.get)
        if signal < LEAST_SNR:
            name, reason = "UNC", f"median S/N {signal:.0f} below {LEAST_SNR:.0f}"
        elif shares[worst] > MOST_BAD:
            name, reason = "UNC", f"{100 * shares[worst]:.0f} % of members {worst}"
        elif sound.sum() < FEWEST_MEMBERS:
            name, reason = "UNC", f"{sound.sum()} members measured"
        else:
            name, reason = suggest_class(values)
        entry |= {"class": name, "reason": reason}
        entry["medians"] = {
            key: round(value, 3) for key, value in values.items() if np.isfinite(value)
        }
    return names


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan


def choose_core(
    member: np.ndarray, kept: np.ndarray, beyond: np.ndarray | None = None
) -> np.ndarray:
    """Galaxies that represent a group: its kept members, or all if too few are kept.

    Too few means fewer than `FEWEST_MEMBERS`. Of either, those that reach beyond their cutouts are
    left out, unless they are nearly all: what is seen of them is not the whole galaxy.

    Parameters
    ----------
    member, kept : ndarray of bool, shape (N,)
    beyond : ndarray of bool, shape (N,), optional
        Bit `BEYOND_CUTOUT` of MEASURE_FLAG.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    if beyond is not None and (member & ~beyond).sum() >= FEWEST_MEMBERS:
        member = member & ~beyond
    core = member & kept
    return core if core.sum() >= FEWEST_MEMBERS else member
