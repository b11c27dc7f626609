"""Joining and splitting groups, and finding named groups again in another vote."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from morphovote.errors import InputError
from morphovote.groups import names as group_names
from morphovote.groups import regrouping, rematching
from morphovote.storage.files import write_yaml
from morphovote.vote import bagged
from morphovote.vote.alignment import rank_groups

BLOBS = 6


@pytest.fixture(scope="module")
def components():
    """600 galaxies in six clouds, one of which is two; components of falling size."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(BLOBS, 8)) * np.linspace(9, 4, 8)
    cloud = np.repeat(np.arange(BLOBS), 100)
    points = centres[cloud] + rng.normal(size=(600, 8))
    points[:50] += 2.5 * np.sign(rng.normal(size=8))
    return points.astype(np.float32)


@pytest.fixture(scope="module")
def voters(components):
    return bagged.fit_voters(components, BLOBS, 0.667, seed=0, voters=7, quiet=True)


@pytest.fixture(scope="module")
def double(voters):
    """Number of the group of the first cloud."""
    return int(regrouping.consensus(voters)[0])


def vote(voters, centres=None):
    """What a file of names is checked against."""
    centres = centres or regrouping.group_centres(voters)
    return {"voters": voters.digest, "fitted": BLOBS, "pca": "p1", "centres": centres}


def names(**entries):
    """Content of a file of names, with groups as g0={...}."""
    groups = {int(key[1:]): entry for key, entry in entries.items()}
    return {"voters": "other", "groups": groups, "centres": {}, "fitted": BLOBS}


def test_joined_groups_share_their_votes(components, voters):
    joined, _ = regrouping.regroup_voters(voters, {1: {"merge": 0}}, seed=0)
    before, after = (bagged.cast_votes(components, v) for v in (voters, joined))
    np.testing.assert_array_equal(after["counts"][:, 0], before["counts"][:, :2].sum(axis=1))
    assert (after["counts"][:, 1] == 0).all()
    np.testing.assert_array_equal(after["group"] == 0, before["group"] <= 1)
    assert (after["kept"] >= before["kept"]).all()


def test_split_keeps_everyone_in_a_part(components, voters, double):
    split, centres = regrouping.regroup_voters(voters, {double: {"split": [6, 7]}}, seed=0)
    before, after = (bagged.cast_votes(components, v) for v in (voters, split))
    was = before["group"] == double
    np.testing.assert_array_equal(np.isin(after["group"], [6, 7]), was)
    assert set(np.bincount(after["group"][:50][was[:50]], minlength=8)[6:]) == {0, was[:50].sum()}
    assert after["counts"].shape == (600, 8)
    np.testing.assert_array_equal(after["counts"].sum(axis=1), 7)
    assert {6, 7} < set(centres)
    # The two clouds lie where the parts are.
    truth = components[:50].mean(axis=0), components[50:100].mean(axis=0)
    near = [min(np.linalg.norm(centres[part] - point) for part in (6, 7)) for point in truth]
    assert max(near) < 0.5


def test_same_seed_same_parts_whatever_the_threads(voters, double):
    marks = {double: {"split": [6, 7]}}
    first, _ = regrouping.regroup_voters(voters, marks, seed=0)
    again, _ = regrouping.regroup_voters(voters, marks, seed=0, threads=2)
    assert first.digest == again.digest != voters.digest


def test_too_small_to_split(voters):
    with pytest.raises(
        InputError, match=r"group 2 has .* too few to split it into 9, which takes 180"
    ):
        regrouping.regroup_voters(voters, {2: {"split": list(range(6, 15))}}, seed=0)


def test_parts_rank_by_their_parent_first():
    counts = np.array([[0, 5, 4, 4], [0, 9, 3, 1]])
    parents = np.array([0, 1, 0, 0])
    np.testing.assert_array_equal(rank_groups(counts, parents)[:, 0], [2, 1])
    np.testing.assert_array_equal(rank_groups(counts)[:, 0], [1, 1])
    # Groups without a vote come last, so that the second group is one with votes.
    assert rank_groups(np.array([[0, 2, 5, 0]]), parents)[0, 1] == 1


def test_groups_are_matched_by_centres_only_if_close():
    first = {0: np.array([0.0, 0]), 1: np.array([10.0, 0]), 2: np.array([0.0, 10])}
    second = {5: np.array([10.5, 0]), 6: np.array([0.0, 1]), 7: np.array([40.0, 40])}
    assert rematching.match_groups(first, second) == {0: 6, 1: 5}
    assert rematching.match_groups(first, {}) == {}
    # Half way between two groups is neither.
    assert rematching.match_groups(first, {0: np.array([5.0, 0]), 1: np.array([90.0, 0])}) == {}


def test_names_survive_another_seed(components, voters, double):
    other = bagged.fit_voters(components, BLOBS, 0.667, seed=11, voters=7, quiet=True)
    order = np.array([3, 5, 0, 1, 4, 2])
    other = replace(other, labels=order[other.labels].astype(np.int16))
    here, there = regrouping.consensus(voters), regrouping.consensus(other)
    single = [number for number in range(BLOBS) if number != double]
    content = names(
        **{f"g{double}": {"split": [6, 7]}, "g6": {"class": "SPH"}, "g7": {"class": "LTD"}},
        **{f"g{single[0]}": {"class": "IRR"}, f"g{single[1]}": {"merge": single[0]}},
    )
    _, centres = regrouping.regroup_voters(voters, content["groups"], seed=0)
    content["centres"] = {number: list(row) for number, row in centres.items()}
    marks, _ = rematching.carry_over(content, vote(other))
    _, centres = regrouping.regroup_voters(other, marks, seed=11)
    groups, matching = rematching.carry_over(content, vote(other, centres))
    assert {number: "split" in entry for number, entry in groups.items()}.items() >= {
        number: "split" in entry for number, entry in marks.items()
    }.items()
    assert not matching["lost"]
    assert not matching["unmatched"]
    renamed = {number: int(np.bincount(there[here == number]).argmax()) for number in range(BLOBS)}
    assert {n: m for n, m in matching["matched"].items() if n < BLOBS} == renamed
    assert groups[renamed[single[0]]] == {"class": "IRR"}
    assert groups[renamed[single[1]]] == {"merge": renamed[single[0]]}
    parts = groups[renamed[double]]["split"]
    assert {groups[part]["class"] for part in parts} == {"SPH", "LTD"}
    # The same clouds have the same classes.
    first, second = (
        bagged.cast_votes(components, regrouping.regroup_voters(v, g, seed=s)[0])["group"]
        for v, g, s in ((voters, content["groups"], 0), (other, groups, 11))
    )
    one, two = (rematching.final_names(g, 8) for g in (content["groups"], groups))
    same = [
        one[int(a)]["class"] == two[int(b)]["class"] for a, b in zip(first, second, strict=True)
    ]
    assert np.mean(same) > 0.97


def test_what_cannot_be_matched_is_said(voters):
    content = names(g0={"class": "SPH"}, g1={"class": "LTD", "note": "arms"}, g2={"merge": 1})
    centres = regrouping.group_centres(voters)
    content["centres"] = {number: list(row) for number, row in centres.items() if number in (0, 2)}
    content["centres"][1] = list(centres[1] + 100)
    groups, matching = rematching.carry_over(content, vote(voters))
    # What group 1 was named, the group that had joined it still is.
    assert groups == {0: {"class": "SPH"}, 2: {"class": "LTD", "note": "arms"}}
    assert matching["lost"] == [1]
    assert matching["unmatched"] == [1, 3, 4, 5]
    final = rematching.final_names(groups, BLOBS, matching)
    assert final[3] == {"class": "UNC", "reason": group_names.NO_MATCH}


@pytest.fixture
def files(voters, tmp_path):
    bagged.save_voters(tmp_path / "voters.h5", voters, {"pca": "p1", "seed": 0})

    def run(text=None, seed=0):
        names = tmp_path / "names.yaml"
        names.write_text(text or "")
        paths = [tmp_path / name for name in ("voters.h5", "model.h5", "groups.yaml")]
        regrouping.regroup_voters_file(*paths, names if text else None, seed)
        return bagged.load_voters(paths[1]), group_names.read_given_names(paths[2])

    return run


class TestFiles:
    def test_without_names_the_vote_stays_as_it_is(self, files, voters):
        (found, attributes), content = files()
        assert found.digest == voters.digest == attributes["fitted"] == attributes["voters"]
        assert found.parents is None
        assert (content["fitted"], content["groups"], content["pca"]) == (BLOBS, {}, "p1")
        assert sorted(content["centres"]) == list(range(BLOBS))

    def test_what_is_written_gives_the_same_again(self, files, voters, double, tmp_path):
        text = f"version: 1\nwho: A\ngroups: {{{double}: {{split: [6, 8]}}, 8: SPH}}\n"
        (found, _), content = files(text)
        assert found.groups == 9
        assert content["voters"] == voters.digest
        assert content["regrouped"] == found.digest
        write_yaml(tmp_path / "again.yaml", content)
        (again, _), _ = files((tmp_path / "again.yaml").read_text())
        assert again.digest == found.digest

    def test_names_of_another_vote(self, files):
        given = "voters: elsewhere\nversion: 1\ngroups: {0: SPH}\n"
        with pytest.raises(InputError, match="no 'centres' to match them by"):
            files(given)
        with pytest.raises(InputError, match="PCA p2, these in those of p1"):
            files(given + "pca: p2\ncentres: {0: [0, 0, 0, 0, 0, 0, 0, 0]}\n")

    def test_marks_are_found_again(self, files, voters):
        rows = {number: list(row) for number, row in regrouping.group_centres(voters).items()}
        content = {"version": 1, "voters": "elsewhere", "pca": "p1", "groups": {}, "fitted": BLOBS}
        content["centres"] = {n: [float(x) for x in rows[(n + 1) % BLOBS]] for n in range(BLOBS)}
        content["groups"] = {0: {"merge": 2}, 1: {"class": "SPH"}}
        (found, _), made = files(yaml.safe_dump(content))
        assert made["groups"] == {1: {"merge": 3}}
        assert set(regrouping.consensus(found)) == {0, 2, 3, 4, 5}

    def test_too_small_says_which_file(self, files):
        with pytest.raises(InputError, match=r"names\.yaml: group 2 has"):
            files(f"version: 1\ngroups: {{2: {{split: {list(range(6, 15))}}}}}")
