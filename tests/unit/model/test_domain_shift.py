"""Fields like the reference pass; other galaxies, another PSF and other depths do not."""

import numpy as np
import pytest

from morphovote.compute.neighbours import nearest
from morphovote.model import domain_shift
from morphovote.report.figures import shift as shift_figure
from morphovote.report.text import model as model_text
from morphovote.vote.bagged import CLOSEST


def make_components(count, seed, move=0.0, spread=1.0, width=8):
    """Clumps in as many dimensions as a PCA leaves."""
    random = np.random.default_rng(seed)
    centres = 3 * np.random.default_rng(0).normal(size=(6, width))
    points = centres[random.integers(6, size=count)] + random.normal(0, spread, (count, width))
    points[:, 0] += move
    return points.astype(np.float32)


def make_images(**changes):
    about = {
        "images_pixel_scale": 0.03,
        "psf_fwhm": 0.1,
        "sky_limit": 27.0,
        "point_limit": 27.5,
        "zero_point": 25.9,
        "band": "F814W",
        "magnitude": {"0.05": 20.0, "0.5": 23.0, "0.95": 24.5},
        "snr": {"0.05": 5.0, "0.5": 40.0, "0.95": 300.0},
    }
    return domain_shift.compare_images(about, about | changes)


def check(reference, field, images=None, warnings=()):
    distance = nearest(field, reference, CLOSEST)[1].mean(axis=1)
    return domain_shift.check_shift(
        field, reference, distance, images or make_images(), warnings, 0
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [60, 500])
def test_a_field_drawn_like_the_reference_passes(seed, count):
    result = check(make_components(count, seed), make_components(count, 100 + seed))
    assert result["verdict"] == "trust"
    assert result["envelope"]["low"] <= 0.03 or count == 60
    assert abs(result["test"]["own_share"] - 0.5) < 0.1


@pytest.mark.parametrize("change", [{"move": 4.0}, {"spread": 2.5}])
def test_other_galaxies_do_not(change):
    result = check(make_components(300, 1), make_components(300, 2, **change))
    assert result["verdict"] == "no trust"
    assert result["test"]["p"] == 1 / 200
    assert "Do not trust" in result["sentence"]
    assert "Fit a model on it." in result["sentence"]


def test_a_narrower_field_is_told_though_nothing_lies_outside():
    reference = make_components(400, 3)
    field = reference[np.argsort(reference[:, 0])[:150]] + 0.01
    result = check(reference, field)
    assert result["envelope"]["low"] < 0.03
    assert result["test"]["p"] < 0.01
    assert result["verdict"] != "trust"


@pytest.mark.parametrize(
    ("change", "verdict", "says"),
    [
        ({"psf_fwhm": 0.3}, "no trust", "FWHM of 0.3 arcsec, and the reference's 0.1"),
        ({"psf_fwhm": 0.14}, "care", "FWHM of 0.14 arcsec"),
        ({"psf_fwhm": 0.11}, "trust", "looks like the reference"),
        ({"point_limit": 25.0}, "care", "a point-source limit of 25.0 mag, and the reference 27.5"),
        ({"magnitude": {"0.5": 20.0}}, "care", "a median magnitude of 20.0"),
        ({"psf_fwhm": None, "point_limit": None, "magnitude": None}, "trust", "can be used"),
    ],
)
def test_images_count(change, verdict, says):
    reference, field = make_components(200, 1), make_components(200, 2)
    result = check(reference, field, make_images(**change))
    assert result["verdict"] == verdict
    assert says in result["sentence"]


def test_warnings_ask_for_care():
    result = check(make_components(200, 1), make_components(200, 2), warnings=["precision differs"])
    assert result["verdict"] == "care"
    assert "precision differs" in result["sentence"]


def test_few_galaxies_decide_nothing():
    result = check(make_components(200, 1), make_components(12, 2, move=9.0))
    assert (result["verdict"], result["test"]) == ("not decided", None)


def test_envelope_counts_what_lies_outside():
    reference = make_components(1000, 1)
    distance = np.concatenate([np.full(90, 0.1), np.full(10, 99.0), np.full(5, np.nan)])
    found = domain_shift.measure_envelope(reference, distance)
    assert (found["outside"], found["galaxies"], found["fraction"]) == (10, 100, 0.1)
    assert found["low"] < 0.1 < found["high"]
    own = np.array(found["quantiles"]["reference"])
    assert own[-1] == pytest.approx(found["limit"], rel=1e-6)


def test_energy_distance_is_that_of_the_definition():
    first, second = make_components(40, 1), make_components(40, 2, move=1.0)
    found = domain_shift.compare_samples(first, second, 0)["energy"]
    x, y = first.astype(float), second.astype(float)

    def mean(a, b, pairs):
        return np.linalg.norm(a[:, None] - b[None], axis=2).sum() / pairs

    expected = 2 * mean(x, y, 1600) - mean(x, x, 1560) - mean(y, y, 1560)
    assert found == pytest.approx(expected, rel=1e-4)


def test_p_values_of_alike_samples_are_spread():
    values = [
        domain_shift.compare_samples(make_components(40, s), make_components(40, 50 + s), s)["p"]
        for s in range(30)
    ]
    assert 0.3 < np.mean(values) < 0.7
    assert np.mean(np.array(values) < 0.1) < 0.3


def test_told_in_sentences_and_drawn():
    result = check(make_components(200, 1), make_components(200, 2, move=5.0))
    about = {"field": "there", "galaxies": 1200, "reference": 200, "pixel_scale": 0.03}
    conversion = {"text": "cutouts of 0.06 arcsec a pixel are resampled"}
    result |= {"model": about, "conversions": [conversion]}
    top = " ".join(model_text.describe_model(about, result))
    assert "1,200 galaxies of field there, at 0.03 arcsec a pixel" in top
    assert "Converted: cutouts of 0.06" in top
    assert result["sentence"] in top
    text = " ".join(model_text.describe_shift(result))
    assert "of 200 galaxies" in text
    assert "the smallest that 199 permutations can give" in text
    assert "PSF of 0.1 arcsec (FWHM) (reference: 0.1)" in text
    assert model_text.describe_shift(None) == []
    own = model_text.describe_model(about, None)
    assert "were fitted on 1,200 galaxies" in own[0]
    figure, table = shift_figure.plot_shift(result)
    assert set(table["quantity"]) == {"distance", "magnitude", "snr"}
    assert len(figure.axes) == 3
    bare = shift_figure.plot_shift(result | {"images": make_images(magnitude=None)})[1]
    assert set(bare["quantity"]) == {"distance", "snr"}
