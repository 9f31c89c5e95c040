"""approve, and what follows a publication that waits for it."""

from dataclasses import replace

import pytest

from fakes import facts as recorded
from tagstone.domain.publications import record
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.publication import Step
from tagstone.store import bundles

WAITS = "waits for approval: `tagstone approve {}`"


@pytest.fixture
def waiting(installation):
    """A publication that waits for approval, with two files in its bundle."""
    facts = recorded.facts()
    facts = replace(facts, source=replace(facts.source, warnings=("LICENSE: differs.",)), secrets_waived=("Key: test.pem",))
    publication = installation.publication(facts, state="working", step="review", finished_at=None)
    installation.step(publication, Step.REVIEW, "waiting")
    with installation.sessions.write() as session:
        files = [Archived("README.html", 2048, "a" * 64, "b" * 32), Archived("outputs/\x1b[2Jplot.png", 5, "c" * 64, "d" * 32)]
        bundles.put(session, publication, f"bundles/{publication}", files)
    return publication


def set_waiting(installation, publication):
    from tagstone.store import publications

    with installation.sessions.write() as session:
        publications.get(session, publication).waiting = WAITS.format(publication)


def test_everything_is_shown_before_anybody_says_yes(tagstone, waiting):
    printed = tagstone("approve", waiting).stdout
    for said in (
        "Wobble, version 1.0.0",
        "depository  local",
        "10.5072/tagstone.abc123 (test identifier, not registered)",
        "licences    MIT",
        "Lovelace, Ada (ORCID 0000-0002-1825-0097)",
        "files       2, 2.0 KiB together",
        "README.html",
        "warning: LICENSE: differs.",
        "waived secret: Key: test.pem",
        "This is the first version.",
    ):
        assert said in printed


def test_where_nobody_can_be_asked_nothing_is_approved(tagstone, waiting):
    done = tagstone("approve", waiting)
    assert (done.exit_code, tagstone.queue.queued) == (5, [])
    assert f"`tagstone approve {waiting} --yes`" in done.stderr


def test_a_yes_lets_it_be_released(tagstone, waiting):
    done = tagstone("approve", waiting, "--yes")
    assert done.exit_code == 0, done.stderr
    assert f"{waiting} is published." in done.stdout
    assert tagstone.queue.queued == [(waiting, 2)]


def test_programs_look_without_approving_and_approve_with_yes(tagstone, waiting):
    told = tagstone.json("approve", waiting)
    assert (told["approved"], told["size"], len(told["files"])) == (False, 2053, 2)
    assert tagstone.queue.queued == []
    assert tagstone.json("approve", waiting, "--yes")["state"] == "published"


def test_a_second_approval_is_the_same_answer(tagstone, waiting):
    tagstone("approve", waiting, "--yes")
    done = tagstone("approve", waiting, "--yes")
    assert (done.exit_code, len(tagstone.queue.queued)) == (0, 1)
    assert "was approved and published before" in done.stdout


@pytest.mark.parametrize("state", ["published", "failed", "cancelled", "working"])
def test_what_does_not_wait_for_approval_cannot_be_approved(tagstone, installation, state):
    done = tagstone("approve", installation.publication(state=state), "--yes")
    assert (done.exit_code, "does not wait for approval" in done.stderr) == (5, True)


def test_what_changed_since_the_last_version_is_shown(tagstone, installation, waiting):
    facts = recorded.facts()
    commit = replace(facts.source.commit, sha="d" * 40)
    earlier = replace(facts, source=replace(facts.source, tag="v0.9.0", commit=commit, title="Less wobble"))
    installation.publication(earlier)
    printed = tagstone("approve", waiting).stdout
    assert "What changed since the last version:" in printed
    assert "~ title: Less wobble → Wobble" in printed


def test_names_of_files_cannot_hide_anything(tagstone, waiting):
    assert "\x1b" not in tagstone("approve", waiting).stdout


def test_publish_does_not_wait_for_a_person(tagstone, repository, installation):
    tagstone.queue.ends = {"state": "working", "step": "review", "finished_at": None, "waiting": "waits for approval: …"}
    tagstone.queue.rests = True
    done = tagstone("publish", repository, "--tag", "v1.0.0")
    assert done.exit_code == 0
    assert "waits for approval" in done.stdout
    assert tagstone.json("publish", repository, "--tag", "v1.0.0")["waiting"] == "waits for approval: …"


def test_a_tag_behind_one_that_waits_for_approval_is_not_followed_for_ever(tagstone, installation):
    publication = installation.publication(state="working", step="reserve", finished_at=None, waiting="waits for v0.9.0, …")
    installation.step(publication, Step.RESERVE, "waiting")
    from tagstone.cli.standing import look

    assert look(tagstone.application, publication).rests


def test_show_says_what_is_waited_for(tagstone, installation, waiting):
    set_waiting(installation, waiting)
    assert f"waits for approval: `tagstone approve {waiting}`" in tagstone("show", waiting).stdout


def test_cancel_of_what_waits_queues_the_giving_back(tagstone, waiting):
    assert tagstone("cancel", waiting).exit_code == 0
    assert tagstone.queue.queued == [(waiting, 2)]


def test_whose_the_doi_will_be_under_which_licences_and_access_is_shown(tagstone, installation, waiting):
    from tagstone.store import publications

    deposit = "deposit: {access: embargoed, embargo: 2027-06-01, licences: {outputs: CC-BY-4.0}}\n"
    with installation.sessions.write() as session:
        row = publications.get(session, waiting)
        row.account, row.owner = "wobblers", "The Wobble\x1b[2J Team"
        kept = record.load(str(row.facts).encode())
        row.facts = record.dump(replace(kept, source=replace(kept.source, manifest=kept.source.manifest + deposit))).decode()
    printed = tagstone("approve", waiting).stdout
    for said in (
        "owner       The Wobble\\x1b[2J Team (account wobblers)",
        "CC-BY-4.0 for the outputs",
        "access      embargoed until 2027-06-01",
        "preview     http://127.0.0.1/abc123",
    ):
        assert said in printed
    told = tagstone.json("approve", waiting)
    assert (told["owner"], told["access"], told["embargo"]) == ("The Wobble\x1b[2J Team", "embargoed", "2027-06-01")
    assert (told["account"], told["part_licences"]) == ("wobblers", {"outputs": "CC-BY-4.0"})
