"""The code of projects registered at forges: neither built nor run on the service's own host unless its admin allows that by name."""

from typing import Any

import pytest

from fakes.small_project import commit
from tagstone.adapters.no_engine import NoBuilder, NoRunner
from tagstone.bootstrap import Application
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.domain.runs.caps import Caps, dump
from tagstone.errors import NotFound
from tagstone.settings import ForgeSettings, Settings
from tagstone.store import publications
from tagstone.store.tables import Registration

WHY = NotFound("There is no container engine.", remedy="Install one.")
BROUGHT = 'environment: {base: "debian:bookworm"}\noutputs: {brought: [results/*]}\n'
Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


class Engineless(Application):
    """An installation on a host without an engine."""

    @property
    def containers(self) -> Any:
        raise WHY


def submitted(site: Site, caps: Caps | None = None, ref: str = "v1.0.0") -> str:
    """A publication of a registered project."""
    publication: str = site.submit(ref)
    with site.application.sessions.write() as session:
        project = publications.get(session, publication).project_id
        row = Registration(forge="gitlab", remote=17, path="stars/wobble", project_id=project, standing=Standing.ACTIVE)
        row.builder, row.asked_by, row.since, row.caps = ImageBuilder.SERVICE, "ada", 1.0, dump(caps or Caps())
        session.add(row)
    return publication


def allow(site: Site, builds: str | None = None, runs: str | None = None) -> None:
    site.policy = {"registered_builds": builds, "registered_runs": runs}


def test_nothing_of_theirs_is_built_for_a_run_that_is_refused(site: Site):
    publication = submitted(site)
    allow(site, builds=site.builder.name)
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert (row.state, row.step, row.error_kind) == (State.FAILED, "build", "forbidden")
    assert "not run on this service's own host" in row.error
    assert f"TAGSTONE_RUNS__REGISTERED={site.runner.name}" in row.remedy
    assert site.builder.calls["start"] == 0


def test_nothing_of_theirs_is_built_unless_it_is_allowed(site: Site):
    publication = submitted(site)
    allow(site, runs=site.runner.name)
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert "not built on this service's own host" in row.error
    assert "--builder ci" in row.remedy
    assert site.builder.calls["start"] == 0


def test_what_is_allowed_by_name_is_done_and_the_record_says_so(site: Site):
    publication = submitted(site)
    allow(site, builds=site.builder.name, runs=site.runner.name)
    assert site.go(publication) == "go"
    said = (f"built by {site.builder.name}", f"run by {site.runner.name}")
    assert site.facts(publication).own_host == said
    readme = (site.application.home / "bundles" / publication / "README.md").read_text()
    assert f"It was {' and '.join(said)} on the publishing service's own host" in readme


def test_another_engine_than_the_allowed_one_is_refused(site: Site):
    publication = submitted(site)
    allow(site, builds=site.builder.name, runs="another")
    assert site.go(publication) == "stop"
    assert (
        f"allows another for the code of registered projects, and it would be run by {site.runner.name}"
        in site.row(publication).error
    )


def test_it_is_asked_again_when_the_run_begins(site: Site):
    publication = submitted(site)
    allow(site, builds=site.builder.name, runs=site.runner.name)
    assert site.go(publication, Step.RUN) == "go"
    allow(site)
    assert site.go(publication) == "stop"
    assert site.row(publication).step == "run"


def test_an_image_that_their_pipeline_built_needs_no_engine_here(site: Site):
    rehearsed = site.submit(kind=Kind.REHEARSAL)
    site.go(rehearsed, Step.RESERVE)
    image = str(site.facts(rehearsed).image.image.reference)
    publication = submitted(site)
    with site.application.sessions.write() as session:
        publications.get(session, publication).handed_image = image
    allow(site, runs=site.runner.name)
    assert site.go(publication) == "go"
    assert site.facts(publication).own_host == (f"run by {site.runner.name}",)


def test_ones_own_repositories_are_built_and_run_as_ever(site: Site):
    publication = site.submit()
    assert site.go(publication) == "go"
    assert site.facts(publication).own_host == ()


@pytest.mark.parametrize(
    ("caps", "said"), [(Caps(cpu=0.1), "cpu: 1 cores asked for, at most 0.1 cores allowed"), (Caps(time=10), "time")]
)
def test_more_hardware_than_the_curator_granted_is_refused_before_anything_is_built(site: Site, caps: Caps, said: str):
    publication = submitted(site, caps)
    allow(site, builds=site.builder.name, runs=site.runner.name)
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert (row.state, row.step) == (State.FAILED, "resolve")
    assert said in row.error


def test_a_service_without_an_engine_publishes_what_needs_none(site: Site):
    (site.repository / "tagstone.yml").write_text(BROUGHT)
    (site.repository / "results").mkdir()
    (site.repository / "results" / "table.csv").write_text("1\n")
    commit(site.repository, "v2.0.0")
    site.builder, site.runner = NoBuilder(WHY), NoRunner(WHY)
    publication = submitted(site, ref="v2.0.0")
    assert site.go(publication) == "go"
    assert site.row(publication).state == State.PUBLISHED


def test_a_service_without_an_engine_says_so_where_one_is_needed(site: Site):
    site.builder, site.runner = NoBuilder(WHY), NoRunner(WHY)
    theirs = submitted(site)
    assert site.go(theirs) == "stop"
    assert "not run on this service's own host" in site.row(theirs).error
    assert "TAGSTONE_RUNS__REGISTERED=podman" in site.row(theirs).remedy


def test_ones_own_needs_an_engine_too(site: Site):
    site.builder, site.runner = NoBuilder(WHY), NoRunner(WHY)
    publication = site.submit()
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert (row.error, row.remedy) == ("There is no container engine.", "Install one.")


def test_without_a_forge_a_missing_engine_is_told_at_once(site: Site):
    home, lab = site.application.home, {"lab": ForgeSettings(url="https://lab.test")}
    with pytest.raises(NotFound):
        _ = Engineless(Settings(home=home, _site=None)).runner
    assert Engineless(Settings(home=home, _site=None, forges=lab)).runner.name == "none"
