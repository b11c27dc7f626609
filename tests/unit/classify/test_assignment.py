"""Names of the groups, and classes of single galaxies."""

import h5py
import numpy as np
import pytest
import yaml
from astropy.table import Table

from morphovote.classify import assignment, calibration, classifier, fitting
from morphovote.errors import InputError
from morphovote.flags import BAD, FAILED, LOW_SNR, NO_SERSIC, PSF_LIMITED, SERSIC_SUSPECT
from morphovote.groups import rematching
from morphovote.groups.suggestion import suggest_class, suggest_names
from morphovote.measure.quality import MEASURED, trusted
from morphovote.storage import shards
from morphovote.storage.files import write_yaml
from morphovote.storage.rows import align_rows

# What a textbook member of each class measures (Conselice 2003, table 6; Lotz et al. 2004).
TEXTBOOK = {
    "SPH": {"sersic_n": 4.0, "concentration": 4.4, "gini": 0.58, "m20": -2.4, "asymmetry": 0.02,
            "smoothness": 0.0, "axis_ratio": 0.8, "r_e": 0.3},
    "ETD": {"sersic_n": 2.0, "concentration": 3.9, "gini": 0.53, "m20": -2.0, "asymmetry": 0.07,
            "smoothness": 0.08, "axis_ratio": 0.6, "r_e": 0.4},
    "LTD": {"sersic_n": 1.0, "concentration": 3.1, "gini": 0.45, "m20": -1.7, "asymmetry": 0.12,
            "smoothness": 0.1, "axis_ratio": 0.6, "r_e": 0.6},
    "IRR": {"sersic_n": 0.7, "concentration": 2.8, "gini": 0.45, "m20": -1.2, "asymmetry": 0.28,
            "smoothness": 0.2, "axis_ratio": 0.6, "r_e": 0.5},
}  # fmt: skip


class TestSuggestedClass:
    @pytest.mark.parametrize("name", TEXTBOOK)
    def test_textbook_galaxies(self, name):
        found, reason = suggest_class(TEXTBOOK[name])
        assert found == name
        assert reason

    def test_mergers_by_either_rule(self):
        merger = TEXTBOOK["SPH"] | {"gini": 0.62, "m20": -1.2}
        assert suggest_class(merger)[0] == "IRR"
        lopsided = TEXTBOOK["LTD"] | {"asymmetry": 0.4}
        assert suggest_class(lopsided)[0] == "IRR"
        grainy = TEXTBOOK["SPH"] | {"asymmetry": 0.4, "smoothness": 0.5}
        assert suggest_class(grainy)[0] == "SPH"

    def test_spheroids_are_not_flat(self):
        name, reason = suggest_class(TEXTBOOK["SPH"] | {"axis_ratio": 0.3})
        assert name == "ETD"
        assert "flat" in reason

    def test_without_a_sersic_fit_the_rest_decides(self):
        unfitted = dict.fromkeys(("sersic_n", "axis_ratio", "r_e"), np.nan)
        for name, values in TEXTBOOK.items():
            assert suggest_class(values | unfitted)[0] == name

    def test_small_galaxies_are_judged_by_the_fit_that_knows_the_psf(self):
        small = {"concentration": 3.0, "gini": 0.48, "m20": -1.75}
        assert suggest_class(TEXTBOOK["SPH"] | small)[0] == "SPH"

    def test_nothing_measured(self):
        nothing = dict.fromkeys(MEASURED, np.nan)
        assert suggest_class(nothing) == ("UNC", "nothing measured")


def field(names, size=40):
    """Groups with textbook members in the given order, all kept, S/N 50, no flags."""
    group = np.repeat(np.arange(len(names)), size)
    measured = {
        column: np.repeat([TEXTBOOK[name][column] for name in names], size) for column in MEASURED
    }
    number = len(group)
    return {
        "group": group,
        "kept": np.ones(number, bool),
        "groups": len(names),
        "measured": measured,
        "snr": np.full(number, 50.0),
        "flags": np.zeros(number, int),
    }


class TestSuggestedNames:
    def test_each_group_by_its_own_members(self):
        names = ["LTD", "SPH", "IRR", "ETD"]
        found = suggest_names(**field(names))
        assert [found[number]["class"] for number in range(4)] == names
        assert found[1]["medians"]["sersic_n"] == 4
        assert found[1]["galaxies"] == found[1]["kept"] == 40

    def test_medians_are_of_kept_members(self):
        case = field(["SPH"])
        case["kept"][20:] = False
        for column in MEASURED:
            case["measured"][column][20:] = TEXTBOOK["LTD"][column]
        case["measured"]["sersic_n"][19] = 90
        assert suggest_names(**case)[0]["class"] == "SPH"
        case["kept"][:] = False
        case["measured"]["gini"][:18] = case["measured"]["sersic_n"][:18] = np.nan
        assert suggest_names(**case)[0]["class"] != "SPH"

    def test_galaxies_beyond_their_cutouts_have_no_say(self):
        case = field(["SPH"])
        for column in MEASURED:
            case["measured"][column][:25] = TEXTBOOK["LTD"][column]
        assert suggest_names(**case)[0]["class"] == "LTD"
        beyond = np.arange(len(case["group"])) < 25
        found = suggest_names(**case, beyond=beyond)[0]
        assert (found["class"], found["medians"]["sersic_n"]) == ("SPH", 4)
        # A group of nearly nothing else is described by them all the same.
        assert suggest_names(**case, beyond=np.ones_like(beyond))[0]["class"] == "LTD"

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"snr": 9.0}, "S/N"),
            ({"flags": LOW_SNR}, "low S/N"),
            ({"flags": PSF_LIMITED}, "PSF"),
            ({"gini": np.nan}, "measurement"),
        ],
    )
    def test_bad_groups_are_unclassifiable(self, change, reason):
        case = field(["SPH", "LTD"])
        for name, value in change.items():
            array = case["measured"][name] if name == "gini" else case[name]
            array[:30] = value
        found = suggest_names(**case)
        assert found[0]["class"] == "UNC"
        assert reason in found[0]["reason"]
        assert found[1]["class"] == "LTD"

    def test_empty_and_tiny_groups(self):
        case = field(["SPH"])
        found = suggest_names(**case | {"groups": 2})
        assert found[1] == {"galaxies": 0, "kept": 0, "class": "UNC", "reason": "no members"}
        tiny = field(["SPH"], size=2)
        assert suggest_names(**tiny)[0]["class"] == "UNC"

    def test_bad_measurements_count_for_nothing(self):
        shape = {name: np.full(5, 2.0) for name in MEASURED}
        shape["measure_flag"] = np.array([0, FAILED, BAD, NO_SERSIC, SERSIC_SUSPECT])
        found = trusted(shape)
        np.testing.assert_array_equal(np.isnan(found["gini"]), [0, 1, 1, 0, 0])
        np.testing.assert_array_equal(np.isnan(found["sersic_n"]), [0, 1, 0, 1, 1])

    def test_rows_find_each_other(self):
        arrays = {"row": np.array([7, 2, 5]), "snr": np.array([70.0, 20, 50]),
                  "flags": np.array([7, 2, 5])}  # fmt: skip
        found = align_rows(np.array([2, 3, 5, 9]), arrays)
        np.testing.assert_array_equal(found["snr"], [20, np.nan, 50, np.nan])
        np.testing.assert_array_equal(found["flags"], [2, 0, 5, 0])


COLUMNS = (
    "row",
    "id",
    "class",
    "class_prob",
    "class_second",
    "class_origin",
    "class_reason",
    *("p_SPH", "p_ETD", "p_LTD", "p_IRR", "p_UNC"),
    "far",
    "recoverable",
)
NAMES = {0: "SPH", 1: "LTD", 2: "SPH", 3: "IRR"}


@pytest.fixture(scope="module")
def galaxies():
    """600 galaxies in four groups with eight components, of which 400 are kept."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 4, 600)
    components = (rng.normal(size=(4, 8)) * 2)[group] + rng.normal(size=(600, 8))
    counts = np.zeros((600, 4), np.int16)
    counts[np.arange(600), group] = 8
    counts[np.arange(600), (group + 2) % 4] = 2
    kept = np.arange(600) < 400
    votes = {"group": group, "kept": kept, "outlier": np.zeros(600, bool), "counts": counts}
    votes["vote_confidence"] = np.where(kept, 0.9, 0.6).astype(np.float32)
    return votes, components.astype(np.float32)


@pytest.fixture(scope="module")
def model(galaxies):
    votes, components = galaxies
    kept = votes["kept"]
    labels = np.array([NAMES[number] for number in votes["group"][kept]])
    fitted, _ = classifier.fit_classifier(components[kept], labels)
    return fitting.complete_model(votes, NAMES, fitted)


class TestClassifier:
    def test_learns_the_classes(self, galaxies, model):
        votes, components = galaxies
        rest = ~votes["kept"]
        probability = classifier.apply_classifier(components[rest], model)
        truth = np.array([NAMES[number] for number in votes["group"][rest]])
        assert list(model["names"]) == ["SPH", "LTD", "IRR"]
        np.testing.assert_allclose(probability.sum(axis=1), 1)
        assert (model["names"][probability.argmax(axis=1)] == truth).mean() > 0.9

    def test_probabilities_are_frequencies(self):
        rng = np.random.default_rng(1)
        target = rng.integers(0, 3, 3000)
        components = np.eye(3)[target] * 1.5 + rng.normal(size=(3000, 3))
        components = np.concatenate([components, rng.normal(size=(3000, 40))], axis=1)
        labels = np.array(["SPH", "LTD", "IRR"])[target]
        fitted, _ = classifier.fit_classifier(components[:600], labels[:600])
        probability = classifier.apply_classifier(components[600:], fitted)
        claimed = probability.max(axis=1)
        right = fitted["names"][probability.argmax(axis=1)] == labels[600:]
        for low, high in ((0.34, 0.5), (0.5, 0.65), (0.65, 0.8), (0.8, 1.0)):
            use = (claimed > low) & (claimed <= high)
            assert abs(claimed[use].mean() - right[use].mean()) < 0.1

    def test_clear_classes_are_not_claimed_beyond_their_number(self):
        rng = np.random.default_rng(0)
        target = np.arange(60) % 2
        components = target[:, None] * 100 + rng.normal(size=(60, 2))
        fitted, _ = classifier.fit_classifier(components, np.array(["SPH", "LTD"])[target])
        assert 0.9 < classifier.apply_classifier(components, fitted).max(axis=1).mean() < 0.999

    def test_row_is_alone_to_the_bit(self, galaxies, model):
        components = galaxies[1]
        together = classifier.apply_classifier(components, model)
        order = np.random.default_rng(0).permutation(600)
        shuffled = classifier.apply_classifier(components[order], model)
        np.testing.assert_array_equal(shuffled, together[order])
        np.testing.assert_array_equal(
            classifier.apply_classifier(components[599:], model)[0], together[599]
        )

    @pytest.mark.parametrize("labels", [[], ["LTD"] * 5, ["LTD"] * 5 + ["SPH"]])
    def test_few_classes_and_few_galaxies(self, labels):
        components = np.random.default_rng(0).normal(size=(len(labels), 3))
        fitted, _ = classifier.fit_classifier(components, np.array(labels, dtype=str))
        probability = classifier.apply_classifier(np.ones((2, 3)), fitted)
        assert probability.shape == (2, len(set(labels)))
        if labels:
            np.testing.assert_allclose(probability.sum(axis=1), 1)


class TestClassify:
    def test_kept_galaxies_take_the_class_of_their_group(self, galaxies, model):
        votes, components = galaxies
        found = assignment.classify(votes, NAMES, components, model)
        kept = votes["kept"]
        assert (found["class_origin"][kept] == "vote").all()
        assert (found["class_origin"][~kept] == "classifier").all()
        own = np.array([NAMES[number] for number in votes["group"]])
        np.testing.assert_array_equal(found["class"][kept], own[kept])

    def test_probability_is_of_voters_classifier_and_chance(self, galaxies, model):
        votes, components = galaxies
        found = assignment.classify(votes, NAMES, components, model)
        learnt = classifier.apply_classifier(components, model)
        own = np.array([NAMES[number] for number in votes["group"]])
        for name, share in (("SPH", 1.0), ("LTD", 0.8)):
            rows = votes["kept"] & (own == name)
            by_classifier = learnt[:, list(model["names"]).index(name)][rows]
            common = model["prior"][list(model["classes"]).index(name)]
            sure = 0.9 * assignment.PURITY
            wanted = sure * (share + by_classifier) / 2 + (1 - sure) * common
            np.testing.assert_allclose(found["class_prob"][rows], wanted, rtol=1e-5)

    def test_votes_of_chance_say_no_more_than_how_common_a_class_is(self, galaxies, model):
        votes, components = galaxies
        lost = votes | {"vote_confidence": np.zeros(600, np.float32)}
        found = assignment.classify(lost, NAMES, components, model)
        prior = dict(zip(model["classes"], model["prior"], strict=True))
        assert sum(prior.values()) == pytest.approx(1)
        for name, share in prior.items():
            rows = votes["kept"] & (found["class"] == name)
            # A group's class is given the most probable place, and no more than that takes.
            wanted = share if share == max(prior.values()) else (share + max(prior.values())) / 2
            np.testing.assert_allclose(found["class_prob"][rows], wanted, rtol=0.06)

    def test_probabilities_sum_to_one_and_the_class_has_the_largest(self, galaxies, model):
        votes, components = galaxies
        doubtful = model | {"offset": np.float64(-3.0), "slope": np.float64(0.5)}
        for one in (model, doubtful):
            found = assignment.classify(votes, NAMES, components, one)
            names = [name for name in found if name.startswith("p_")]
            chance = np.stack([found[name] for name in names], axis=1)
            np.testing.assert_allclose(chance.sum(axis=1), 1, rtol=1e-5)
            np.testing.assert_allclose(chance.max(axis=1), found["class_prob"], rtol=1e-5)
            own = chance[np.arange(600), [names.index(f"p_{name}") for name in found["class"]]]
            np.testing.assert_allclose(own, found["class_prob"], rtol=1e-5)
        assert found["class_prob"].mean() < 0.35

    def test_rest_takes_the_most_probable_class(self, galaxies, model):
        votes, components = galaxies
        found = assignment.classify(votes, NAMES, components, model)
        order, probability, _ = assignment.weigh_classes(votes, NAMES, components, model)
        rest = np.flatnonzero(~votes["kept"])
        ranks = np.argsort(-probability[rest], axis=1)
        np.testing.assert_array_equal(found["class"][rest], np.array(order)[ranks[:, 0]])
        np.testing.assert_array_equal(found["class_second"][rest], np.array(order)[ranks[:, 1]])
        highest = probability[rest].max(axis=1)
        np.testing.assert_allclose(found["class_prob"][rest], highest, rtol=1e-5)

    def test_row_is_alone_to_the_bit(self, galaxies, model):
        votes, components = galaxies
        together = assignment.classify(votes, NAMES, components, model)
        some = {name: values[590:] for name, values in votes.items()}
        alone = assignment.classify(some, NAMES, components[590:], model)
        for name, values in alone.items():
            np.testing.assert_array_equal(values, together[name][590:])

    def test_outliers_and_rows_without_data(self, galaxies, model):
        votes, components = (
            {name: values[:4].copy() for name, values in galaxies[0].items()},
            (galaxies[1][:4].copy()),
        )
        votes["outlier"][0] = True
        votes["group"][1], votes["kept"][1], votes["counts"][1] = -1, False, 0
        components[1] = np.nan
        votes["kept"][2] = False
        found = assignment.classify(votes, NAMES, components, model)
        assert list(found["class"][:2]) == ["UNC", ""]
        assert list(found["class_origin"]) == ["none", "none", "classifier", "vote"]
        assert list(found["class_reason"]) == ["outlier", "no data", "", ""]
        assert np.isnan(found["class_prob"][:2]).all()
        assert (found["class_second"][:2] == "").all()

    def test_what_is_not_seen_has_no_shape(self, galaxies, model):
        votes, components = galaxies
        snr = np.full(600, 3.0, np.float32)
        snr[:3] = 2.9, -1.0, np.nan
        votes = votes | {"outlier": np.arange(600) == 2}
        found = assignment.classify(votes, NAMES, components, model, snr)
        assert list(found["class"][:3]) == ["UNC"] * 3
        assert list(found["class_reason"][:4]) == ["no light"] * 3 + [""]
        assert np.isnan(found["class_prob"][:3]).all()
        assert (found["class_origin"][:3] == "none").all()

    def test_without_any_kept_galaxy_the_rest_is_unclassified(self, galaxies):
        votes = galaxies[0] | {"kept": np.zeros(600, bool)}
        empty = classifier.fit_classifier(np.zeros((0, 8)), np.array([], dtype=str))[0]
        nothing = fitting.complete_model(votes, NAMES, empty)
        found = assignment.classify(votes, NAMES, galaxies[1], nothing)
        assert set(found["class"]) == {"UNC"}
        assert set(found["class_origin"]) == {"none"}
        assert set(found["class_reason"]) == {"no classifier"}


class TestFiles:
    @pytest.fixture
    def folder(self, galaxies, tmp_path):
        votes, components = galaxies
        rows = np.arange(600)
        names = {"row": rows, "id": rows.astype(str)}
        made = {"groups": 4, "voters": "v1"}
        shards.write_shard(tmp_path / "votes.h5", names | votes, made)
        arrays = names | {"component": components}
        shards.write_shard(tmp_path / "components.h5", arrays, {"pca": "p1"})
        measured = {
            column: np.array([TEXTBOOK[NAMES[number]][column] for number in votes["group"]])
            for column in MEASURED
        }
        zero = np.zeros(600, int)
        for i, part in enumerate((slice(0, 250), slice(250, 600))):
            shape = names | measured | {"measure_flag": zero, "flags": zero}
            mask = np.ones((600, 4, 4), np.uint8)
            light = names | {"snr": np.full(600, 40.0), "flags": zero, "mask": mask}
            for stage, arrays in (("measured", shape), ("cutouts", light)):
                path = tmp_path / stage / f"{i}.h5"
                shards.write_shard(path, {name: a[part] for name, a in arrays.items()})
        return tmp_path

    def name(self, folder, **options):
        shape, light = (sorted((folder / stage).glob("*")) for stage in ("measured", "cutouts"))
        output, groups = folder / "names.yaml", folder / "groups.yaml"
        write_yaml(
            groups, {"version": 1, "voters": "v1", "regrouped": "v1", "fitted": 4, "groups": {}}
        )
        votes = folder / "votes.h5"
        rematching.name_groups_file(votes, shape, light, groups, output, **options)
        return yaml.safe_load(output.read_text())

    def classify(self, folder):
        names = ("votes.h5", "names.yaml", "components.h5", "classifier.h5")
        light = sorted((folder / "cutouts").glob("*"))
        paths = [folder / name for name in names]
        assignment.classify_file(*paths, light, folder / "classes.h5")

    def test_from_votes_to_classes(self, folder):
        named = self.name(folder)
        assert named["origin"] == "suggestion"
        assert {number: entry["class"] for number, entry in named["groups"].items()} == NAMES
        paths = [folder / name for name in ("votes.h5", "names.yaml", "components.h5")]
        fitting.fit_classifier_file(*paths, folder / "classifier.h5", folder / "held_out.h5")
        self.classify(folder)
        found = shards.read_shard(folder / "classes.h5")
        assert set(found) == set(COLUMNS)
        assert (found["class_origin"] == "vote").sum() == 400
        held = shards.read_shard(folder / "held_out.h5")
        assert set(held["check"]) == {"vote"}
        assert len(held["row"]) == 400
        assert (held["class"] == held["label"]).mean() > 0.9
        group = shards.read_shard(folder / "votes.h5", ["group"])["group"]
        assert (found["class"] == [NAMES[number] for number in group]).mean() > 0.9

    def test_labels_by_eye_correct_the_probabilities(self, folder):
        self.name(folder)
        paths = [folder / name for name in ("votes.h5", "names.yaml", "components.h5")]
        group = shards.read_shard(folder / "votes.h5", ["group"])["group"]
        # Half of each group is said to be something else: no class deserves more than that.
        labels = np.array([NAMES[number] for number in group], dtype="U3")
        labels[::2] = "UNC"
        table = {"ID": np.arange(300), "CLASS": labels[:300], "RANDOM": np.arange(300) < 200}
        Table(table).write(folder / "eye.csv")
        outputs = folder / "classifier.h5", folder / "held_out.h5"
        fitting.fit_classifier_file(*paths, *outputs, labels=[folder / "eye.csv"])
        self.classify(folder)
        found = shards.read_shard(folder / "classes.h5", ["class_prob"])["class_prob"]
        assert abs(np.nanmean(found) - 0.5) < 0.1
        checks = calibration.read_checks(outputs[1])
        assert len(checks["eye"]["right"]) == 200
        assert len(checks["labels"]["right"]) == 100
        assert abs(checks["eye"]["probability"].mean() - checks["eye"]["right"].mean()) < 0.05

    def test_suggestion_can_be_edited_and_given_back(self, folder):
        suggested = self.name(folder)
        suggested["groups"][1] |= {"class": "BAR", "note": "barred"}
        suggested["classes"] = {"BAR": "barred disc"}
        mine = folder / "mine.yaml"
        mine.write_text(yaml.safe_dump(suggested))
        named = self.name(folder, names=mine)
        assert named["origin"] == "file"
        assert named["groups"][1]["class"] == "BAR"
        assert named["groups"][1]["reason"] == "barred"
        assert named["groups"][1]["suggested"] == "LTD"
        assert named["voters"] == "v1"
        # A class of one's own goes all the way.
        paths = [folder / name for name in ("votes.h5", "names.yaml", "components.h5")]
        fitting.fit_classifier_file(*paths, folder / "classifier.h5", folder / "held_out.h5")
        self.classify(folder)
        found = shards.read_shard(folder / "classes.h5", ["class", "class_origin"])
        assert set(found["class"]) == {"SPH", "BAR", "IRR"}
        assert (found["class"][found["class_origin"] == "classifier"] == "BAR").any()

    def test_names_or_classifier_of_another_model_are_refused(self, folder):
        self.name(folder)
        paths = [folder / name for name in ("votes.h5", "names.yaml", "components.h5")]
        fitting.fit_classifier_file(*paths, folder / "classifier.h5", folder / "held_out.h5")
        with h5py.File(folder / "components.h5", "a") as file:
            file.attrs["pca"] = np.bytes_("p2")
        with pytest.raises(InputError, match="PCA p2"):
            self.classify(folder)
        with h5py.File(folder / "votes.h5", "a") as file:
            file.attrs["voters"] = np.bytes_("v2")
        with pytest.raises(InputError, match="vote v1"):
            fitting.fit_classifier_file(*paths, folder / "classifier.h5", folder / "held_out.h5")
