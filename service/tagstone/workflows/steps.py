"""Performing one step: journal its intent, have its effect, record its facts, and say what comes next."""

import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy.exc import IntegrityError

from tagstone.actions.run import manifest_of
from tagstone.adapters.news import News
from tagstone.domain.deposits.embargo import closed_until
from tagstone.domain.forges.registration import What
from tagstone.domain.publications import record
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.publication import State, Step
from tagstone.domain.publications.record import Facts
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import Away, Invalid, RunFailed, TagstoneError, Temporary
from tagstone.ports import Ports
from tagstone.store import accounts, aftercare, announcements, letters, publications, search
from tagstone.store import steps as journal
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication
from tagstone.workflows import effects
from tagstone.workflows.work import Cancelled, Work, load_subject

ANY_ATTEMPT = 0
"""Of work that was queued before attempts were told apart: it belongs to whichever attempt is there."""

WAITS_FOR_APPROVAL = "waits for approval: `tagstone approve {}`"
Next = Literal["go", "wait", "retry", "stop"]
Effect = Callable[[Work], Awaitable[Facts]]

_EFFECTS: dict[Step, Effect] = {
    Step.RESOLVE: effects.resolve,
    Step.BUILD: effects.build,
    Step.RESERVE: effects.reserve,
    Step.RUN: effects.run,
    Step.COLLECT: effects.collect,
    Step.BUNDLE: effects.bundle,
    Step.UPLOAD: effects.upload,
    Step.REVIEW: effects.review,
    Step.RELEASE: effects.release,
    Step.CONFIRM: effects.confirm,
}


class _Ended(Exception):
    """The publication has ended: a worker was killed after it had written that down, and before it had tidied up."""


class Steps:
    """Performs steps with the ports and sessions it was given."""

    def __init__(
        self,
        ports: Ports,
        sessions: Sessions,
        durations: Durations,
        policy: Policy,
        pool: Executor,
        home: Path,
        news: News | None = None,
    ) -> None:
        self._ports = ports
        self._sessions = sessions
        self._durations = durations
        self._policy = policy
        self._pool = pool
        self._home = home
        self._news = news or News()
        self._log = structlog.get_logger("tagstone.steps")

    async def perform(
        self, publication: str, step: Step, failures: int, attempt: int = ANY_ATTEMPT, waits: int = 0
    ) -> tuple[Next, float]:
        """Perform one step of one publication; safe to repeat after a kill at any moment.

        An attempt that another one followed stops: a worker that takes over after a kill may find both.
        """
        try:
            return await self._perform(publication, step, failures, attempt, waits)
        except Temporary as error:
            # The database's own trouble, which cannot be written down in it: a step that ended so would end its publication.
            self._log.warning("the database is away", publication=publication, step=step.value, error=error.message)
            return "wait", self._durations.before_return(waits, error.delay, _spread(publication, waits))

    async def _perform(self, publication: str, step: Step, failures: int, attempt: int, waits: int) -> tuple[Next, float]:
        subject, _, _ = load_subject(self._sessions, publication)
        if attempt not in (ANY_ATTEMPT, subject.attempt):
            return "stop", 0.0
        work = Work(subject, self._ports, self._sessions, self._durations, self._policy, self._pool, self._home, self._news)
        try:
            return await self._attempt(work, step), 0.0
        except Cancelled:
            return await work.call(self._cancelled, work, step, waits)
        except effects.Held as held:
            await work.call(self._held, publication, step, held)
            return "wait", self._durations.before_curators(waits) if held.curators else self._durations.before_look(waits)
        except effects.Unapproved:
            return await work.call(self._unapproved, publication)
        except Exception as error:  # noqa: BLE001 - a fault of ours must end as a failed publication, not hang for ever
            return await self._troubled(work, step, error, failures, waits)

    async def _attempt(self, work: Work, step: Step) -> Next:
        if step not in work.subject.steps:
            return "go"
        try:
            if await work.call(self._begin, work.subject.id, step):
                return "go"
        except _Ended:
            await work.call(effects.clean_up, work)
            return "stop"
        log = self._log.bind(publication=work.subject.id, step=step.value)
        log.info("step begins")
        facts = await _EFFECTS[step](work)
        await work.call(self._finish, work, step, facts)
        log.info("step is done")
        return "go"

    async def _troubled(self, work: Work, step: Step, error: Exception, failures: int, waits: int) -> tuple[Next, float]:
        """Trouble that may pass is tried again, what is away is waited for, all else ends the attempt."""
        log = self._log.bind(publication=work.subject.id, step=step.value)
        if isinstance(error, IntegrityError):
            # A worker that was taken for dead, since it had lost its lock with its connection, may be at the same step.
            error = Temporary("Another worker wrote the same at this moment.")
        subject, _, _ = await work.call(load_subject, self._sessions, work.subject.id)
        if subject.attempt != work.subject.attempt:
            # Another attempt gives the draft back meanwhile: what this one stumbled over is that.
            return "stop", 0.0
        if isinstance(error, Away) and await work.call(self._away, work.subject.id, step, error):
            log.warning("the outside is away", error=error.message)
            return "wait", self._durations.before_return(waits, error.delay, _spread(work.subject.id, waits))
        if isinstance(error, Temporary) and not isinstance(error, Away) and failures + 1 < self._durations.attempts:
            log.warning("trouble that may pass", error=error.message)
            await work.call(self._waiting, work.subject.id, error.message, step)
            return "retry", self._durations.before_retry(failures + 1, error.delay)
        known = error if isinstance(error, TagstoneError) else _defect(error)
        log.error("step failed", error=known.message, exc_info=None if known is error else error)
        await work.call(self._failed, work, step, known)
        return "stop", 0.0

    def _begin(self, publication: str, step: Step) -> bool:
        """Journal the intent; True when the step was done before. Raises: Cancelled, _Ended."""
        now = self._ports.clock.now()
        with self._sessions.write() as session:
            row = publications.get_locked(session, publication)
            if not State(row.state).active and row.state != State.SUPERSEDED:
                raise _Ended
            if row.cancel_requested:
                raise Cancelled
            if journal.is_done(session, publication, step):
                return True
            row.state, row.step, row.waiting, row.updated_at = State.WORKING, step, None, now
            journal.begin(session, publication, step, now)
            announcements.owe(session, row, now, What.STATUS)
        return False

    def _finish(self, work: Work, step: Step, facts: Facts) -> None:
        now = self._ports.clock.now()
        last = work.subject.steps[-1] is step
        with self._sessions.write() as session:
            row = publications.get(session, work.subject.id)
            record_facts(row, facts, now)
            journal.finish(session, row.id, step, now, journal.DONE, effects.said(step, facts))
            if step is Step.RELEASE:
                row.holds_series = False
                if facts.deposit is not None and not work.subject.rehearses:
                    accounts.binding(session, row.project_id, facts.deposit.depository).series = facts.deposit.series
            if last:
                row.state = State.REHEARSED if work.subject.rehearses else State.PUBLISHED
                row.step, row.finished_at = None, now
                if row.state == State.PUBLISHED and facts.deposit is not None:
                    search.index(session, row, facts)
                    share = facts.deposit.depository in self._policy.shared
                    aftercare.begin(session, row, now, registered=facts.deposit.registered, share=share)
        if last:
            effects.clean_up(work)

    def _held(self, publication: str, step: Step, held: effects.Held) -> None:
        self._waiting(publication, str(held), step)
        if held.person:
            with self._sessions.write() as session:
                journal.rest(session, publication, step)
                if held.curators:
                    letters.owe(session, publications.get(session, publication), Event.CURATORS, self._ports.clock.now())

    def _unapproved(self, publication: str) -> tuple[Next, float]:
        """Come to rest, unless somebody asked just now for a stop; then look again at once."""
        with self._sessions.write() as session:
            row = publications.get_locked(session, publication)
            if row.cancel_requested:
                return "wait", 0.0
            journal.rest(session, publication, Step.REVIEW)
            row.waiting, row.updated_at = WAITS_FOR_APPROVAL.format(publication), self._ports.clock.now()
            letters.owe(session, row, Event.REVIEW, row.updated_at)
            announcements.owe_comment(session, row, Event.REVIEW, row.updated_at)
            announcements.owe(session, row, row.updated_at, What.STATUS)
        return "stop", 0.0

    def _waiting(self, publication: str, reason: str, step: Step) -> None:
        with self._sessions.write() as session:
            row = publications.get(session, publication)
            row.waiting, row.updated_at = reason, self._ports.clock.now()
            journal.back(session, publication, step)

    def _away(self, publication: str, step: Step, error: Away) -> bool:
        """Write down that the outside is away; False when that has lasted too long."""
        now = self._ports.clock.now()
        with self._sessions.write() as session:
            row = publications.get(session, publication)
            row.waiting, row.updated_at = error.message, now
            return now - journal.away(session, publication, step, now) < self._durations.outage

    def _failed(self, work: Work, step: Step, error: TagstoneError) -> None:
        now = self._ports.clock.now()
        with self._sessions.write() as session:
            row = publications.get(session, work.subject.id)
            if State(row.state).done:
                # What broke came after the end, such as tidying up: it does not undo a publication.
                return
            journal.finish(session, row.id, step, now, journal.FAILED, error.message)
            remedy = f"`tagstone retry {row.id}` takes it up again." if isinstance(error, Temporary) else error.remedy
            row.error, row.remedy, row.waiting = _text(error), remedy, None
            row.error_kind = error.kind if isinstance(error, RunFailed) else type(error).__name__.lower()
            row.updated_at = row.finished_at = now
            if row.state != State.SUPERSEDED:
                row.state = State.FAILED
                letters.owe(session, row, Event.FAILED, now)
                announcements.owe_comment(session, row, Event.FAILED, now)
            announcements.owe(session, row, now, What.STATUS)
        effects.clean_up(work)

    def _cancelled(self, work: Work, step: Step, waits: int) -> tuple[Next, float]:
        """Give the draft back, unless a tag that moved hands it on; what is published by now goes on instead."""
        effects.clean_up(work)
        try:
            gone = self._superseded(work.subject.id) or work.drafts.give_back(work.subject.id)
        except Temporary as error:
            with self._sessions.write() as session:
                publications.get(session, work.subject.id).waiting = f"is being stopped: {error.message}"
            return "wait", self._durations.before_return(waits, error.delay, _spread(work.subject.id, waits))
        except TagstoneError as error:
            # The draft stays for now: the next tag that needs the series tries again to discard it.
            self._log.warning("the draft was not discarded", publication=work.subject.id, error=error.message)
            gone = True
        if not gone and self._released_after_all(work.subject.id):
            return "wait", 0.0
        self._stopped(work, step)
        return "stop", 0.0

    def _superseded(self, publication: str) -> bool:
        with self._sessions.read() as session:
            return publications.get(session, publication).state == State.SUPERSEDED

    def _released_after_all(self, publication: str) -> bool:
        """Go on with a release that was to be called back, and happened before that."""
        with self._sessions.write() as session:
            if not journal.was_begun(session, publication, Step.RELEASE):
                return False
            publications.get(session, publication).cancel_requested = False
            return True

    def _stopped(self, work: Work, step: Step) -> None:
        now = self._ports.clock.now()
        with self._sessions.write() as session:
            row = publications.get(session, work.subject.id)
            journal.abandon(session, row.id, step, now)
            row.waiting, row.updated_at, row.finished_at = None, now, now
            if row.state != State.SUPERSEDED:
                row.state, row.error, row.remedy = (
                    State.CANCELLED,
                    "It was cancelled.",
                    f"`tagstone retry {row.id}` takes it up again.",
                )
            announcements.owe(session, row, now, What.STATUS)


def record_facts(row: Publication, facts: Facts, now: float) -> None:
    """Put facts into a row, and what lists and look-ups need of them into columns of their own."""
    row.facts, row.updated_at = record.dump(facts).decode(), now
    row.version, row.title = facts.source.version, facts.source.title
    row.closed_until = closed_until(manifest_of(facts).deposit)
    row.image = str(facts.image.image.reference) if facts.image else None
    row.doi, row.concept_doi = (facts.deposit.doi, facts.deposit.concept_doi) if facts.deposit else (None, None)


def _spread(publication: str, waits: int) -> float:
    """A number from 0 to 1 that differs from publication to publication and from wait to wait, and is the same after a kill."""
    return zlib.crc32(f"{publication}-{waits}".encode()) / 2**32


def _text(error: TagstoneError) -> str:
    faults = error.faults if isinstance(error, Invalid) else ()
    return "\n".join([error.message, *(f"  {fault}" for fault in faults[:50])])


def _defect(error: Exception) -> TagstoneError:
    return TagstoneError(
        f"Tagstone itself broke here: {type(error).__name__}: {error}.",
        remedy="Look at the worker's log, and report it as a defect.",
    )
