"""`tagstone ci check` and `tagstone ci build`."""

from tagstone.actions.build import image_name
from tagstone.adapters.git import GitForge
from tagstone.cli.exit_codes import ExitCode
from tagstone.errors import Temporary
from unit.ci.conftest import Job

BARE = "environment: {base: 'debian:bookworm'}\n"
REGISTRY = "registry.example.org/ada/wobble"


def test_a_sound_project_is_found_so(job: Job):
    result = job("check")
    assert result.exit_code == 0, result.output
    assert "0 errors" not in result.stdout


def test_faults_are_told_before_anybody_tags(job: Job):
    job.commit(tagstone_yml="environment: {base: 'debian:bookworm'}\nrun: {comand: [true]}\n")
    result = job("check", CI_COMMIT_TAG="")
    assert result.exit_code == ExitCode.INVALID
    assert "tagstone.yml:2" in result.stdout


def test_what_the_include_gives_is_judged_with_the_rest(job: Job):
    job.commit(tagstone_yml=BARE)
    assert job("check", TAGSTONE_CI_COMMAND="python3 analysis.py", TAGSTONE_CI_OUTPUTS="out/*").exit_code == 0
    result = job("check", TAGSTONE_CI_COMMAND="python3 analysis.py", TAGSTONE_CI_OUTPUTS="/etc/*")
    assert result.exit_code == ExitCode.INVALID
    assert "the inputs of `include`" in result.stderr


def test_a_repository_needs_no_manifest_where_other_files_describe_it(job: Job):
    job.git("rm", "--quiet", "tagstone.yml")
    job.commit(apt_txt="python3\n")
    assert job("check", TAGSTONE_CI_COMMAND="python3 analysis.py", TAGSTONE_CI_OUTPUTS="out/*").exit_code == 0


def test_a_depository_that_only_the_service_knows_is_no_fault(job: Job):
    job.commit(tagstone_yml=BARE + "deposit: {to: zenodo, community: punch4nfdi}\n")
    result = job("check")
    assert result.exit_code == 0, result.output


def test_an_image_is_built_into_the_registry_and_its_digest_handed_on(job: Job):
    result = job("build", CI_REGISTRY_IMAGE=REGISTRY)
    assert result.exit_code == 0, result.stderr
    left = job.dotenv("tagstone-build.env")
    name = image_name(GitForge().identify(str(job.folder)))
    assert left["TAGSTONE_IMAGE_REFERENCE"] == f"{REGISTRY}@{left['TAGSTONE_IMAGE']}"
    assert job.registry.manifest(name, left["TAGSTONE_IMAGE"])
    # A registry removes what has no tag.
    assert job.registry.tags(name) == [f"built-{left['TAGSTONE_IMAGE'][7:27]}"]


def test_the_same_commit_is_built_once_and_has_one_digest(job: Job):
    assert job("build").exit_code == 0
    first = job.dotenv("tagstone-build.env")
    assert job("build").exit_code == 0
    assert job.dotenv("tagstone-build.env") == first
    assert job.builder.calls["start"] == 1


def test_what_the_include_gives_is_built_with(job: Job):
    job.commit(tagstone_yml=BARE)
    assert job("build", TAGSTONE_CI_COMMAND="python3 analysis.py", TAGSTONE_CI_OUTPUTS="out/*").exit_code == 0
    assert job.dotenv("tagstone-build.env")["TAGSTONE_IMAGE"].startswith("sha256:")


def test_a_build_that_fails_fails_the_job(job: Job):
    job.builder.fail("exit code 100: no such package")
    result = job("build")
    assert result.exit_code == ExitCode.PERMANENT
    assert "no such package" in result.stderr
    assert not (job.folder / "tagstone-build.env").exists()


def test_a_faulty_commit_is_not_built(job: Job):
    job.commit(CITATION_cff="title: 1\n")
    assert job("build").exit_code == ExitCode.INVALID
    assert job.builder.calls["start"] == 0


def test_a_registry_that_is_away_can_be_tried_again(job: Job):
    job.registry.fail("put_blob", Temporary("The registry does not answer."))
    assert job("build").exit_code == ExitCode.TEMPORARY
    assert job("build").exit_code == 0


def test_a_project_whose_service_builds_builds_nothing(job: Job):
    result = job("build", TAGSTONE_CI_BUILDER="service")
    assert result.exit_code == 0
    assert "the service builds" in result.stdout
    assert job.dotenv("tagstone-build.env") == {}
