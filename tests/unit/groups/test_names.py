"""The file of names: what it may contain, and what it means."""

import pytest

from morphovote.errors import InputError
from morphovote.groups import names as group_names
from morphovote.groups import rematching
from morphovote.storage.files import write_json, write_yaml


@pytest.fixture
def read(tmp_path):
    """Read a text as a file of names for a vote of four groups."""

    def read_text(text, fitted=4):
        path = tmp_path / "names.yaml"
        path.write_text(text, encoding="utf-8")
        content = group_names.read_given_names(path)
        content["width"] = group_names.check_numbers(path, content, fitted)
        return content

    return read_text


def test_short_form_without_a_version(read):
    found = read("who: me\nwhen: 2025-01-01\ngroups:\n  2: LTD\n  0: {class: SPH, reason: round}\n")
    assert found["groups"] == {0: {"class": "SPH", "note": "round"}, 2: {"class": "LTD"}}
    assert (found["who"], found["when"], found["width"]) == ("me", "2025-01-01", 4)
    assert rematching.final_names(found["groups"], 4) == {
        0: {"class": "SPH", "reason": "round"},
        1: {"class": "UNC", "reason": group_names.NOT_NAMED},
        2: {"class": "LTD", "reason": "named in the file of names"},
        3: {"class": "UNC", "reason": group_names.NOT_NAMED},
    }


def test_marks_and_classes_of_ones_own(read):
    found = read(
        "version: 1\nclasses: {BAR: barred disc}\ngroups:\n  0: {split: [4, 5]}\n  1: {merge: 3}\n"
        "  2: {merge: 1, note: faint}\n  3: {class: BAR}\n  4: SPH\n"
    )
    names = rematching.final_names(found["groups"], found["width"])
    classes = {number: entry["class"] for number, entry in names.items()}
    assert classes == {0: "UNC", 1: "BAR", 2: "BAR", 3: "BAR", 4: "SPH", 5: "UNC"}
    assert names[2]["reason"] == "joined to group 3"
    assert names[0]["reason"] == "split into groups 4, 5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("groups: {0: DISC}", "'DISC' of group 0"),
        ("groups: {4: SPH}", "group 4 .* 0 to 3"),
        ("groups: {one: SPH}", "group 'one'"),
        ("groups: {-1: SPH}", "group -1"),
        ("groups: {0: null}", "None of group 0"),
        ("groups: {0: []}", r"\[\] of group 0"),
        ("version: 1\ngroups: {0: {split: [[4], [5]]}}", "'split' of group 0"),
        ("version: 1\ngroups: {0: SPH}\ncentres: {.inf: [1.0]}", "finite"),
        ("groups: {0: {clas: SPH}}", "unknown key clas of group 0"),
        ("groups: [SPH, LTD]", "no table 'groups'"),
        ("0: SPH", "no table 'groups'"),
        ("groups: {0: SPH}\nwhom: me", "unknown key whom"),
        ("groups: {0: SPH}\nversion: 2", "'version' is 2, expected 1"),
        ("groups: {0: {merge: 1}}", "'version' is missing, and group 0 is marked"),
        ("groups: {0: SPH}\ncentres: {0: [1.0]}", "'version' is missing"),
        ("version: 1\ngroups: {0: SPH}\ncentres: {0: [.nan]}", "finite"),
        (
            "version: 1\ngroups: {0: SPH}\ncentres: {0: [1.0], 1: [1.0, 2.0]}",
            "equally many finite numbers",
        ),
        ("version: 1\ngroups: {0: {merge: 9}}", "group 9"),
        ("version: 1\ngroups: {0: {merge: 1}, 1: {merge: 0}}", "in a circle"),
        ("version: 1\ngroups: {0: {merge: 0}}", "in a circle"),
        (
            "version: 1\ngroups: {0: {merge: 1}, 1: {split: [4, 5]}}",
            "merged into 1, which is split",
        ),
        ("version: 1\ngroups: {0: {merge: 1, split: [4, 5]}}", "both 'merge' and 'split'"),
        ("version: 1\ngroups: {0: {split: 2}}", "'split' of group 0 is 2, .* \\[20, 21\\]"),
        ("version: 1\ngroups: {0: {split: [4]}}", "'split' of group 0"),
        ("version: 1\ngroups: {0: {split: [2, 3]}}", "gives a part the number 2, expected .* 4 to"),
        ("version: 1\ngroups: {0: {split: [4, 5]}, 1: {split: [5, 6]}}", "number 5"),
        ("version: 1\ngroups: {0: {split: [4, 5]}, 4: {split: [6, 7]}}", "split again"),
        ("version: 1\ngroups: {0: {split: [4, 999]}}", "number 999"),
        ("classes: {2D: flat}\ngroups: {0: SPH}", "class '2D'"),
        ("classes: {none: no}\ngroups: {0: SPH}", "class 'none'"),
        ("groups: {0: SPH", "not a readable YAML"),
        ("groups: !!python/object/apply:os.system [ls]", "not a readable YAML"),
    ],
)
def test_mistakes_are_named(read, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert str(caught.value).count("\n") <= 2


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml"):
        group_names.read_given_names(tmp_path / "none.yaml")


def test_what_is_written_can_be_read(tmp_path, read):
    content = {"version": 1, "groups": {0: {"class": "SPH", "note": "a: b # c"}}, "who": "É\u2028x"}
    write_yaml(tmp_path / "out.yaml", content)
    found = group_names.read_given_names(tmp_path / "out.yaml")
    assert found["groups"][0]["note"] == "a: b # c"
    assert found["who"] == "É x"


def test_unnamed_groups_stay_unnamed_until_someone_changes_them(read):
    text = "version: 1\ngroups: {{0: {{class: {}, reason: left out of the file of names}}}}"
    assert "class" not in read(text.format("UNC"))["groups"][0]
    assert read(text.format("LTD"))["groups"][0]["class"] == "LTD"


def test_marks_tell_when_votes_have_to_be_cast_anew(tmp_path):
    def marks(text):
        (tmp_path / "names.yaml").write_text("version: 1\n" + text)
        return group_names.marks_of(tmp_path / "names.yaml")

    assert group_names.marks_of(None) == ""
    assert marks("groups: {0: SPH, 1: {class: LTD, note: x}}") == ""
    joined = marks("groups: {0: SPH, 1: {merge: 0}}")
    assert marks("who: me\ngroups: {0: LTD, 1: {merge: 0, note: x}, 2: IRR}") == joined != ""
    assert marks("groups: {0: SPH, 1: {split: [4, 5]}}") != joined
    assert marks("voters: v2\ngroups: {0: SPH, 1: {merge: 0}}") != joined


@pytest.fixture
def voted(tmp_path):
    """A field whose model was fitted with the settings of `config`, and its groups."""
    folder, config = tmp_path / "results/f/model", {"voting": {"groups": 2}, "pca": {"seed": 0}}
    write_yaml(folder.parent / "groups.yaml", {
        "version": 1, "groups": {}, "voters": "here", "pca": "p",
        "centres": {0: [0.0, 1.0], 1: [5.0, 5.0]},
    })  # fmt: skip
    write_json(folder / "model.json", {
        "field": "f", "pixel_scale": 0.1, "encoder": {}, "settings": config,
    })  # fmt: skip
    return {"f": str(folder)}, config


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"voters": "other"}, "'voters' is other, but the groups come from vote here"),
        ({"voters": "other", "pca": "q", "centres": {0: [1.0, 2.0]}}, "components of PCA q"),
        ({"voters": "other", "pca": "p", "centres": {0: [1.0, 2.0]}}, None),
        ({"voters": "here"}, None),
        ({}, None),
    ],
)
def test_names_for_another_vote_are_refused_before_the_run(tmp_path, voted, more, says):
    path = tmp_path / "names.yaml"
    write_yaml(path, {"version": 1, "groups": {0: "SPH"}} | more)
    group_names.check_vote_of(None, *voted)
    if says is None:
        group_names.check_vote_of(path, *voted)
        return
    with pytest.raises(InputError, match=says):
        group_names.check_vote_of(path, *voted)
    # With other settings the vote is yet to come, and so it is in a fresh folder.
    folders, config = voted
    group_names.check_vote_of(path, folders, config | {"voting": {"groups": 3}})
    group_names.check_vote_of(path, {"f": str(tmp_path / "results/g/model")}, config)
