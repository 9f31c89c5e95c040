"""Asking for publications: submit, retry, cancel. The caller's session is the unit of work; work is queued in it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from tagstone.domain.publication import Kind, State, Step, publication_id
from tagstone.domain.source import Commit, ProjectIdentity
from tagstone.errors import Conflict
from tagstone.ports import WorkQueue
from tagstone.store import projects, publications, steps
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
        Conflict: the tag is published at another commit, or being released at one.
        Moved: the tag has an unfinished attempt at another commit, and `supersede` is not given.
    """
    owner = projects.ensure(session, project, now)
    wanted = publication_id(kind, project.key, commit.ref, commit.sha)
    row = publications.find(session, wanted)
    if row is not None and (State(row.state).done or State(row.state).active):
        return Submitted(wanted, State(row.state), new=False)
    earlier = _give_way(session, owner.id, wanted, kind, commit, supersede=supersede)
    if row is None:
        row = Publication(id=wanted, project_id=owner.id, kind=kind, ref=commit.ref, commit=commit.sha, created_at=now)
        row.tree, row.commit_time, row.attempt = commit.tree, commit.time, 0
        session.add(row)
    if earlier is not None:
        row.supersedes = earlier.id
    _queue(session, queue, row, now)
    return Submitted(wanted, State.QUEUED, new=True)


def retry(session: Session, queue: WorkQueue, now: float, publication: str) -> Submitted:
    """Try a failed or cancelled publication again; what was done well is not done again.

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
    _queue(session, queue, row, now)
    return Submitted(row.id, State.QUEUED, new=True)


def cancel(session: Session, now: float, publication: str) -> Submitted:
    """Ask a publication to stop; its worker ends what runs and keeps the logs.

    Raises:
        NotFound: there is none with this id.
        Conflict: it has ended already.
    """
    row = publications.get(session, publication)
    state = State(row.state)
    if not state.active:
        raise Conflict(f"{row.id} is {state} already.", remedy=f"`tagstone show {row.id}` says how it ended.")
    if steps.was_begun(session, row.id, Step.RELEASE):
        raise Conflict(
            f"{row.id} is being released: that cannot be called back.",
            remedy="A DOI is for ever; publish a new version instead.",
        )
    row.cancel_requested, row.updated_at = True, now
    return Submitted(row.id, state, new=False)


def _queue(session: Session, queue: WorkQueue, row: Publication, now: float) -> None:
    row.attempt += 1
    row.state, row.cancel_requested, row.waiting = State.QUEUED, False, None
    row.error = row.error_kind = row.remedy = row.finished_at = None
    row.updated_at = now
    session.flush()
    queue.enqueue(session, row.id, row.kind, row.attempt)


def _give_way(
    session: Session, project_id: int, wanted: str, kind: Kind, commit: Commit, *, supersede: bool
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
        if steps.was_begun(session, row.id, Step.RELEASE):
            raise Conflict(
                f"The tag {commit.ref} is being released at commit {row.commit[:12]} right now.",
                remedy="Wait until it is published, and give the new commit a tag of its own.",
            )
        if not supersede:
            raise Moved(
                f"The tag {commit.ref} moved from commit {row.commit[:12]} ({row.state}) to {commit.sha[:12]}.",
                remedy="Confirm with --supersede: the earlier attempt ends, its reserved identifier and logs are kept.",
            )
        row.state, row.cancel_requested = State.SUPERSEDED, True
    return others[0] if others else None
