"""Figures: they are drawn for any data, show what they should, and give their numbers."""

import csv
import itertools

import numpy as np
import pytest
import synthetic_field
from astropy.table import Table
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from morphovote import flags
from morphovote.checks import class_tests
from morphovote.checks import fractions as class_fractions
from morphovote.classify.classes import CLASSES, class_style, order_names
from morphovote.errors import InputError
from morphovote.report import stamps
from morphovote.report.figures import (
    bulges,
    colours,
    depth,
    embedding,
    fractions,
    masses,
    mid,
    separation,
    structure,
    style,
    training,
    tsne,
    votes,
)
from morphovote.report.figures import classes as classes_figure
from morphovote.report.figures import galleries as galleries_figure
from morphovote.report.figures import sizes as sizes_figure
from morphovote.storage import shards
from morphovote.storage.numbers import save_numbers

# The larger samples take half a minute.
SIZES = (0, 4, *(pytest.param(count, marks=pytest.mark.slow) for count in (60, 4000)))


def texts(figure):
    """All text of a figure, as drawn."""
    figure.draw_without_rendering()
    return " | ".join(
        text.get_text() for text in figure.findobj(lambda item: hasattr(item, "get_text"))
    )


def catalogue_of(count):
    return synthetic_field.make_catalogue(max(count, 4))[:count]


def draw_shares(catalogue, sources, samples):
    """The figure of the class fractions, and the table behind it."""
    names = np.asarray(catalogue["CLASS"], dtype=str)
    bins = class_fractions.list_bins(sources, samples, names != "")
    table = class_fractions.table_fractions(names, bins, order_names(names), None)
    return fractions.plot_fractions(table), table


def draw_all(catalogue, sources):
    """Every figure of the catalogue with its numbers, by name."""
    samples = class_tests.choose_samples(sources, 10.0)
    values = class_tests.measured_values(catalogue, sources)
    tests = class_tests.compare_classes(catalogue["CLASS"], values, samples, resamples=20)
    controls = synthetic_field.make_controls()
    return {
        "structure": structure.plot_structure(catalogue, samples),
        "mid": mid.plot_mid(catalogue, synthetic_field.make_mid(catalogue)),
        "sizes": sizes_figure.plot_sizes(catalogue, samples),
        "masses": masses.plot_masses(catalogue, sources, 10.0),
        "colours": colours.plot_colours(catalogue, sources),
        "fractions": draw_shares(catalogue, sources, samples),
        "depth": depth.plot_depth(catalogue, sources),
        "separation": (separation.plot_separation(tests), tests),
        "votes": votes.plot_votes(catalogue, controls),
    }


@pytest.mark.slow
@pytest.mark.parametrize("count", SIZES)
def test_figures_of_the_catalogue_are_drawn_at_any_size(count, tmp_path):
    catalogue = catalogue_of(count)
    drawn = draw_all(catalogue, synthetic_field.make_sources(catalogue))
    for name, (figure, numbers) in drawn.items():
        style.save_figure(figure, tmp_path / f"{name}.png")
        save_numbers(numbers, tmp_path / f"{name}.csv")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        with open(tmp_path / f"{name}.csv", newline="") as file:
            assert len(list(csv.reader(file))) == len(numbers) + 1
    assert len(list(tmp_path.iterdir())) == 2 * len(drawn)


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["MAG", "REDSHIFT", "LOG_MASS"])
def test_figures_are_drawn_without_what_the_catalogue_lacks(lacking):
    catalogue = synthetic_field.make_catalogue(200)
    sources = synthetic_field.make_sources(catalogue)
    sources[lacking] = np.nan
    drawn = draw_all(catalogue, sources)
    assert ("massive" in texts(drawn["sizes"][0])) == (lacking != "LOG_MASS")
    assert ("kpc" in texts(drawn["masses"][0])) == (lacking == "MAG")
    assert ("magnitude" in texts(drawn["depth"][0])) == (lacking != "MAG")
    assert ("redshift z" in texts(drawn["fractions"][0])) == (lacking != "REDSHIFT")


def test_the_same_numbers_give_the_same_picture(tmp_path):
    catalogue = synthetic_field.make_catalogue(80)
    for name in ("a.png", "b.png"):
        samples = {"all": np.ones(len(catalogue), dtype=bool)}
        style.save_figure(sizes_figure.plot_sizes(catalogue, samples)[0], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.slow
def test_no_text_is_smaller_than_8_points():
    catalogue = synthetic_field.make_catalogue(120)
    sources = synthetic_field.make_sources(catalogue)
    stamps = [dict(enumerate(part)) for part in synthetic_field.make_stamps(catalogue)]
    galleries = galleries_figure.choose_galleries(
        catalogue, np.zeros(120), synthetic_field.names_of_groups(catalogue)
    )
    members = classes_figure.choose_class_members(catalogue, 0)
    for figure, _ in (
        *draw_all(catalogue, sources).values(),
        galleries_figure.plot_galleries(catalogue, galleries, *stamps),
        classes_figure.plot_classes(catalogue, members, stamps[0], stamps[2]),
    ):
        figure.draw_without_rendering()
        assert figure.get_figwidth() <= style.WIDTH
        sizes = [text.get_fontsize() for text in figure.findobj(style.matplotlib.text.Text)]
        assert min(sizes) >= 8


def test_a_class_looks_the_same_in_every_figure():
    looks = {class_style(name) for name in CLASSES}
    assert len({colour for colour, _ in looks}) == 5
    assert len({marker for _, marker in looks}) == 5
    names = ["SPH", "bar", "ring"]
    assert class_style("SPH", names) == class_style("SPH")
    assert class_style("bar", names) != class_style("ring", names)


def test_structure_gives_every_measured_galaxy_and_its_region():
    catalogue = synthetic_field.make_catalogue(100)
    heavy = np.arange(100) < 40
    samples = {"all": np.ones(100, dtype=bool), "massive": heavy}
    figure, numbers = structure.plot_structure(catalogue, samples)
    assert (numbers["sample"] == "all").sum() == 97
    assert list(numbers["id"][numbers["sample"] == "massive"]) == list(catalogue["ID"][:40])
    assert set(numbers["region"]) <= {"merger", "E/S0/Sa", "Sb-Irr"}
    assert "SPH" in texts(figure)


def test_sizes_table_has_the_medians():
    catalogue = synthetic_field.make_catalogue(300)
    samples = {"all": np.ones(300, dtype=bool)}
    _, numbers = sizes_figure.plot_sizes(catalogue, samples)
    row = numbers[(numbers["quantity"] == "sersic_n") & (numbers["class"] == "SPH")][0]
    expected = np.nanmedian(catalogue["SERSIC_N"][catalogue["CLASS"] == "SPH"])
    assert row["median"] == pytest.approx(expected)
    assert row["low_95"] < row["median"] < row["high_95"]
    trend = numbers[(numbers["quantity"] == "sersic_n") & (numbers["class"] == "trend")][0]
    assert trend["median"] < -0.5


def test_missing_colours_are_said_and_not_drawn():
    catalogue = synthetic_field.make_catalogue(40)
    sources = synthetic_field.make_sources(catalogue)
    sources["V_J"] = np.nan
    figure, numbers = colours.plot_colours(catalogue, sources)
    assert len(numbers) == 0
    assert "gives no V\N{MINUS SIGN}J" in texts(figure)
    sources = synthetic_field.make_sources(catalogue)
    sources["REDSHIFT"] = 3.0
    assert "redshift below 2" in texts(colours.plot_colours(catalogue, sources)[0])


def test_colours_draws_only_redshifts_that_occur():
    catalogue = synthetic_field.make_catalogue(40)
    sources = synthetic_field.make_sources(catalogue)
    sources["REDSHIFT"] = 0.7
    figure, numbers = colours.plot_colours(catalogue, sources)
    assert sum(axes.axison for axes in figure.axes) == 1
    assert "0.5 ≤ z < 1" in texts(figure)
    assert numbers["quiescent"].sum() > 0


def test_votes_table_holds_fraction_null_and_every_galaxy():
    catalogue = synthetic_field.make_catalogue(203)
    controls = synthetic_field.make_controls(null=0.4)
    figure, numbers = votes.plot_votes(catalogue, controls)
    assert "40 %" in texts(figure)
    kept = numbers[numbers["panel"] == "kept fraction"]
    assert list(kept["quantity"]) == ["catalogue", "data", "null"]
    assert kept["value"][0] == pytest.approx(catalogue["KEPT"].sum() / 200)
    assert tuple(kept["value", "low", "high"][2]) == pytest.approx((0.40, 0.38, 0.42))
    shares = numbers[numbers["panel"] == "vote fraction"]
    counted = np.isin(shares["quantity"], ["kept", "not kept"])
    assert shares["value"][counted].sum() == 200
    # The null's line is scaled to as many galaxies.
    assert shares["value"][~counted].sum() == pytest.approx(200)


@pytest.mark.parametrize(("voters", "steps"), [(30, 30), (12, 12), (200, 20)])
def test_histogram_follows_the_number_of_voters(voters, steps):
    assert votes.vote_steps(np.arange(voters + 1) / voters) == steps


def test_embedding_shows_what_is_known_and_what_is_not():
    catalogue = synthetic_field.make_catalogue(120)
    points = np.random.default_rng(0).standard_normal((120, 4))
    points[:, 0] += 3 * np.asarray(catalogue["AXIS_RATIO"])
    figure, numbers = embedding.plot_embedding(catalogue, points, 0)
    assert {"axis ratio", "all together", "nothing known", "SPH"} <= set(texts(figure).split(" | "))
    assert list(numbers["quantity"])[-2:] == ["all together", "all, shuffled"]
    nothing, numbers = embedding.plot_embedding(catalogue[:9], points[:9], 0)
    assert len(numbers) == 0
    assert "Too few" in texts(nothing)


def test_map_takes_few_galaxies():
    catalogue = synthetic_field.make_catalogue(30)
    index = np.arange(0, 20, 2)
    figure, numbers = tsne.plot_tsne(catalogue, index, np.arange(20.0).reshape(10, 2))
    assert list(numbers["id"]) == list(catalogue["ID"][index])
    assert "vote fraction" in texts(figure)
    nothing, numbers = tsne.plot_tsne(catalogue, index[:0], np.empty((0, 2)))
    assert len(numbers) == 0
    assert "no map" in texts(nothing)


def test_training_curve_marks_the_best_epoch(tmp_path):
    path = tmp_path / "training.csv"
    path.write_text("epoch,train_loss,validation_loss,seconds\n1,3,3,1\n2,2,1.5,1\n3,1,2,1\n")
    figure, numbers = training.plot_training(training.read_history(path))
    circle = next(line for line in figure.axes[0].lines if line.get_label() == "lowest")
    assert (circle.get_xdata()[0], circle.get_ydata()[0]) == (2, 1.5)
    assert list(numbers["epoch"]) == [1, 2, 3]
    path.write_text("epoch,loss\n1,2\n")
    with pytest.raises(InputError, match="not a loss curve"):
        training.read_history(path)


def test_galleries_are_sorted_by_class_and_show_the_extremes():
    catalogue = synthetic_field.make_catalogue(200)
    galleries = galleries_figure.choose_galleries(
        catalogue, np.zeros(200), synthetic_field.names_of_groups(catalogue)
    )
    names = [gallery.name for gallery in galleries]
    assert names == sorted(names, key=list(CLASSES).index)
    share = catalogue["VOTE_FRACTION"]
    for gallery in galleries:
        assert min(share[gallery.typical]) >= max(share[gallery.doubtful])
        assert set(catalogue["GROUP"][gallery.typical]) == {gallery.group}
    cutouts, denoised, rms = (
        dict(enumerate(part)) for part in synthetic_field.make_stamps(catalogue)
    )
    del denoised[int(galleries[0].typical[0])]  # a picture that is not there is left out
    figure, numbers = galleries_figure.plot_galleries(catalogue, galleries, cutouts, denoised, rms)
    shown = galleries_figure.shown_rows(galleries)
    assert len(numbers) == len(shown)
    assert sum(len(axes.images) for axes in figure.axes) == 2 * (len(shown) - 1)


def test_stamps_are_found_in_their_shards(tmp_path):
    image = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), dtype=np.float32)
    row = np.array([3, 5, 8, 9, 12, 20])
    for i, part in enumerate((slice(0, 4), slice(4, 6))):
        arrays = {"row": row[part], "id": row[part].astype(str), "image": image[part]}
        shards.write_shard(tmp_path / f"{i}.h5", arrays)
    paths = [tmp_path / "0.h5", tmp_path / "1.h5"]
    found = stamps.read_stamps(paths, "image", np.array([5, 20, 7]))
    assert sorted(found) == [5, 20]
    assert found[20][0, 0] == 5


def test_stretch_keeps_noise_faint_and_the_order_of_pixels():
    values = np.linspace(-5, 100, 200)
    shown = stamps.stretch(values, sky=1.0, bright=100.0)
    assert shown.min() == 0
    assert shown.max() == 1
    assert (np.diff(shown) >= 0).all()
    noise = np.random.default_rng(0).normal(size=1000)
    assert stamps.stretch(noise, sky=1.0, bright=3.0).max() < 0.8


@pytest.mark.parametrize("text", ["$\\frac{1}{$", "_hidden", "a\x00b\nc", "<script>", "名前" * 30])
def test_hostile_class_names_are_drawn_as_text(text, tmp_path):
    catalogue = synthetic_field.make_catalogue(60)
    name = np.asarray(catalogue["CLASS"]).astype(object)
    name[name == "SPH"] = text
    catalogue["CLASS"] = name.astype(str)
    samples = {"all": np.ones(len(catalogue), dtype=bool)}
    figure, numbers = structure.plot_structure(catalogue, samples)
    style.save_figure(figure, tmp_path / "figure.png")
    save_numbers(numbers, tmp_path / "figure.csv")
    labels = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert len(labels) == 5
    assert any(style.label_text(text) in label for label in labels)


def test_classes_are_shown_by_their_own_members_kept_first():
    catalogue = synthetic_field.make_catalogue(300)
    members = classes_figure.choose_class_members(catalogue, seed=1, count=10)
    assert list(members) == list(CLASSES)
    for name, rows in members.items():
        assert set(catalogue["CLASS"][rows]) == {name}
        assert catalogue["KEPT"][rows].all()
        assert (np.diff(catalogue["SNR"][rows]) <= 0).all()
    cutouts, _, rms = (dict(enumerate(part)) for part in synthetic_field.make_stamps(catalogue))
    figure, numbers = classes_figure.plot_classes(catalogue, members, cutouts, rms)
    assert len(numbers) == 50 == sum(len(axes.images) for axes in figure.axes)
    nothing, numbers = classes_figure.plot_classes(catalogue[:0], {}, {}, {})
    assert len(numbers) == 0
    assert "No galaxy has a class" in texts(nothing)


def test_mid_of_a_bad_measurement_is_left_out(tmp_path):
    arrays = {"row": np.array([2, 0]), "measure_flag": np.array([0, flags.BAD])}
    arrays |= {name: np.array([0.5, 0.7], dtype=np.float32) for name in mid.MID}
    shards.write_shard(tmp_path / "0.h5", arrays | {"id": np.array(["a", "b"])})
    found = mid.read_mid([tmp_path / "0.h5"], 3)
    np.testing.assert_array_equal(found["multimode"], [np.nan, np.nan, 0.5])


def test_fractions_add_up_in_every_bin():
    catalogue = synthetic_field.make_catalogue(400)
    sources = synthetic_field.make_sources(catalogue)
    samples = class_tests.choose_samples(sources, 10.0)
    _, numbers = draw_shares(catalogue, sources, samples)
    whole = numbers[(numbers["panel"] == "redshift") & (numbers["sample"] == "all")]
    assert whole["members"].sum() == 397
    for middle in set(whole["middle"]):
        assert whole["fraction"][whole["middle"] == middle].sum() == pytest.approx(1)
    assert set(numbers["sample"]) == {"all", "massive"}


def test_depth_counts_every_voter_once():
    catalogue = synthetic_field.make_catalogue(203)
    figure, numbers = depth.plot_depth(catalogue, synthetic_field.make_sources(catalogue))
    for quantity in ("magnitude", "snr"):
        part = numbers[numbers["quantity"] == quantity]
        assert part["galaxies"].sum() == 200
        kept = (part["galaxies"] * part["kept_fraction"]).sum()
        assert kept == pytest.approx(catalogue["KEPT"].sum())
    assert "kept fraction" in texts(figure)


@pytest.mark.parametrize(("low", "high"), [(2005, 2147), (15, 40), (8, 90), (3, 4000)])
def test_few_round_numbers_on_a_logarithmic_axis(low, high):
    figure = Figure(figsize=(2.3, 2))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([low, high], [0, 1])
    axes.set_xscale("log")
    style.plain_log_ticks(axes.xaxis)
    figure.draw_without_rendering()
    texts = axes.xaxis.get_ticklabels()
    boxes = [t.get_window_extent() for t in texts if low * 0.9 < t.get_position()[0] < high * 1.1]
    assert 1 <= len(boxes) <= 6
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_bulges_are_those_that_can_be_told():
    table = Table(
        {
            "CLASS": ["SPH", "SPH", "ETD", "ETD", "ETD", ""],
            "BULGE_FRACTION": [1.0, 0.8, 0.5, 0.3, np.nan, 0.9],
            "BULGE_DISC_DELTA_BIC": [-5.0, -2.0, 12.0, 3.0, np.nan, 9.0],
            "BULGE_DISC_FLAG": [4, 1, 0, 0, 8, 0],
        }
    )
    figure, numbers = bulges.plot_bulges(table)
    rows = {row["class"]: row for row in numbers}
    assert rows["SPH"]["galaxies"] == 1
    assert rows["SPH"]["two_better"] == 0
    assert rows["ETD"]["galaxies"] == 2
    assert rows["ETD"]["two_better"] == 1
    assert rows["ETD"]["median"] == pytest.approx(0.4)
    assert "B/T" in texts(figure)
    table["BULGE_DISC_FLAG"] = -1
    assert "No galaxy" in texts(bulges.plot_bulges(table)[0])
