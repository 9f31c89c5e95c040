"""Asking for publications: once is enough, tags that move are noticed, and nothing is half-asked."""

import pytest

from fakes.actors import ADA
from fakes.queue import FakeQueue
from tagstone.actions.submit import Submitted, cancel, retry, submit
from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.errors import Conflict, NotFound, Temporary
from tagstone.store import publications, steps
from tagstone.store.session import Sessions

PROJECT = ProjectIdentity(key="https://git.example/wobble", name="wobble", location="/srv/wobble")
FIRST = Commit(sha="a" * 40, time=1_700_000_000, tree="c" * 40, ref="v1.0.0")
MOVED = Commit(sha="b" * 40, time=1_700_000_100, tree="d" * 40, ref="v1.0.0")


def ask(
    sessions: Sessions, queue: FakeQueue, commit: Commit = FIRST, kind: Kind = Kind.PUBLICATION, *, supersede: bool = False
) -> Submitted:
    with sessions.write() as session:
        return submit(session, queue, 1.0, PROJECT, commit, kind, supersede=supersede)


def put(sessions: Sessions, publication: str, state: State, doi: str | None = None) -> None:
    with sessions.write() as session:
        row = publications.get(session, publication)
        row.state, row.doi = state, doi


def state(sessions: Sessions, publication: str) -> str:
    with sessions.read() as session:
        return publications.get(session, publication).state


def test_asking_twice_for_a_tag_and_commit_queues_it_once(sessions: Sessions, queue: FakeQueue) -> None:
    first, second = ask(sessions, queue), ask(sessions, queue)
    assert (first.new, second.new) == (True, False)
    assert first.publication == second.publication
    assert queue.queued == [(first.publication, "publication", 1)]


def test_a_queue_that_is_away_leaves_nothing_behind(sessions: Sessions, queue: FakeQueue) -> None:
    queue.broken = True
    with pytest.raises(Temporary):
        ask(sessions, queue)
    with sessions.read() as session:
        assert publications.listing(session) == []


def test_a_published_tag_is_answered_as_done(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    put(sessions, first.publication, State.PUBLISHED, "10.5072/x")
    again = ask(sessions, queue)
    assert (again.state, again.new) == (State.PUBLISHED, False)


def test_a_tag_that_moved_before_release_needs_a_confirmation(sessions: Sessions, queue: FakeQueue) -> None:
    ask(sessions, queue)
    with pytest.raises(Conflict) as refused:
        ask(sessions, queue, MOVED)
    assert "--supersede" in refused.value.remedy


def test_a_confirmed_move_supersedes_the_attempt_and_remembers_it(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    second = ask(sessions, queue, MOVED, supersede=True)
    assert state(sessions, first.publication) == State.SUPERSEDED
    with sessions.read() as session:
        assert publications.get(session, second.publication).supersedes == first.publication
        assert publications.get(session, first.publication).cancel_requested


def test_a_tag_that_moved_after_release_is_a_conflict(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    put(sessions, first.publication, State.PUBLISHED, "10.5072/x")
    with pytest.raises(Conflict, match=r"10\.5072/x"):
        ask(sessions, queue, MOVED, supersede=True)


def test_a_tag_that_moves_while_it_is_being_released_is_a_conflict(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    with sessions.write() as session:
        steps.begin(session, first.publication, Step.RELEASE, 2.0)
    with pytest.raises(Conflict, match="being released"):
        ask(sessions, queue, MOVED, supersede=True)


def test_rehearsals_of_the_same_ref_do_not_get_in_each_others_way(sessions: Sessions, queue: FakeQueue) -> None:
    ask(sessions, queue, FIRST, Kind.REHEARSAL)
    assert ask(sessions, queue, MOVED, Kind.REHEARSAL).new


def test_a_failed_publication_is_tried_again_as_a_new_attempt(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    put(sessions, first.publication, State.FAILED)
    with sessions.write() as session:
        retry(session, queue, 2.0, first.publication, ADA)
    assert [attempt for _, _, attempt in queue.queued] == [1, 2]
    assert state(sessions, first.publication) == State.QUEUED


def test_what_is_at_work_cannot_be_tried_again(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    with pytest.raises(Conflict), sessions.write() as session:
        retry(session, queue, 2.0, first.publication, ADA)


def test_cancelling_asks_the_worker_to_stop(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    with sessions.write() as session:
        cancel(session, queue, 2.0, first.publication, ADA)
    with sessions.read() as session:
        assert publications.get(session, first.publication).cancel_requested


def test_a_release_that_has_begun_cannot_be_cancelled(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    with sessions.write() as session:
        steps.begin(session, first.publication, Step.RELEASE, 2.0)
    with pytest.raises(Conflict, match="called back"), sessions.write() as session:
        cancel(session, queue, 2.0, first.publication, ADA)


def test_a_person_may_name_a_publication_by_id_beginning_doi_tag_or_url(sessions: Sessions, queue: FakeQueue) -> None:
    first = ask(sessions, queue)
    put(sessions, first.publication, State.PUBLISHED, "10.5072/tagstone.abc")
    names = (
        first.publication,
        first.publication[:8],
        "10.5072/tagstone.abc",
        "https://doi.org/10.5072/tagstone.abc",
        "v1.0.0",
        f"http://127.0.0.1:8620/records/{first.publication}",
    )
    with sessions.read() as session:
        assert {publications.identify(session, name).id for name in names} == {first.publication}


@pytest.mark.parametrize("name", ["nothing", "", "%", "10.5072/", "p_______"])
def test_a_name_that_fits_nothing_is_said_to_be_unknown(sessions: Sessions, queue: FakeQueue, name: str) -> None:
    ask(sessions, queue)
    with sessions.read() as session, pytest.raises(NotFound):
        publications.identify(session, name)
