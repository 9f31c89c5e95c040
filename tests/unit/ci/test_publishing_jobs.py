"""`tagstone ci publish` and `tagstone ci rehearse`."""

import json

import pytest

from fakes.scripted_server import Reply
from fakes.tagstone_service import ID, IMAGE, PUBLISHED, ScriptedService, problem, standing
from tagstone.cli.exit_codes import ExitCode
from unit.ci.conftest import TOKEN, Job

DIGEST = "sha256:" + "a" * 64
GIVEN = {"TAGSTONE_CI_COMMAND": "python3 analysis.py", "TAGSTONE_CI_OUTPUTS": "results/*"}


def handed_in(service: ScriptedService) -> dict[str, object]:
    asked = next(one for one in service.server.asked if one.method == "POST")
    said = json.loads(asked.body)
    assert isinstance(said, dict)
    return said


def test_a_publication_leaves_doi_record_and_image_for_the_next_job(job: Job, service: ScriptedService):
    result = job("publish", TAGSTONE_IMAGE=DIGEST)
    assert result.exit_code == 0, result.stderr
    assert "10.5281/zenodo.7654321" in result.stdout
    assert job.dotenv("tagstone.env") == {
        "TAGSTONE_PUBLICATION": ID,
        "TAGSTONE_STATE": "published",
        "TAGSTONE_DOI": PUBLISHED["doi"],
        "TAGSTONE_CONCEPT_DOI": PUBLISHED["concept_doi"],
        "TAGSTONE_RECORD": PUBLISHED["record"],
        "TAGSTONE_URL": f"{service.url}/publications/{ID}",
        "TAGSTONE_IMAGE_REFERENCE": IMAGE,
    }
    assert handed_in(service) == {"image": DIGEST, "manifest": None, "rehearsal": False}


def test_without_an_image_the_service_builds(job: Job, service: ScriptedService):
    assert job("publish").exit_code == 0
    assert handed_in(service)["image"] is None


def test_what_the_include_gives_is_handed_in_as_the_effective_manifest(job: Job, service: ScriptedService):
    job.commit(tagstone_yml="environment: {base: 'debian:bookworm'}\n")
    assert job("publish", **GIVEN).exit_code == 0
    manifest = json.loads(str(handed_in(service)["manifest"]))
    assert manifest["run"]["command"] == ["python3", "analysis.py"]
    assert manifest["outputs"]["made"][0]["path"] == "results/*"


def test_what_is_said_twice_ends_the_job_before_anything_is_asked(job: Job, service: ScriptedService):
    result = job("publish", **GIVEN)
    assert result.exit_code == ExitCode.INVALID
    assert "both say the command" in result.stderr
    assert service.server.asked == []


@pytest.mark.parametrize(
    ("left", "image"), [(f"TAGSTONE_IMAGE={DIGEST}\n", DIGEST), ("", None), ("OTHER=1\n", None), (None, None)]
)
def test_a_rehearsal_hands_in_what_the_same_job_built(job: Job, service: ScriptedService, left: str | None, image: str | None):
    if left is not None:
        (job.folder / "tagstone-build.env").write_text(left)
    assert job("rehearse", CI_COMMIT_TAG="", TAGSTONE_IMAGE="").exit_code == 0
    assert handed_in(service)["image"] == image


def test_a_rehearsal_says_so_and_goes_where_it_is_told(job: Job, service: ScriptedService):
    assert job("rehearse", CI_COMMIT_TAG="", TAGSTONE_CI_DEPOSITORY="zenodo-sandbox").exit_code == 0
    said = handed_in(service)
    assert said["rehearsal"] is True
    assert json.loads(str(said["manifest"]))["deposit"]["to"] == "zenodo-sandbox"


def test_a_job_whose_patience_ends_says_waiting_and_where_to_look(job: Job, service: ScriptedService):
    service.stands(standing("working", step="run"))
    result = job("publish", TAGSTONE_CI_PATIENCE="0.05")
    assert result.exit_code == 0
    assert result.stdout.startswith("waiting: working, run\n")
    assert f"{service.url}/publications/{ID}" in result.stdout
    assert job.dotenv("tagstone.env")["TAGSTONE_STATE"] == "working"


def test_a_job_ends_at_once_where_a_person_has_to_approve(job: Job, service: ScriptedService):
    service.stands(standing("working", step="review", waiting="waits for approval"))
    result = job("publish")
    assert result.exit_code == 0
    assert "waits for approval; look at" in result.stdout


def test_a_publication_that_fails_fails_the_job_with_its_reason_and_remedy(job: Job, service: ScriptedService):
    service.stands(standing("failed", step="run", error="The analysis ended with exit code 2.", remedy="Look at the log."))
    result = job("publish")
    assert result.exit_code == ExitCode.PERMANENT
    assert "error: The analysis ended with exit code 2.\n  → Look at the log." in result.stderr
    assert job.dotenv("tagstone.env") == {
        "TAGSTONE_PUBLICATION": ID,
        "TAGSTONE_STATE": "failed",
        "TAGSTONE_URL": f"{service.url}/publications/{ID}",
    }


@pytest.mark.parametrize("state", ["cancelled", "superseded", "withdrawn"])
def test_a_publication_that_was_called_off_fails_the_job(job: Job, service: ScriptedService, state: str):
    service.stands(standing(state))
    assert job("publish").exit_code == ExitCode.CONFLICT


def test_a_lost_answer_makes_no_second_publication(job: Job, service: ScriptedService):
    service.takes(Reply(dead=True), problem(503, "Being mended.", "Wait.", {"Retry-After": "0"}))
    result = job("publish", TAGSTONE_CI_PATIENCE="20")
    assert result.exit_code == 0, result.stderr
    assert "Being mended. It is asked again." in result.stderr
    bodies = {one.body for one in service.server.asked if one.method == "POST"}
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, ExitCode.FORBIDDEN), (409, ExitCode.CONFLICT), (422, ExitCode.INVALID), (503, ExitCode.TEMPORARY)],
)
def test_a_refusal_ends_the_job_with_the_services_words(job: Job, service: ScriptedService, status: int, code: ExitCode):
    service.server.script("POST", "/api/v1/publications", problem(status, "The tag is not protected.", "Protect it."))
    result = job("publish", TAGSTONE_CI_PATIENCE="0.05")
    assert result.exit_code == code
    assert "error: The tag is not protected.\n  → Protect it." in result.stderr


def test_hostile_answers_reach_neither_terminal_nor_report(job: Job, service: ScriptedService):
    evil = "10.1/x\x1b[2J\nCI_JOB_TOKEN=stolen $(id)"
    service.stands(standing("published", doi=evil, record="https://e.org/`id`", image="x@y z"))
    result = job("publish")
    assert "\x1b" not in result.output
    assert set(job.dotenv("tagstone.env")) == {"TAGSTONE_PUBLICATION", "TAGSTONE_STATE", "TAGSTONE_URL"}
    assert "TAGSTONE_DOI is not in tagstone.env" in result.stderr


def test_no_secret_is_in_any_output_or_report(job: Job, service: ScriptedService):
    service.takes(problem(403, "No.", "No."))
    said = [job("publish").output, job("check").output]
    said += [path.read_text(errors="replace") for path in job.folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert not any(TOKEN in text or "glcbt-secret" in text for text in said)


def test_a_job_without_an_identity_token_is_told_where_it_comes_from(job: Job, service: ScriptedService):
    result = job("publish", TAGSTONE_ID_TOKEN="")
    assert result.exit_code == ExitCode.FORBIDDEN
    assert "id_tokens" in result.stderr
    assert service.server.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"TAGSTONE_CI_PATIENCE": "soon"},
        {"TAGSTONE_CI_BUILDER": "kaniko"},
        {"TAGSTONE_CI_SERVICE": "ftp://x"},
        {"TAGSTONE_IMAGE": "latest"},
    ],
    ids=str,
)
def test_a_wrong_variable_is_told_and_nothing_is_asked(job: Job, service: ScriptedService, wrong: dict[str, str]):
    assert job("publish", **wrong).exit_code == ExitCode.INVALID
    assert service.server.asked == []


def test_a_report_replaces_a_link_instead_of_writing_through_it(job: Job, service: ScriptedService):
    target = job.folder.parent / "elsewhere"
    (job.folder / "tagstone.env").symlink_to(target)
    assert job("publish").exit_code == 0
    assert not target.exists()
    assert job.dotenv("tagstone.env")["TAGSTONE_PUBLICATION"] == ID
