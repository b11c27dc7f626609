"""Input of the catalogue: a source list, and results of all stages for its galaxies."""

import numpy as np
from astropy.table import Table

from morphovote import flags
from morphovote.classify.classes import CLASSES
from morphovote.measure import morphology
from morphovote.measure.calibration import CORRECTED

CONTRACT = [
    *("ID", "RA", "DEC", "GROUP", "VOTE_FRACTION", "VOTE_CONFIDENCE"),
    *("GROUP_SECOND", "KEPT"),
    *(
        "CLASS",
        "CLASS_PROB",
        "CLASS_SECOND",
        "CLASS_ORIGIN",
        "CLASS_REASON",
        *("P_SPH", "P_ETD", "P_LTD", "P_IRR", "P_UNC", "RECOVERABLE"),
        "STRANGENESS",
        "FLAGS",
        "SNR",
        "GINI",
        "GINI_ERR",
        "GINI_CORR",
        "GINI_CORR_ERR",
        "M20",
        "M20_ERR",
        "M20_CORR",
        "M20_CORR_ERR",
    ),
    *("CONCENTRATION", "CONCENTRATION_ERR", "CONCENTRATION_CORR", "CONCENTRATION_CORR_ERR"),
    *("ASYMMETRY", "ASYMMETRY_ERR", "ASYMMETRY_CORR", "ASYMMETRY_CORR_ERR"),
    *("SMOOTHNESS", "SMOOTHNESS_ERR", "MULTIMODE", "INTENSITY", "DEVIATION"),
    *("MULTIPLICITY", "R50", "R_PETROSIAN", "SERSIC_N", "SERSIC_N_ERR", "R_E", "R_E_ERR"),
    *("R_E_KPC", "AXIS_RATIO", "AXIS_RATIO_ERR", "POSITION_ANGLE", "POSITION_ANGLE_ERR"),
    *("MAG_SERSIC", "MAG_SERSIC_ERR", "SERSIC_CHI2", "MEASURE_FLAG"),
]


def source_list(selected, ids=None):
    count = len(selected)
    return Table(
        {
            "ROW": np.arange(count),
            "ID": np.arange(count) * 7 if ids is None else ids,
            "RA": 150 + np.arange(count) / 100,
            "DEC": np.full(count, 2.0),
            "SELECTED": np.array(selected, dtype=bool),
            "REDSHIFT": np.full(count, 0.5),
        }
    )


def stages(rows):
    """Results of all stages for the sources `rows`, which need not be in order."""
    rows = np.array(rows, dtype=np.int64)
    count = len(rows)
    ids = np.array([str(row) for row in rows], dtype=object)
    number = rows.astype(np.float32)
    measured = {name: number / 10 for name in morphology.UNITS}
    return {
        "cutouts": {"row": rows, "id": ids, "flags": np.full(count, flags.BLEND), "snr": number},
        "votes": {
            "row": rows,
            "id": ids,
            "group": (rows % 3).astype(np.int64),
            "vote_fraction": np.full(count, 0.75, np.float32),
            "vote_confidence": np.full(count, 0.9, np.float32),
            "group_second": np.full(count, -1),
            "kept": rows % 2 == 0,
            "outlier": rows == 4,
        },
        "classes": {
            "row": rows,
            "id": ids,
            "class": np.array(["SPH" if row % 2 else "IRR" for row in rows], dtype=object),
            "class_prob": np.full(count, 0.5, np.float32),
            "class_second": np.array(["UNC"] * count, dtype=object),
            "class_origin": np.array(["vote"] * count, dtype=object),
            "class_reason": np.array([""] * count, dtype=object),
            **{
                f"p_{name}": np.full(count, share, np.float32)
                for name, share in zip(CLASSES, (0.5, 0.1, 0.1, 0.1, 0.2), strict=True)
            },
            "recoverable": np.full(count, 0.7, np.float32),
            "far": rows == 3,
        },
        "neighbours": {"row": rows, "strangeness": np.full(count, 0.25, np.float32)},
        "measurements": {
            "row": rows,
            "id": ids,
            **measured,
            "measure_flag": np.zeros(count, np.int32),
            "psf_radius": np.full(count, 0.05, np.float32),
            "flags": np.where(rows == 2, flags.PSF_LIMITED, 0),
        },
        "corrections": {
            "row": rows,
            **{
                f"{name}_corr{kind}": measured[f"{name}{kind}"]
                for name in CORRECTED
                for kind in ("", "_err")
            },
        },
    }
