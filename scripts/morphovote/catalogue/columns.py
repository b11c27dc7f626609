"""The columns of the catalogue: the one place that defines their names and meanings.

Units are written as VOUnits; UCDs are UCD1+ words (IVOA UCD List 1.5).
"""

from typing import NamedTuple

from morphovote.classify.classes import CLASSES


class CatalogueColumn(NamedTuple):
    """A column: its name, unit ('' if none), UCD1+, dtype, description and value where missing.

    `dtype` '' and `missing` None: as in the source list. `stage` is the stage that fills it,
    with the array of its name in lower case; '' where `join.build_catalogue` fills it.
    """

    name: str
    unit: str
    ucd: str
    dtype: str
    description: str
    missing: object
    stage: str = ""


NAN = float("nan")
_CLASSES = ", ".join(f"{name} {row.meaning.split(':')[0]}" for name, row in CLASSES.items())


def probability_column(name: str) -> CatalogueColumn:
    """The column with the probability of one class, which `join` fills."""
    return CatalogueColumn(
        f"P_{name}",
        "",
        "stat.probability;src.morph.type",
        "f4",
        f"Probability that the class is {name}; the P_ columns sum to 1; NaN where CLASS_PROB is",
        NAN,
    )


COLUMNS = (
    CatalogueColumn("ID", "", "meta.id;meta.main", "", "Identifier in the source catalogue", None),
    CatalogueColumn(
        "RA", "deg", "pos.eq.ra;meta.main", "f8", "Right ascension (ICRS), NaN if unknown", NAN
    ),
    CatalogueColumn(
        "DEC", "deg", "pos.eq.dec;meta.main", "f8", "Declination (ICRS), NaN if unknown", NAN
    ),
    CatalogueColumn(
        "GROUP",
        "",
        "meta.code.class",
        "i4",
        "Group that the voters put the galaxy in, -1 none",
        -1,
        "votes",
    ),
    CatalogueColumn(
        "VOTE_FRACTION",
        "",
        "stat.value",
        "f4",
        "Share of the voters that agree on GROUP",
        NAN,
        "votes",
    ),
    CatalogueColumn(
        "VOTE_CONFIDENCE",
        "",
        "stat.probability",
        "f4",
        "Of the galaxies with at least this value c, an expected share 1 - c would have as many "
        "votes without any groups in the data",
        NAN,
        "votes",
    ),
    CatalogueColumn(
        "GROUP_SECOND",
        "",
        "meta.code.class",
        "i4",
        "Group with the next most votes, -1 none",
        -1,
        "votes",
    ),
    CatalogueColumn(
        "KEPT", "", "meta.code.qual", "?", "True where enough voters agree on GROUP", False, "votes"
    ),
    CatalogueColumn(
        "CLASS",
        "",
        "src.morph.type",
        "U",
        f"Morphological class: {_CLASSES}, empty where none was given",
        "",
        "classes",
    ),
    CatalogueColumn(
        "CLASS_PROB",
        "",
        "stat.probability;src.morph.type",
        "f4",
        "Probability that CLASS is right, the largest of the P_ columns; from classifier and "
        "votes, or the share of the people who gave the class",
        NAN,
        "classes",
    ),
    CatalogueColumn(
        "CLASS_SECOND",
        "",
        "src.morph.type",
        "U",
        "Second most probable class, empty if none",
        "",
        "classes",
    ),
    CatalogueColumn(
        "CLASS_ORIGIN",
        "",
        "meta.code.class",
        "U",
        "Where CLASS comes from: labels (by eye), vote (group of a kept galaxy), anchors (they and "
        "labels taught), classifier (kept galaxies taught), none",
        "none",
        "classes",
    ),
    CatalogueColumn(
        "CLASS_REASON",
        "",
        "meta.code",
        "U",
        "Why there is no class: not selected, no data, no light (S/N below 3), outlier, no "
        "classifier, unclassifiable (CLASS is UNC); empty where classified",
        "not selected",
        "classes",
    ),
    *(probability_column(name) for name in CLASSES),
    CatalogueColumn(
        "RECOVERABLE",
        "",
        "stat.probability",
        "f4",
        "Chance that a galaxy of this S/N and size keeps the class that it would have without "
        "noise and blur, from the anchors; NaN without them",
        NAN,
        "classes",
    ),
    CatalogueColumn(
        "STRANGENESS",
        "",
        "stat.rank",
        "f4",
        "Share of the model's reference sample whose small polar pictures, which show arcs around "
        "galaxies, are closer to others': 1 is stranger than all of it",
        NAN,
        "neighbours",
    ),
    CatalogueColumn(
        "FLAGS", "", "meta.code", "i4", "Bits, each explained in the header of the table", 0
    ),
    CatalogueColumn(
        "SNR", "", "stat.snr", "f4", "Signal-to-noise ratio inside the segment", NAN, "cutouts"
    ),
    CatalogueColumn(
        "GINI",
        "",
        "src.morph.param",
        "f4",
        "Gini coefficient of the light (Lotz+ 2004)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "GINI_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of GINI, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "GINI_CORR",
        "",
        "src.morph.param",
        "f4",
        "GINI without the loss to the noise, as far as simulated galaxies tell it",
        NAN,
        "corrections",
    ),
    CatalogueColumn(
        "GINI_CORR_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of GINI_CORR, calibrated on simulated galaxies",
        NAN,
        "corrections",
    ),
    CatalogueColumn(
        "M20",
        "",
        "src.morph.param",
        "f4",
        "Logarithm of the second moment of the brightest 20 % of the light over the total "
        "(Lotz+ 2004)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "M20_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of M20, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "M20_CORR",
        "",
        "src.morph.param",
        "f4",
        "M20 without the loss to the noise, as far as simulated galaxies tell it",
        NAN,
        "corrections",
    ),
    CatalogueColumn(
        "M20_CORR_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of M20_CORR, calibrated on simulated galaxies",
        NAN,
        "corrections",
    ),
    CatalogueColumn(
        "CONCENTRATION",
        "",
        "src.morph.param",
        "f4",
        "Concentration 5 log10(r80/r20) within 1.5 Petrosian radii (Conselice 2003)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "CONCENTRATION_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of CONCENTRATION, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "CONCENTRATION_CORR",
        "",
        "src.morph.param",
        "f4",
        "CONCENTRATION without the loss to the noise, as far as simulated galaxies tell it",
        NAN,
        "corrections",
    ),
    CatalogueColumn(
        "CONCENTRATION_CORR_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of CONCENTRATION_CORR, calibrated on simulated galaxies",
        NAN,
        "corrections",
    ),
    CatalogueColumn(
        "ASYMMETRY",
        "",
        "src.morph.param",
        "f4",
        "Asymmetry under half a turn, that of the sky subtracted (Conselice 2003)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "ASYMMETRY_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of ASYMMETRY, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "ASYMMETRY_CORR",
        "",
        "src.morph.param",
        "f4",
        "ASYMMETRY without the loss to the noise, as far as simulated galaxies tell it",
        NAN,
        "corrections",
    ),
    CatalogueColumn(
        "ASYMMETRY_CORR_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of ASYMMETRY_CORR, calibrated on simulated galaxies",
        NAN,
        "corrections",
    ),
    CatalogueColumn(
        "SMOOTHNESS",
        "",
        "src.morph.param",
        "f4",
        "Clumpiness (Conselice 2003; Lotz+ 2004)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "SMOOTHNESS_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of SMOOTHNESS, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "MULTIMODE",
        "",
        "src.morph.param",
        "f4",
        "M: area of the second brightest part over that of the brightest (Freeman+ 2013)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "INTENSITY",
        "",
        "src.morph.param",
        "f4",
        "I: light of the second brightest part over that of the brightest (Freeman+ 2013)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "DEVIATION",
        "",
        "src.morph.param",
        "f4",
        "D: distance of the centroid from the brightest part, in radii (Freeman+ 2013)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "MULTIPLICITY",
        "",
        "src.morph.param",
        "f4",
        "Psi: 100 log10 of the pair sum of the most compact arrangement over that of the light "
        "(Law+ 2007)",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "R50",
        "arcsec",
        "phys.angSize",
        "f4",
        "Radius of half the light, not deconvolved",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "R_PETROSIAN", "arcsec", "phys.angSize", "f4", "Petrosian radius", NAN, "measurements"
    ),
    CatalogueColumn(
        "SERSIC_N",
        "",
        "src.morph.param",
        "f4",
        "Sersic index of a single profile, convolved with the PSF where one is given",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "SERSIC_N_ERR",
        "",
        "stat.error;src.morph.param",
        "f4",
        "Error (1 sigma) of SERSIC_N, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "R_E",
        "arcsec",
        "phys.angSize.smajAxis",
        "f4",
        "Half-light radius of the Sersic profile along its major axis",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "R_E_ERR",
        "arcsec",
        "stat.error;phys.angSize.smajAxis",
        "f4",
        "Error (1 sigma) of R_E, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "R_E_KPC",
        "kpc",
        "phys.size.smajAxis",
        "f4",
        "R_E at the redshift of the source catalogue (flat universe, H0 70, Omega_m 0.3)",
        NAN,
    ),
    CatalogueColumn(
        "AXIS_RATIO",
        "",
        "phys.size.axisRatio",
        "f4",
        "Minor over major axis of the Sersic profile",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "AXIS_RATIO_ERR",
        "",
        "stat.error;phys.size.axisRatio",
        "f4",
        "Error (1 sigma) of AXIS_RATIO, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "POSITION_ANGLE",
        "deg",
        "pos.posAng",
        "f4",
        "Of the major axis of the Sersic profile, east of north",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "POSITION_ANGLE_ERR",
        "deg",
        "stat.error;pos.posAng",
        "f4",
        "Error (1 sigma) of POSITION_ANGLE, calibrated on simulated galaxies; 52 where nothing is "
        "known",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "MAG_SERSIC",
        "mag",
        "phot.mag",
        "f4",
        "Total AB magnitude of the Sersic profile, out to infinity",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "MAG_SERSIC_ERR",
        "mag",
        "stat.error;phot.mag",
        "f4",
        "Error (1 sigma) of MAG_SERSIC, calibrated on simulated galaxies",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "SERSIC_CHI2",
        "",
        "stat.fit.chi2",
        "f4",
        "Chi-squared per degree of freedom of the Sersic fit",
        NAN,
        "measurements",
    ),
    CatalogueColumn(
        "MEASURE_FLAG",
        "",
        "meta.code.qual",
        "i4",
        "0 is a good measurement; bits, each explained in the header; -1 not measured",
        -1,
        "measurements",
    ),
)
