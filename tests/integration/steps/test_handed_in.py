"""Publications whose image a CI job built: it is adopted when it is whole and of the tag's commit, and nothing is built."""

import shutil
from typing import Any

import pytest

from fakes.registry import FakeRegistry
from fakes.small_project import MANIFEST, put_base
from tagstone.actions.base_image import carry
from tagstone.domain.images.oci import CONFIG
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.image.manifest import config_bytes, manifest_bytes
from tagstone.store import publications

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


def handed(site: Site, image: str, manifest: str | None = None) -> str:
    publication: str = site.submit()
    with site.application.sessions.write() as session:
        row = publications.get(session, publication)
        row.handed_image, row.handed_manifest = image, manifest
    return publication


def built_before(site: Site) -> Any:
    """The image that a rehearsal of the tag's commit left in the registry."""
    rehearsal = site.submit(kind=Kind.REHEARSAL)
    assert site.go(rehearsal, Step.RUN) == "go"
    return site.facts(rehearsal).image.image


def bare(site: Site, revision: str) -> str:
    """An image without a layer that says of which commit it is."""
    registry, like = site.application.registry, built_before(site)
    config = registry.put_blob("job", [config_bytes(like.platform, like.settings, [], [], 0)], CONFIG)
    digest = registry.put_manifest("job", manifest_bytes(config, [], {"org.opencontainers.image.revision": revision}), None)
    return f"job@{digest}"


def test_the_image_of_a_job_is_adopted_and_nothing_is_built(site: Site) -> None:
    image = str(built_before(site).reference)
    publication = handed(site, image)
    assert site.go(publication, Step.RESERVE) == "go"
    facts = site.facts(publication)
    assert str(facts.image.image.reference) == image == site.row(publication).image
    assert (facts.image.builder, facts.image.built) == ("ci", True)
    assert facts.image.bases
    assert site.go(publication) == "go"
    assert site.row(publication).state == State.PUBLISHED


def test_an_image_in_the_registry_of_a_forge_is_copied_into_ours_unchanged(site: Site) -> None:
    theirs = FakeRegistry()
    site.application.forges.job_registries = {"lab": theirs}
    built, ours = built_before(site), site.application.registry
    for blob in (*built.layers, built.config):
        carry(ours, built.name, theirs, "stars/wobble", blob)
    digest = theirs.put_manifest("stars/wobble", ours.manifest(built.name, built.digest), None)
    shutil.rmtree(site.application.home / "images")
    put_base(ours)
    publication = handed(site, f"lab:stars/wobble@{digest}")
    assert site.go(publication) == "go"
    assert site.facts(publication).image.image.reference == built.reference
    assert ours.manifest(built.name, digest) == theirs.manifest("stars/wobble", digest)


def test_an_image_of_a_forge_that_is_not_set_any_more_ends_the_publication(site: Site) -> None:
    publication = handed(site, "lab:stars/wobble@sha256:" + "0" * 64)
    assert site.go(publication) == "stop"
    assert "is not set any more" in site.row(publication).error


def test_an_image_on_another_base_is_recorded_without_a_base_that_it_has_not(site: Site) -> None:
    sha = site.row(site.submit()).commit
    publication = handed(site, bare(site, sha))
    assert site.go(publication, Step.RESERVE) == "go"
    image = site.facts(publication).image
    assert (image.bases, image.recipe, image.environment_key) == ((), "", "")


@pytest.mark.parametrize("revision", ["", "f" * 40])
def test_an_image_of_another_commit_ends_the_publication(site: Site, revision: str) -> None:
    publication = handed(site, bare(site, revision))
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert row.state == State.FAILED
    assert "The image says that it is of the commit" in row.error


def test_an_image_that_is_gone_ends_the_publication(site: Site) -> None:
    publication = handed(site, "job@sha256:" + "0" * 64)
    assert site.go(publication) == "stop"
    assert site.row(publication).state == State.FAILED


def test_the_manifest_that_was_handed_in_is_the_one_that_counts(site: Site) -> None:
    publication = handed(site, str(built_before(site).reference), MANIFEST.replace("results/*", "results/*.csv"))
    assert site.go(publication) == "go"
    assert "results/*.csv" in site.facts(publication).source.manifest
