"""Our templates, run for real by gitlab-ci-local in its shell executor from a tagged repository."""

import json
import shlex

from fakes.small_project import commit
from fakes.tagstone_service import ID, PUBLISHED, ScriptedService, problem, standing
from servers.gitlab_ci_local.pipeline import Pipeline

COMMAND = "sh analysis.sh two\\ words {x} $HOME"
GIVEN = {"command": COMMAND, "outputs": "results/*", "cpu": "0.5", "memory": "64Mi"}


def handed_in(service: ScriptedService) -> list[dict[str, object]]:
    return [json.loads(one.body) for one in service.server.asked if one.method == "POST"]


def give(pipeline: Pipeline, **inputs: object) -> None:
    """Include with other inputs, in a repository without a manifest."""
    (pipeline.project / "tagstone.yml").unlink()
    (pipeline.project / "apt.txt").write_text("python3\n")
    (pipeline.project / "analysis.sh").write_text('mkdir results; printf "%s\\n" "$@" >results/arguments\n')
    pipeline.include("tagstone.yml", pipeline.inputs | inputs)
    commit(pipeline.project, "v1.0.0")


def test_a_tag_becomes_a_publication(pipeline: Pipeline, service: ScriptedService):
    done = pipeline.tag()
    assert done.returncode == 0, done.stdout + done.stderr
    assert handed_in(service) == [{"image": None, "manifest": None, "rehearsal": False}]
    assert str(PUBLISHED["doi"]) in done.stdout
    left = (pipeline.project / "tagstone.env").read_text()
    assert f"TAGSTONE_DOI={PUBLISHED['doi']}\n" in left


def test_without_a_manifest_the_include_says_what_is_run_and_the_job_may_run_it(pipeline: Pipeline, service: ScriptedService):
    give(pipeline, **GIVEN, runs="ci")
    done = pipeline.tag()
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = handed_in(service)
    manifest = json.loads(str(said["manifest"]))
    assert manifest["outputs"]["made"][0]["path"] == "results/*"
    report = json.loads((pipeline.project / ".tagstone" / "run.json").read_text())
    assert report["command"] == shlex.split(COMMAND)
    kept = (pipeline.project / ".tagstone/outputs/results/arguments").read_text()
    assert kept.splitlines() == ["two words", "{x}", "$HOME"]


def test_a_job_of_the_project_goes_on_with_the_doi(pipeline: Pipeline, service: ScriptedService):
    more = {"cite": {"stage": "deploy", "needs": ["tagstone-publish"], "script": ["echo it is $TAGSTONE_DOI"]}}
    pipeline.include("tagstone.yml", pipeline.inputs, **more)
    commit(pipeline.project, "v1.0.0")
    done = pipeline.tag()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"it is {PUBLISHED['doi']}" in done.stdout


def test_a_publication_that_fails_fails_the_pipeline(pipeline: Pipeline, service: ScriptedService):
    service.stands(standing("failed", error="The analysis ended with exit code 2.", remedy="Look at the log."))
    done = pipeline.tag()
    assert done.returncode != 0
    assert "The analysis ended with exit code 2." in done.stdout + done.stderr


def test_a_refusal_fails_the_pipeline_with_the_services_words(pipeline: Pipeline, service: ScriptedService):
    service.server.script("POST", "/api/v1/publications", problem(403, "The tag is not protected.", "Protect it."))
    done = pipeline.tag(protected=False)
    assert done.returncode != 0
    assert "The tag is not protected." in done.stdout + done.stderr


def test_a_publication_that_waits_for_a_person_ends_the_pipeline_well(pipeline: Pipeline, service: ScriptedService):
    service.stands(standing("working", step="review", waiting="waits for approval"))
    done = pipeline.tag()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"waits for approval; look at {service.url}/publications/{ID}" in done.stdout


def test_a_tag_that_is_no_version_starts_nothing(pipeline: Pipeline, service: ScriptedService):
    pipeline.tag(name="v1.0.0-rc1")
    assert service.server.asked == []


def test_a_branch_is_checked_and_nothing_else(pipeline: Pipeline, service: ScriptedService):
    done = pipeline.branch()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 warning" in done.stdout
    assert "tagstone ci build" not in done.stdout
    assert service.server.asked == []


def test_a_branch_with_a_faulty_manifest_fails(pipeline: Pipeline):
    (pipeline.project / "tagstone.yml").write_text("environmemt: {base: 'debian:bookworm'}\n")
    commit(pipeline.project, "broken")
    done = pipeline.branch()
    assert done.returncode != 0
    assert "environmemt" in done.stdout + done.stderr


def test_a_branch_can_be_rehearsed_by_hand(pipeline: Pipeline, service: ScriptedService):
    done = pipeline.branch("--manual", "tagstone-rehearse")
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = handed_in(service)
    assert said["rehearsal"] is True
    assert json.loads(str(said["manifest"]))["deposit"]["to"] == "local"


def test_every_part_can_be_used_alone(pipeline: Pipeline, service: ScriptedService):
    parts = {"check.yml": {"image"}, "build.yml": {"image", "builder"}, "publish.yml": {"image", "service", "patience"}}
    for file, names in parts.items():
        pipeline.include(file, {name: value for name, value in pipeline.inputs.items() if name in names})
        commit(pipeline.project, "v1.0.0")
        done = pipeline.branch() if file == "check.yml" else pipeline.tag()
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(handed_in(service)) == 1


def test_every_job_and_stage_can_have_another_name(pipeline: Pipeline):
    jobs = ("check", "build", "run", "publish", "rehearse")
    names = {f"{job}_job": f"ours {job}" for job in jobs} | {f"{job}_stage": "ours" for job in jobs}
    pipeline.include("tagstone.yml", pipeline.inputs | names, stages=["ours"])
    commit(pipeline.project, "v1.0.0")
    listed = pipeline.branch("--list-all")
    assert listed.returncode == 0, listed.stderr
    assert {name for name in names.values() if name != "ours"} == {
        line.split("  ")[0] for line in listed.stdout.splitlines() if line.startswith("ours ")
    }


def test_wrong_inputs_are_refused_by_the_include_itself(pipeline: Pipeline):
    for wrong in ({"image": "debian:latest"}, {"service": "http://example.org"}, {"builder": "kaniko"}, {"time": "soon"}):
        pipeline.include("tagstone.yml", pipeline.inputs | wrong)
        done = pipeline.branch("--list")
        assert done.returncode != 0, wrong
        assert next(iter(wrong)) in done.stdout + done.stderr


def test_no_token_is_in_any_log(pipeline: Pipeline, service: ScriptedService):
    done = pipeline.tag()
    assert pipeline.variables["TAGSTONE_ID_TOKEN"] not in done.stdout + done.stderr
    assert service.server.asked[0].headers["Authorization"].endswith(pipeline.variables["TAGSTONE_ID_TOKEN"])
