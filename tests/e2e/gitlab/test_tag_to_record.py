"""From a pushed tag to a record and its release page, with the real service and the real templates; only GitLab is a fake.

Once the job writes the release, once the service; a branch is rehearsed, and ends as no record.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from rigs.gitlab_site import GitlabSite, await_that, gitlab_site, serving

ANNOUNCED = ("--announce", "status", "--announce", "comments", "--announce", "badge")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[GitlabSite]:
    with gitlab_site(tmp_path) as site:
        site.prepare()
        yield site


def links(site: GitlabSite, tag: str = "v1.0.0") -> dict[str, str]:
    """The links on the tag's release page."""
    release = site.wobble.releases.get(tag)
    return {link["name"]: link["url"] for link in release.links.values()} if release else {}


def rows(site: GitlabSite) -> list[tuple[str, str, str]]:
    """Kind, ref and state of every publication."""
    with sqlite3.connect(site.folder / "home" / "tagstone.sqlite") as database:
        return list(database.execute("SELECT kind, ref, state FROM publications ORDER BY created_at"))


def test_a_tag_becomes_a_record_whose_doi_stands_on_its_release_page(site: GitlabSite):
    pipeline = site.pipeline()
    site.register("--builder", "service", *ANNOUNCED)
    with serving(site):
        site.push("HEAD:refs/heads/main", "refs/tags/v1.0.0")
        assert {sent.status for sent in site.gitlab.deliveries()} == {202}
        pipeline.variables = site.job_variables(site.tag_token())
        done = pipeline.tag()
        assert done.returncode == 0, done.stdout + done.stderr + (site.folder / "service.log").read_text()
        release = site.wobble.releases["v1.0.0"]
        doi = release.description.partition("`")[2].partition("`")[0]
        assert doi.startswith("10.5072/tagstone.")
        assert doi in done.stdout
        assert f"the test identifier `{doi}`, which is not registered" in release.description
        assert "DOI" not in links(site)
        assert doi in requests.get(links(site)["Record"].partition("#")[0], timeout=10).text
        assert requests.get(links(site)["Bundle"], timeout=10).ok
        await_that(lambda: site.wobble.comments and site.wobble.badges and site.wobble.statuses[-1]["status"] == "success")
        (badge,) = site.wobble.badges.values()
        assert doi in requests.get(badge["image_url"], timeout=10).text
    assert rows(site) == [("publication", "v1.0.0", "published")]
    assert [one["status"] for one in site.wobble.statuses] == ["success"]
    assert site.wobble.comments[0]["note"].startswith("@ada: `v1.0.0` is published")
    token = pipeline.variables["TAGSTONE_ID_TOKEN"]
    assert token not in done.stdout + done.stderr + (site.folder / "service.log").read_text()


def test_a_branch_is_rehearsed_to_its_end_and_the_service_writes_the_release_of_a_tag(site: GitlabSite):
    pipeline = site.pipeline(release="service")
    site.register("--builder", "service", "--announce", "release")
    with serving(site):
        site.push("HEAD:refs/heads/main")
        pipeline.variables = site.job_variables(site.branch_token())
        done = pipeline.branch("--manual", "tagstone-rehearse")
        assert done.returncode == 0, done.stdout + done.stderr + (site.folder / "service.log").read_text()
        assert "is rehearsed" in done.stdout
        assert rows(site) == [("rehearsal", "main", "rehearsed")]
        site.push("refs/tags/v1.0.0")
        await_that(lambda: "Record" in links(site))
    assert rows(site) == [("rehearsal", "main", "rehearsed"), ("publication", "v1.0.0", "published")]
    assert site.wobble.statuses == site.wobble.comments == []
