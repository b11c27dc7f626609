"""What a rule says: on the terminal, in its log, and when it fails."""

import logging

import pytest

from morphovote.errors import InputError
from morphovote.logs import log, progress, results, rule_log


def test_messages_reach_terminal_and_file(tmp_path, capsys):
    path = tmp_path / "logs/make_cutouts/00003.log"
    with rule_log(path):
        log.info("hello")
    assert capsys.readouterr().err == "[make_cutouts 00003] hello\n"
    assert path.read_text().endswith(" hello\n")


def test_input_error_is_its_sentence_alone(tmp_path, capsys):
    path = tmp_path / "logs/fit_pca.log"
    with pytest.raises(SystemExit) as stopped, rule_log(path):
        raise InputError("a.fits: found nothing, expected something. Do this.")
    assert stopped.value.code == 1
    assert "[fit_pca] ERROR: a.fits: found nothing" in capsys.readouterr().err
    assert "Traceback" not in path.read_text()


def test_other_errors_leave_their_traceback_in_the_log(tmp_path, capsys):
    path = tmp_path / "logs/fit_pca.log"
    with pytest.raises(SystemExit), rule_log(path):
        raise KeyError("oops")
    assert "Traceback" not in capsys.readouterr().err
    assert "Traceback" in path.read_text()


def test_warnings_of_libraries_go_to_the_file_only(tmp_path, capsys):
    path = tmp_path / "logs/fit_pca.log"
    with rule_log(path):
        logging.getLogger("py.warnings").warning("a library's concern")
    assert "concern" not in capsys.readouterr().err
    assert "concern" in path.read_text()


def test_progress_passes_everything_on_and_reports_the_end(tmp_path, capsys):
    with rule_log(tmp_path / "logs/x.log"):
        assert list(progress(range(7), 7, "galaxies", every=100)) == list(range(7))
    assert "7 of 7 galaxies (100 %)" in capsys.readouterr().err


def test_results_that_exist_are_told_by_field(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("catalogue.fits", "similar.csv"):
        (tmp_path / "results/one").mkdir(parents=True, exist_ok=True)
        (tmp_path / "results/one" / name).touch()
    told = ["", "one: the catalogue is results/one/catalogue.fits (also .parquet, .vot)"]
    assert results(["one", "two"], None) == told
    likest = "one: the galaxies most like those given are in results/one/similar.csv"
    assert results(["one", "two"], "7") == [*told, likest]
