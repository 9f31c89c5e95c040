"""What is done with a delivery: tags become publications, once; what asks for nothing says why."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.actors import ADA
from fakes.installation import NOW, Installation
from rigs.taking import DAY, World, pushed
from tagstone.actions.reconcile import OURS
from tagstone.domain.forges.delivery import Delivered, Happening
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.forges.remote import RemoteTag
from tagstone.domain.publications.publication import State
from tagstone.errors import Away, NotFound, Temporary
from tagstone.store import deliveries
from tagstone.store.tables import Publication, Registration


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    installation = Installation(tmp_path)
    yield World(installation)
    installation.close()


def test_a_pushed_tag_becomes_a_publication_at_the_commit_that_it_has(world: World):
    sha = world.push()
    row = world.take(pushed())
    (publication,) = world.publications()
    assert (publication.ref, publication.commit, publication.state) == ("v1.0.0", sha, State.QUEUED)
    assert (row.state, row.publication_id) == ("done", publication.id)
    assert world.queue.queued == [(publication.id, "publication", 1)]


@pytest.mark.attack("deliveries")
def test_taken_again_it_asks_for_nothing_more(world: World):
    world.push()
    number = world.deliver(pushed())
    for _ in range(3):
        world.taking.take(number)
    assert len(world.queue.queued) == 1


@pytest.mark.attack("deliveries")
def test_hook_release_and_reconciliation_of_one_tag_make_one_publication(world: World):
    sha = world.push()
    world.take(pushed())
    world.take(Delivered(Happening.RELEASE, 17, "v1.0.0", sha), "two")
    assert world.reconciliation.all_projects().taken == 0
    assert len(world.publications()) == 1


def test_a_delivery_that_nobody_knows_asks_for_nothing(world: World):
    world.taking.take(4711)
    assert world.publications() == []


@pytest.mark.attack("deliveries")
def test_a_deleted_tag_deletes_nothing(world: World):
    world.push()
    world.take(pushed())
    row = world.take(Delivered(Happening.TAG_DELETED, 17, "v1.0.0"), "two")
    assert row.state == "ignored"
    assert "Nothing is deleted here" in str(row.reason)
    assert len(world.publications()) == 1


@pytest.mark.parametrize(("tags", "tag"), [("[]", "v1.0.0-rc1"), ("[]", "nightly"), ('["paper-*"]', "v1.0.0")])
def test_a_tag_that_the_project_does_not_publish_by_itself_is_left_alone(world: World, tags: str, tag: str):
    world.change(tags=tags)
    world.push(tag)
    row = world.take(pushed(tag))
    assert (row.state, world.publications()) == ("ignored", [])
    assert tag in str(row.reason)


def test_who_pushed_the_tag_is_known_and_not_forgotten_when_nobody_says(world: World):
    world.push()
    world.take(replace(pushed(), person="ada"))
    assert [row.pushed_by for row in world.publications()] == ["ada"]
    world.take(pushed(), "two")
    assert [row.pushed_by for row in world.publications()] == ["ada"]


@pytest.mark.attack("deliveries")
def test_an_unprotected_tag_is_refused_whatever_the_delivery_said(world: World):
    world.push(protected=False)
    row = world.take(pushed())
    assert (row.state, world.publications()) == ("failed", [])
    assert "not protected" in str(row.reason)


@pytest.mark.attack("moved tags")
def test_a_tag_that_is_gone_by_now_is_said_so(world: World):
    world.push()
    world.projects.tagged.clear()
    row = world.take(pushed())
    assert (row.state, world.publications()) == ("failed", [])
    assert "not there any more" in str(row.reason)


@pytest.mark.attack("moved tags")
def test_a_tag_that_moves_right_now_is_looked_at_again(world: World):
    world.push()
    world.projects.tagged[17, "v1.0.0"] = RemoteTag("v1.0.0", "b" * 40, protected=True, made_at=NOW)
    number = world.deliver(pushed())
    with pytest.raises(Temporary, match="moved right now"):
        world.taking.take(number)
    assert world.row(number).state == "received"


def test_a_tag_that_moved_before_its_release_is_published_at_its_new_commit(world: World):
    world.push()
    world.take(pushed())
    world.forge.repositories[world.remote.location].files["a.py"] = b"print(2)\n"
    moved = world.push()
    row = world.take(pushed(), "two")
    states = {publication.commit: publication.state for publication in world.publications()}
    assert states[moved] == State.QUEUED
    assert sorted(states.values()) == [State.QUEUED, State.SUPERSEDED]
    assert row.state == "done"


@pytest.mark.attack("moved tags")
def test_a_tag_that_moved_after_its_release_is_refused_in_words(world: World):
    world.push()
    world.take(pushed())
    with world.installation.sessions.write() as session:
        session.query(Publication).update({"state": State.PUBLISHED, "doi": "10.5072/x"})
    world.forge.repositories[world.remote.location].files["a.py"] = b"print(2)\n"
    world.push()
    row = world.take(pushed(), "two")
    assert row.state == "failed"
    assert "10.5072/x" in str(row.reason)
    assert len(world.publications()) == 1


@pytest.mark.parametrize("standing", [Standing.ASKED, Standing.REFUSED, Standing.ENDED])
def test_what_is_not_registered_any_more_is_left_alone(world: World, standing: Standing):
    world.push()
    number = world.deliver(pushed())
    world.change(standing=standing)
    world.taking.take(number)
    assert (world.row(number).state, world.publications()) == ("ignored", [])


@pytest.mark.attack("outages")
def test_while_the_forge_is_away_the_delivery_waits_as_it_is(world: World):
    world.push()
    world.projects.trouble = Away("The forge is away.")
    number = world.deliver(pushed())
    with pytest.raises(Away):
        world.taking.take(number)
    assert world.row(number).state == "received"
    world.projects.trouble = None
    world.taking.take(number)
    assert world.row(number).state == "done"


def test_what_could_not_be_done_for_long_says_how_to_try_again(world: World):
    number = world.deliver(pushed())
    world.taking.give_up(number, Away("The forge is away."))
    assert world.row(number).state == "failed"
    assert f"deliveries replay {number}" in str(world.row(number).reason)


def test_where_the_pipeline_builds_the_tag_waits_for_what_it_hands_in(world: World):
    world.change(builder=ImageBuilder.CI)
    world.push()
    row = world.take(pushed())
    assert (row.state, row.due_at, world.publications()) == ("waiting", NOW + DAY, [])


@pytest.mark.parametrize("status", ["failed", "canceled", "skipped"])
def test_a_pipeline_that_ended_badly_ends_the_waiting(world: World, status: str):
    world.change(builder=ImageBuilder.CI)
    world.push()
    waiting = world.take(pushed())
    about = Delivered(Happening.PIPELINE, 17, "v1.0.0", None, pipeline=31, status=status)
    assert world.take(about, "two").state == "done"
    assert world.row(waiting.id).state == "failed"
    assert f"31 ended as {status}" in str(world.row(waiting.id).reason)


@pytest.mark.parametrize("about", [("v1.0.0", "running"), ("v1.0.0", "success"), ("v2.0.0", "failed")])
def test_any_other_pipeline_ends_nothing(world: World, about: tuple[str, str]):
    world.change(builder=ImageBuilder.CI)
    world.push()
    waiting = world.take(pushed())
    tag, status = about
    world.take(Delivered(Happening.PIPELINE, 17, tag, None, pipeline=31, status=status), "two")
    assert world.row(waiting.id).state == "waiting"


def test_waiting_for_a_pipeline_ends_with_a_reason(world: World):
    world.change(builder=ImageBuilder.CI)
    world.push()
    waiting = world.take(pushed())
    assert world.taking.expire() == 0
    world.installation.clock.advance(DAY + 1)
    assert world.taking.expire() == 1
    assert world.row(waiting.id).state == "failed"
    assert "handed no image in" in str(world.row(waiting.id).reason)
    assert world.taking.expire() == 0


def test_a_tag_that_no_hook_told_of_is_found_and_goes_the_way_of_all(world: World):
    sha = world.push()
    assert world.reconciliation.all_projects().taken == 1
    ((number, _),) = world.queue.deliveries
    row = world.row(number)
    assert (row.hook_id, row.ref, deliveries.told(row).sha) == (OURS, "v1.0.0", sha)
    world.taking.take(number)
    assert [publication.commit for publication in world.publications()] == [sha]
    assert world.reconciliation.all_projects().taken == 0


def test_tags_from_before_the_registration_are_published_only_on_request(world: World):
    world.push(made_at=NOW - DAY)
    world.change(tags_before='["v1.0.0"]')
    assert world.reconciliation.all_projects().taken == 0
    with world.installation.sessions.read() as session:
        registration = session.get_one(Registration, world.registration)
    assert world.reconciliation.older_tag(registration, "v1.0.0", ADA) is True
    assert world.reconciliation.older_tag(registration, "v1.0.0", ADA) is False
    with pytest.raises(NotFound):
        world.reconciliation.older_tag(registration, "v9.9.9", ADA)


def test_tags_that_are_not_wanted_and_projects_that_are_not_granted_are_passed_over(world: World):
    world.push("v1.0.0-rc1")
    assert world.reconciliation.all_projects().taken == 0
    world.push("v1.0.0")
    world.change(standing=Standing.ENDED)
    assert world.reconciliation.all_projects().taken == 0


def test_many_tags_pushed_at_once_are_each_taken_up_once(world: World):
    for number in range(6):
        world.push(f"v1.{number}.0")
    assert world.reconciliation.all_projects().taken == 6
    assert world.reconciliation.all_projects().taken == 0
    for number, _ in world.queue.deliveries:
        world.taking.take(number)
    assert len(world.publications()) == 6


def test_a_forge_that_is_away_is_told_and_nothing_is_half_made(world: World):
    world.push()
    world.projects.trouble = Away("The forge is away.")
    assert [error.message for _, error in world.reconciliation.all_projects().troubles] == ["The forge is away."]
    assert world.queue.deliveries == []


def test_a_project_with_trouble_keeps_no_other_from_its_turn(world: World):
    world.push()
    world.change(forge="elsewhere")
    world.register(17, "stars/wobble")
    answer = world.reconciliation.all_projects()
    assert answer.taken == 1
    assert [(path, type(error)) for path, error in answer.troubles] == [("stars/wobble", NotFound)]


def test_a_tag_without_a_message_on_an_old_commit_is_found_too(world: World):
    world.push("v0.9.0", made_at=NOW - DAY)
    world.change(tags_before='["v0.9.0"]')
    world.push("v1.0.0", made_at=NOW - DAY)
    assert world.reconciliation.all_projects().taken == 1
    world.take(pushed("v1.0.0"))
    assert [publication.ref for publication in world.publications()] == ["v1.0.0"]


def test_a_moved_tag_is_missing_again(world: World):
    world.push()
    world.reconciliation.all_projects()
    world.forge.repositories[world.remote.location].files["a.py"] = b"print(2)\n"
    moved = world.push()
    assert world.reconciliation.all_projects().taken == 1
    with world.installation.sessions.read() as session:
        assert [deliveries.told(row).sha for row in deliveries.newest(session, 1)] == [moved]


def test_private_projects_are_taken_like_others(world: World):
    world.projects.add(17, "stars/wobble", public=False)
    world.push()
    assert world.take(pushed()).state == "done"
