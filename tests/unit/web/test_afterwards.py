"""After the release: what the pages say of DOIs, owners, amendments and drift; embargoes, tombstones, and what is looked at before."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from fakes import facts as recorded
from fakes.installation import NOW, Installation
from fakes.registry import FakeRegistry
from tagstone.api.registry import registry_router
from tagstone.domain.deposits.embargo import FOR_EVER, closed_until
from tagstone.domain.images.oci import CONFIG, MANIFEST
from tagstone.domain.manifests.sections import DepositSection
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.publication import Step
from tagstone.domain.publications.record import Amendment, Facts
from tagstone.store import bundles, search
from tagstone.store.visible import image_is_closed

GONE: dict[str, Any] = {
    "state": "withdrawn",
    "withdrawn_at": NOW,
    "withdrawn_because": "The <b>clock</b> was wrong.",
    "withdrawn_by": "ada",
}
DAY = 86_400.0


def deposited(**changes: object) -> Facts:
    """A record at a depository where DOIs are registered."""
    deposit = replace(recorded.deposit(registered=True), depository="zenodo", url="https://zenodo.example/records/1")
    return replace(recorded.facts(), deposit=deposit, **changes)  # type: ignore[arg-type]  # passed through


def embargoed(until: str = "2027-06-01") -> Facts:
    facts = recorded.facts()
    manifest = f"{facts.source.manifest}deposit: {{access: embargoed, embargo: {until}}}\n"
    return replace(facts, source=replace(facts.source, manifest=manifest))


def test_a_doi_that_does_not_resolve_yet_says_so(web: TestClient, installation: Installation):
    publication = installation.record({}, deposited())
    assert "registered, does not resolve yet" in web.get(f"/records/{publication}").text


def test_a_doi_that_resolves_is_plain(web: TestClient, installation: Installation):
    publication = installation.record({}, deposited(), resolved_at=NOW)
    page = web.get(f"/records/{publication}").text
    assert "does not resolve" not in page
    assert 'href="https://doi.org/10.5072/tagstone.abc123"' in page


def test_depository_and_owner_are_named(web: TestClient, installation: Installation):
    page = web.get(f"/records/{installation.record({}, deposited(), owner='The <i>Wobble</i> Team')}").text
    assert '<a href="https://zenodo.example/records/1" rel="nofollow noopener">zenodo</a>' in page
    assert "owned by The &lt;i&gt;Wobble&lt;/i&gt; Team" in page
    assert "All versions: leads to the newest one" in page


def test_amendments_are_shown_and_count(web: TestClient, installation: Installation):
    citation = recorded.CITATION.replace("title: Wobble", "title: The Wobble of the Pole")
    page = web.get(f"/records/{installation.record({}, deposited(amendments=(Amendment(NOW, 'ada', citation),)))}").text
    assert "<h1>The Wobble of the Pole" in page
    assert "Amended" in page


def test_what_the_depository_holds_otherwise_is_a_warning(web: TestClient, installation: Installation):
    page = web.get(f"/records/{installation.record({}, deposited(), drift='deposit: different: <a>', checked_at=NOW)}").text
    assert "The depository holds something else" in page
    assert "deposit: different: &lt;a&gt;" in page


def test_a_tombstone_says_who_when_why_and_how_to_cite_what_is_gone(web: TestClient, installation: Installation):
    answer = web.get(f"/records/{installation.record({'results/plot.png': b'png'}, **GONE)}")
    assert answer.status_code == 410
    for text in (
        "The &lt;b&gt;clock&lt;/b&gt; was wrong.",
        "by ada",
        "2026-03-01",
        "[Withdrawn on",
        "Lovelace, A. (2026). Wobble",
    ):
        assert text in answer.text
    assert 'content="noindex"' in answer.text


@pytest.mark.parametrize(
    "address",
    ["files/outputs/results/plot.png", "bundle.tar", "previews/paper.pdf", "cite/bibtex", "job.yaml", "files/logs/run.log"],
)
def test_nothing_of_a_withdrawn_record_is_served(web: TestClient, installation: Installation, address: str):
    publication = installation.record({"results/plot.png": b"png", "paper.pdf": b"%PDF"}, **GONE)
    answer = web.get(f"/records/{publication}/{address}")
    assert answer.status_code == 410
    assert b"png" not in answer.content


def test_the_logs_of_a_withdrawn_record_are_gone_too(web: TestClient, installation: Installation):
    publication = installation.record({}, **GONE)
    installation.log(publication, "run-1", [b"canary in the log\n"])
    assert web.get(f"/publications/{publication}/logs/run-1").status_code == 410
    page = web.get(f"/publications/{publication}").text
    assert "canary in the log" not in page
    assert f'href="/records/{publication}">See why it was withdrawn' in page


def test_a_withdrawn_record_is_in_no_list_of_records_and_found_by_no_search(web: TestClient, installation: Installation):
    publication = installation.record({})
    assert publication in web.get("/?q=wobble").text
    with installation.sessions.write() as session:
        from tagstone.store import publications

        publications.get(session, publication).state = "withdrawn"
        search.forget(session, publication)
    assert publication not in web.get("/?q=wobble").text
    assert publication not in web.get("/").text


def test_a_tombstone_leads_to_the_versions_that_stand(web: TestClient, installation: Installation):
    facts = recorded.facts()
    later = replace(facts, source=replace(facts.source, version="2.0.0", tag="v2.0.0"))
    gone, stands = installation.record({}, **GONE), installation.record({}, later, id="p" + "2" * 16)
    assert f'href="/records/{stands}">2.0.0' in web.get(f"/records/{gone}").text


def test_files_under_embargo_are_not_served_until_it_ends(web: TestClient, installation: Installation):
    publication = installation.record({"results/plot.png": b"png"}, embargoed(), closed_until=NOW + DAY)
    page = web.get(f"/records/{publication}").text
    assert "The files are under embargo until" in page
    assert "not on this machine" not in page
    for address in ("files/outputs/results/plot.png", "bundle.tar"):
        assert web.get(f"/records/{publication}/{address}").status_code == 403
    installation.clock.advance(DAY + 1)
    assert "under embargo" not in web.get(f"/records/{publication}").text
    assert web.get(f"/records/{publication}/files/outputs/results/plot.png").content == b"png"


@pytest.mark.parametrize(
    ("section", "until"),
    [
        ({}, None),
        ({"access": "embargoed", "embargo": "2027-01-01"}, 1_798_761_600.0),
        ({"access": "restricted"}, FOR_EVER),
    ],
)
def test_access_says_until_when_files_are_closed(section: dict[str, str], until: float | None):
    assert closed_until(DepositSection.model_validate(section)) == until


def test_an_image_is_offered_while_any_record_that_has_it_is_open(installation: Installation):
    facts = recorded.facts()
    assert facts.image is not None
    image = str(facts.image.image.reference)
    installation.record({}, image=image, **GONE)
    later = replace(facts, source=replace(facts.source, tag="v2.0.0"))
    with installation.sessions.read() as session:
        assert image_is_closed(session, image, NOW, lambda _project: True)
        assert not image_is_closed(session, "other@sha256:1", NOW, lambda _project: True)
    installation.record({}, later, id="p" + "2" * 16, image=image)
    with installation.sessions.read() as session:
        assert not image_is_closed(session, image, NOW, lambda _project: True)


def test_the_registry_offers_no_closed_image_by_tag_or_digest():
    registry, app = FakeRegistry(), FastAPI()
    config = registry.put_blob("wobble", [b"{}"], CONFIG)
    blob = {"mediaType": CONFIG, "digest": config.digest, "size": config.size}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob, "layers": []}
    digest = registry.put_manifest("wobble", json.dumps(document).encode(), "v1.0.0")
    closed: set[str] = set()
    app.include_router(registry_router(registry, closed.__contains__))
    client = TestClient(app)
    addresses = [f"/v2/wobble/manifests/{reference}" for reference in (digest, "v1.0.0")]
    assert [client.get(address).status_code for address in addresses] == [200, 200]
    closed.add(f"wobble@{digest}")
    assert [client.get(address).status_code for address in addresses] == [404, 404]
    assert [client.head(address).status_code for address in addresses] == [404, 404]


@pytest.fixture
def waiting(installation: Installation) -> str:
    """A publication that waits for approval."""
    publication = installation.publication(
        deposited(), state="working", step="review", finished_at=None, owner="The Wobble Team"
    )
    installation.step(publication, Step.REVIEW, "waiting")
    with installation.sessions.write() as session:
        bundles.put(session, publication, f"bundles/{publication}", [Archived("outputs/<plot>.png", 2048, "a" * 64, "b" * 32)])
    return publication


def test_all_that_would_be_released_is_on_a_page(web: TestClient, waiting: str):
    assert f'href="/publications/{waiting}/review"' in web.get(f"/publications/{waiting}").text
    page = web.get(f"/publications/{waiting}/review").text
    for text in (
        "The Wobble Team",
        "MIT",
        "Ada Lovelace",
        "10.5072/tagstone.abc123",
        'href="https://zenodo.example/records/1"',
        "1 file, 2 KiB together",
        "outputs/&lt;plot&gt;.png",
        "This is the first version.",
        f"tagstone approve {waiting}",
        "open",
    ):
        assert text in page


def test_the_names_of_closed_files_are_kept_back(web: TestClient, installation: Installation, waiting: str):
    with installation.sessions.write() as session:
        from tagstone.store import publications

        publications.get(session, waiting).closed_until = NOW + DAY
    page = web.get(f"/publications/{waiting}/review").text
    assert "plot" not in page
    assert "And 1 more." in page


def test_what_waits_for_nobody_has_no_such_page(web: TestClient, installation: Installation):
    assert web.get(f"/publications/{installation.publication()}/review").status_code == 409
    assert web.get(f"/publications/p{'0' * 16}/review").status_code == 404
