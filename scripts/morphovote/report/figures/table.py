"""Which figures there are: one row a figure, in the order of the report.

The workflow makes a rule `plot_<name>` from each row; it calls `draw` of the module of that name
beside this one. The report takes order, titles and sections from here, and each caption from
`workflow/report/<name>.rst`. Reading this table loads nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One row.

    Parameters
    ----------
    name : str
        Of its module, rule, PNG file, table of numbers and caption.
    title : str
    inputs : mapping of str
        What `draw` reads: argument -> path under `results/<field>/`. A folder stands for all its
        shards, and `model/` for the folder of the model that the field uses.
    settings : mapping of str
        What else `draw` is given: argument -> key of the config.
    condition : str
        Which fields have it, a key of `CONDITIONS` in workflow/rules/figures.smk; all if empty.
    needs : tuple of str
        Columns of the source catalogue without which the report leaves it out; "A or B" where one
        of two is enough.
    section : str
        The figure whose section of the report it stands in; one of its own if empty.
    heading : str
        Of the section that it opens; its title if empty.
    level : int
        Of that heading: 2, or 3 for a part of the section before.
    numbers : bool
        Whether it writes a table of numbers; else a check has written them.
    """

    name: str
    title: str
    inputs: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    condition: str = ""
    needs: tuple[str, ...] = ()
    section: str = ""
    heading: str = ""
    level: int = 2
    numbers: bool = True


CATALOGUE = {"catalogue": "catalogue.fits"}
SOURCES = CATALOGUE | {"sources": "sources.fits"}
MASSIVE = {"massive": "diagnose.massive"}
SEED = {"seed": "voting.seed"}

FIGURES = (
    Figure(
        "shift",
        "Can the frozen model be trusted on this field?",
        {"shift": "shift.json"},
        condition="frozen",
    ),
    Figure(
        "votes",
        "Does the vote find more than chance?",
        CATALOGUE | {"controls": "vote_controls.json"},
    ),
    Figure(
        "depth",
        "The vote by magnitude and signal-to-noise ratio",
        SOURCES,
        section="votes",
    ),
    Figure("groups", "How many groups?", {"scan": "group_scan.json"}, condition="scanned"),
    Figure(
        "stability",
        "Does a turned, noisier or blurred galaxy keep its group?",
        {"stability": "stability.h5"},
    ),
    Figure(
        "classes",
        "The classes in pictures",
        CATALOGUE | {"cutouts": "cutouts/"},
        SEED,
        heading="Classes",
    ),
    Figure(
        "reliability",
        "How far to trust a class and its probability",
        {"held_out": "held_out.h5"},
        condition="held_out",
        level=3,
    ),
    Figure(
        "labels",
        "What labels by eye tell",
        {"labels": "labels.json"},
        condition="labelled",
        level=3,
    ),
    Figure(
        "completeness",
        "What is recovered of galaxies of known class",
        {"injections": "injections.h5"},
        condition="injected",
        level=3,
    ),
    Figure(
        "bands",
        "How do group and class change from band to band?",
        {"changes": "figures/band_changes.csv"},
        condition="bands",
        level=3,
        numbers=False,
    ),
    Figure(
        "galleries",
        "The groups in pictures",
        CATALOGUE
        | {
            "cutouts": "cutouts/",
            "denoised": "denoised/",
            "votes": "votes.h5",
            "names": "model/names.yaml",
        },
        heading="Groups",
    ),
    Figure(
        "confounders",
        "Do the groups follow brightness, size or place?",
        {
            "overall": "figures/confounders_overall.csv",
            "groups": "figures/confounders.csv",
            "names": "model/names.yaml",
        },
        numbers=False,
    ),
    Figure(
        "embedding",
        "What is the embedding made of?",
        CATALOGUE | {"components": "components.h5"},
        SEED,
    ),
    Figure("tsne", "A map of the galaxies", CATALOGUE | {"components": "components.h5"}, SEED),
    Figure(
        "separation",
        "Do the classes differ, and in the published order?",
        {"tests": "figures/separation.csv"},
        numbers=False,
    ),
    Figure("structure", "Gini, M20, concentration and asymmetry", SOURCES, MASSIVE),
    Figure(
        "mid",
        "Multimode, intensity and deviation",
        CATALOGUE | {"measurements": "measurements/"},
    ),
    Figure("sizes", "Sérsic index and size", SOURCES, MASSIVE),
    Figure("bulges", "Bulges and discs", CATALOGUE, condition="bulge_disc"),
    Figure(
        "masses",
        "Size and Sérsic index against stellar mass",
        SOURCES,
        MASSIVE,
        needs=("LOG_MASS",),
    ),
    Figure(
        "measurement",
        "How well the parameters are measured",
        {"measurement": "figures/measurement.csv"},
        condition="fitted",
        numbers=False,
    ),
    Figure(
        "fractions",
        "How common the classes are",
        {"fractions": "figures/fractions.csv"},
        numbers=False,
    ),
    Figure("colours", "Rest-frame colours", SOURCES, needs=("REDSHIFT", "U_V", "V_J")),
    Figure(
        "training",
        "Training of the denoiser",
        {"history": "denoiser_training.csv"},
        condition="fitted",
    ),
)
