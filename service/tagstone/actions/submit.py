"""Asking for publications: submit, retry, cancel, and going on after an approval. The caller's session is the unit of work; work is queued in it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.forges.registration import What
from tagstone.domain.people.deed import Actor, Deed
from tagstone.domain.publications.publication import Kind, State, Step, publication_id
from tagstone.errors import Conflict
from tagstone.ports import WorkQueue
from tagstone.store import announcements, asked, audit, projects, publications, steps
from tagstone.store.tables import Publication


class Moved(Conflict):
    """The tag points to another commit now; confirmed with `supersede`, its unfinished attempt gives way."""


@dataclass(frozen=True)
class Submitted:
    """What asking led to: `new` work was queued, or the publication stood so already."""

    publication: str
    state: State
    new: bool


def submit(
    session: Session,
    queue: WorkQueue,
    now: float,
    project: ProjectIdentity,
    commit: Commit,
    kind: Kind,
    *,
    supersede: bool = False,
) -> Submitted:
    """Ask for a publication of `commit.ref`; asking again for the same tag and commit finds the same one.

    A tag that moved before release supersedes the attempt when `supersede` is given.

    Raises:
        Conflict: the tag is published at another commit, or being released at one, or was withdrawn.
        Moved: the tag has an unfinished attempt at another commit, and `supersede` is not given.
    """
    owner = projects.ensure(session, project, now)
    wanted = publication_id(kind, project.key, commit.ref, commit.sha)
    row = publications.find(session, wanted)
    if row is not None and row.state == State.WITHDRAWN:
        raise _withdrawn(row)
    if row is not None and (State(row.state).done or State(row.state).active):
        return Submitted(wanted, State(row.state), new=False)
    earlier = _give_way(session, owner.id, wanted, kind, commit, now, supersede=supersede)
    if row is None:
        row = Publication(id=wanted, project_id=owner.id, kind=kind, ref=commit.ref, commit=commit.sha, created_at=now)
        row.tree, row.commit_time, row.attempt = commit.tree, commit.time, 0
        session.add(row)
    row.contact = commit.contact
    if earlier is not None:
        row.supersedes = earlier.id
    _queue(session, queue, row, now)
    return Submitted(wanted, State.QUEUED, new=True)


def retry(session: Session, queue: WorkQueue, now: float, publication: str, by: Actor) -> Submitted:
    """Try a failed or cancelled publication again; what was done well is not done again.

    One whose release was asked for and never seen is looked for, then asked for once more.

    Raises:
        NotFound: there is none with this id.
        Conflict: it is done, superseded, or still at work.
    """
    row = publications.get(session, publication)
    state = State(row.state)
    if state not in (State.FAILED, State.CANCELLED):
        raise Conflict(
            f"{row.id} is {state}, there is nothing to try again.", remedy=f"`tagstone show {row.id}` says how it stands."
        )
    asked.forget(session, row.id, (asked.PUBLISH, asked.PUBLISHED))
    audit.write(session, now, by, Deed.RETRIED, row.id, f"{row.ref}, which was {state}")
    _queue(session, queue, row, now)
    return Submitted(row.id, State.QUEUED, new=True)


def cancel(session: Session, queue: WorkQueue, now: float, publication: str, by: Actor) -> Submitted:
    """Ask a publication to stop; its worker ends what runs and keeps the logs.

    One that waits for approval is nobody's work, and one that waits for curators or for a depository that is away may sleep long:
    the next attempt is queued, only to give the draft back.

    Raises:
        NotFound: there is none with this id.
        Conflict: it has ended already.
    """
    row = publications.get(session, publication)
    state = State(row.state)
    if not state.active:
        raise Conflict(f"{row.id} is {state} already.", remedy=f"`tagstone show {row.id}` says how it ended.")
    curated = _with_curators(session, row.id)
    if steps.was_begun(session, row.id, Step.RELEASE) and not curated:
        raise Conflict(
            f"{row.id} is being released: that cannot be called back.",
            remedy="A DOI is for ever; publish a new version instead.",
        )
    if curated or steps.rests(session, row.id, Step.REVIEW) or steps.is_away(session, row.id):
        go_on(session, queue, row, now)
    row.cancel_requested, row.updated_at = True, now
    audit.write(session, now, by, Deed.CANCELLED, row.id, f"{row.ref}, which was {state}")
    return Submitted(row.id, state, new=False)


def go_on(session: Session, queue: WorkQueue, row: Publication, now: float) -> None:
    """Queue the next attempt of a publication that waited for a person."""
    steps.wake(session, row.id)
    _queue(session, queue, row, now)


def _queue(session: Session, queue: WorkQueue, row: Publication, now: float) -> None:
    row.attempt += 1
    row.state, row.cancel_requested, row.waiting = State.QUEUED, False, None
    row.error = row.error_kind = row.remedy = row.finished_at = None
    row.updated_at = now
    session.flush()
    announcements.owe(session, row, now, What.STATUS)
    queue.enqueue(session, row.id, row.kind, row.attempt)


def _with_curators(session: Session, publication: str) -> bool:
    """Say whether a community was asked to publish it: its curators decide, and until then it can be called back."""
    entry = asked.find(session, publication, asked.PUBLISH)
    return entry is not None and bool(entry.about)


def _give_way(
    session: Session, project_id: int, wanted: str, kind: Kind, commit: Commit, now: float, *, supersede: bool
) -> Publication | None:
    """Supersede the tag's other attempt, if there is one and that is allowed."""
    if kind is Kind.REHEARSAL:
        return None
    others = [
        row
        for row in publications.of_ref(session, project_id, kind, commit.ref)
        if row.id != wanted and row.state != State.SUPERSEDED
    ]
    for row in others:
        if row.state == State.PUBLISHED:
            raise Conflict(
                f"The tag {commit.ref} is published as {row.doi} at commit {row.commit[:12]}, and now points to {commit.sha[:12]}.",
                remedy="A published version stays as it is: give the new commit a tag of its own.",
            )
        if row.state == State.WITHDRAWN:
            raise _withdrawn(row)
        declined = row.state == State.FAILED and _with_curators(session, row.id)
        if steps.was_begun(session, row.id, Step.RELEASE) and not declined:
            raise Conflict(
                f"The tag {commit.ref} is being released at commit {row.commit[:12]} right now.",
                remedy="Wait until it is published, and give the new commit a tag of its own.",
            )
        if not supersede:
            raise Moved(
                f"The tag {commit.ref} moved from commit {row.commit[:12]} ({row.state}) to {commit.sha[:12]}.",
                remedy="Confirm with --supersede: the earlier attempt ends, its reserved identifier and logs are kept.",
            )
        if steps.rests(session, row.id, Step.REVIEW):
            # No worker has it that would write down its end.
            steps.abandon(session, row.id, Step.REVIEW, now)
            row.waiting, row.finished_at = None, now
        row.state, row.cancel_requested = State.SUPERSEDED, True
        announcements.owe(session, row, now, What.STATUS)
    return others[0] if others else None


def _withdrawn(row: Publication) -> Conflict:
    return Conflict(
        f"The tag {row.ref} was published as {row.doi} and withdrawn.",
        remedy="What was withdrawn stays so: publish a new version, with a new tag.",
    )
