"""check."""

import hashlib

import pytest

from fakes import facts as recorded
from tagstone.domain.publications import record
from tagstone.store import publications

MANIFEST = (
    "environment: {base: 'debian:bookworm', apt: [python3]}\nrun: {command: [python3, analysis.py]}\noutputs: ['*.png']\n"
)


CONTENT = b"a,b\n"


@pytest.fixture
def described(tmp_path, repository):
    """The repository with a manifest and a citation that are right."""
    folder = tmp_path / "wobble"
    (folder / "tagstone.yml").write_text(MANIFEST)
    (folder / "CITATION.cff").write_text(recorded.CITATION)
    return folder


def test_a_repository_without_description_has_a_fault_for_each_missing_file(tagstone, repository):
    done = tagstone("check", repository)
    assert done.exit_code == 3
    assert "error: tagstone.yml: There is no manifest." in done.stdout
    assert "error: CITATION.cff: There is no citation." in done.stdout


def test_a_good_repository_passes_though_it_is_not_committed(tagstone, described):
    done = tagstone("check", str(described))
    assert (done.exit_code, "not committed" in done.stdout) == (0, True)


def test_all_faults_come_at_once_with_line_and_remedy(tagstone, described):
    (described / "tagstone.yml").write_text(MANIFEST + "ouputs: []\n")
    (described / "CITATION.cff").write_text("title: 3\n")
    told = tagstone.json("check", str(described))
    assert told["ok"] is False
    assert {fault["file"] for fault in told["faults"]} >= {"tagstone.yml", "CITATION.cff"}
    assert any(fault["line"] == 4 and "outputs" in fault["message"] + fault["remedy"] for fault in told["faults"])


def test_one_citation_file_is_judged_alone(tagstone, tmp_path):
    file = tmp_path / "CITATION.cff"
    file.write_text(recorded.CITATION)
    assert tagstone("check", "--citation", str(file)).exit_code == 0
    file.write_text("title: 3\n")
    assert tagstone("check", "--citation", str(file)).exit_code == 3
    assert tagstone("check", "--citation", str(tmp_path / "none.cff")).exit_code == 4


def test_the_lock_is_offered_once_an_image_was_built(tagstone, described, installation):
    assert tagstone("check", str(described), "--fix").exit_code == 4
    told = tagstone.json("rehearse", str(described))
    with installation.sessions.write() as session:
        publications.get(session, told["publication"]).facts = record.dump(recorded.rehearsal()).decode()
    done = tagstone("check", str(described), "--fix")
    assert (done.exit_code, "is written: commit it" in done.stdout) == (0, True)
    assert '"python3": "3.11.2-1"' in (described / "tagstone.lock").read_text()
    assert tagstone.json("check", str(described), "--fix")["lock_changed"] is False


@pytest.mark.parametrize("arguments", [["--fix", "--ref", "main"], ["--citation", "x", "--fix"]])
def test_options_that_contradict_each_other_are_a_usage_error(tagstone, repository, arguments):
    assert tagstone("check", repository, *arguments).exit_code == 2


def test_names_in_faults_are_shown_not_obeyed(tagstone, described):
    (described / "a\x1b[31mb").write_text("x")
    assert "\x1b" not in tagstone("check", str(described)).output


def test_checksums_of_inputs_are_fetched_and_written(tagstone, described, tmp_path):
    (described / "raw.csv").write_bytes(CONTENT)
    (described / "tagstone.yml").write_text(
        MANIFEST
        + "inputs:\n  - {from: raw.csv, to: a.csv, licence: MIT}  # mine\n  - {from: none.csv, to: b.csv, licence: MIT}\n"
    )
    done = tagstone("check", str(described), "--fix")
    assert done.exit_code == 3  # of the second input nothing could be found out
    text = (described / "tagstone.yml").read_text()
    assert f"licence: MIT, sha256: {hashlib.sha256(CONTENT).hexdigest()}}}  # mine\n" in text
    assert "a.csv: 4 " in done.stderr
    assert "There is no file none.csv" in done.stderr
    assert "input a.csv" not in done.stdout
    assert "The input b.csv has no sha256" in done.stdout
    told = tagstone.json("check", str(described), "--fix")
    assert [(one["to"], one["error"] is None) for one in told["inputs"]] == [("b.csv", False)]
