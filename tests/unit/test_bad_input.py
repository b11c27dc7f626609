"""Bad input: a clear error or a flagged row, never a traceback, never a silent wrong result."""

import bad_input
import bad_input_catalogues  # noqa: F401  adds its cases to the table
import bad_input_checks  # noqa: F401
import bad_input_config  # noqa: F401
import bad_input_images  # noqa: F401
import bad_input_roles  # noqa: F401
import bad_input_surveys  # noqa: F401
import bad_input_tables  # noqa: F401
import pytest
from bad_input import CASES


def folder_content(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.given}")
def test_bad_input(case, tmp_path, record_property, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said, stopped = bad_input.run_case(case, tmp_path)
    print(f"{case.group} | {case.given} | {said}")
    record_property("said", said)
    assert stopped == case.stops, said
    for part in case.says:
        assert part in said
    assert not list(tmp_path.rglob(".*.part"))
    if stopped:
        assert len(said.splitlines()) <= 3
        assert len(said) < 700
        assert any(word in said.lower() for word in bad_input.ADVICE)
        assert "Traceback" not in said
        assert not (tmp_path / "out").exists()


def test_there_are_enough_cases_and_none_stands_twice():
    assert len(CASES) >= 60
    assert len({(case.group, case.given) for case in CASES}) == len(CASES)
