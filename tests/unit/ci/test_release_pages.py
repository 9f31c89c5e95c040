"""`tagstone ci publish` puts the DOI onto the release page, with nothing but the job's own token."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import DEVELOPER, Project
from fakes.tagstone_service import PUBLISHED, ScriptedService, standing
from unit.ci.conftest import Job


@dataclass
class Lab:
    """A GitLab with the job's project, tagged."""

    gitlab: FakeGitlab
    project: Project
    variables: dict[str, str]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with running_gitlab(tmp_path / "gitlab") as gitlab:
        ada, project = gitlab.person("ada"), gitlab.project("stars/wobble", {"a.py": b"print()\n"})
        gitlab.member(project, ada, DEVELOPER)
        gitlab.push_tag(project, "v1.0.0", ada)
        variables = {
            "CI_SERVER_URL": gitlab.url,
            "CI_PROJECT_ID": str(project.id),
            "CI_PROJECT_PATH": "stars/wobble",
            "CI_PROJECT_URL": f"{gitlab.url}/stars/wobble",
            "CI_JOB_TOKEN": gitlab.job_token(project, ada),
        }
        yield Lab(gitlab, project, variables)


def test_the_release_names_doi_record_and_image(job: Job, lab: Lab):
    for _ in range(2):
        result = job("publish", **lab.variables)
        assert result.exit_code == 0, result.stderr
    release = lab.project.releases["v1.0.0"]
    assert f"[{PUBLISHED['doi']}](https://doi.org/{PUBLISHED['doi']})" in release.description
    assert str(PUBLISHED["image"]) in release.description
    assert sorted((link["name"], link["url"]) for link in release.links.values()) == [
        ("Bundle", f"{PUBLISHED['record']}/bundle.tar"),
        ("DOI", f"https://doi.org/{PUBLISHED['doi']}"),
        ("Image", f"{PUBLISHED['record']}#again"),
        ("Record", str(PUBLISHED["record"])),
    ]
    assert lab.variables["CI_JOB_TOKEN"] not in result.output


def test_a_test_identifier_is_said_to_be_none_and_no_link(job: Job, lab: Lab, service: ScriptedService):
    service.stands(standing("published", **PUBLISHED | {"doi": "10.5072/x.2", "concept_doi": "10.5072/x.1"}))
    assert job("publish", **lab.variables).exit_code == 0
    release = lab.project.releases["v1.0.0"]
    assert "the test identifier `10.5072/x.2`, which is not registered" in release.description
    assert "doi.org" not in release.description
    assert sorted(link["name"] for link in release.links.values()) == ["Bundle", "Image", "Record"]


@pytest.mark.attack("names and texts")
def test_what_means_something_in_markdown_reaches_no_release(job: Job, lab: Lab, service: ScriptedService):
    evil = "10.1/x](https://evil.example.org)<script>"
    service.stands(standing("published", **PUBLISHED | {"doi": evil, "record": "javascript:alert(1)", "concept_doi": "`x`"}))
    assert job("publish", **lab.variables).exit_code == 0
    release = lab.project.releases["v1.0.0"]
    assert "evil" not in release.description
    assert "javascript" not in release.description
    assert list(release.links.values()) == []


@pytest.mark.parametrize("state", ["failed", "working"])
def test_only_what_is_published_gets_a_release(job: Job, lab: Lab, service: ScriptedService, state: str):
    service.stands(standing(state, step="review", waiting="waits for approval"))
    job("publish", **lab.variables)
    assert lab.project.releases == {}


def test_a_release_can_be_left_to_the_service(job: Job, lab: Lab):
    assert job("publish", **lab.variables, TAGSTONE_CI_RELEASE="service").exit_code == 0
    assert lab.project.releases == {}


def test_a_gitlab_that_refuses_fails_no_publication(job: Job, lab: Lab):
    lab.gitlab.revoke(lab.variables["CI_JOB_TOKEN"])
    result = job("publish", **lab.variables)
    assert result.exit_code == 0
    assert "The release could not be written" in result.stderr
    assert lab.variables["CI_JOB_TOKEN"] not in result.output
    assert job.dotenv("tagstone.env")["TAGSTONE_DOI"] == PUBLISHED["doi"]
