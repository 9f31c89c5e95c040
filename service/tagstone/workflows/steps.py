"""Performing one step: journal its intent, have its effect, record its facts, and say what comes next."""

from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Literal

import structlog

from tagstone.domain import record
from tagstone.domain.policy import Policy
from tagstone.domain.publication import Kind, State, Step, steps
from tagstone.domain.record import Facts
from tagstone.domain.waiting import Durations
from tagstone.errors import Invalid, RunFailed, TagstoneError, Temporary
from tagstone.ports import Ports
from tagstone.store import publications
from tagstone.store import steps as journal
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication
from tagstone.workflows import effects, series
from tagstone.workflows.work import Cancelled, Work, load_subject

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
    Step.RELEASE: effects.release,
    Step.CONFIRM: effects.confirm,
}


class Steps:
    """Performs steps with the ports and sessions it was given."""

    def __init__(
        self, ports: Ports, sessions: Sessions, durations: Durations, policy: Policy, pool: Executor, home: Path
    ) -> None:
        self._ports = ports
        self._sessions = sessions
        self._durations = durations
        self._policy = policy
        self._pool = pool
        self._home = home
        self._log = structlog.get_logger("tagstone.steps")

    async def perform(self, publication: str, step: Step, failures: int) -> tuple[Next, float]:
        """Perform one step of one publication; safe to repeat after a kill at any moment."""
        subject, _, _ = load_subject(self._sessions, publication)
        work = Work(subject, self._ports, self._sessions, self._durations, self._policy, self._pool, self._home)
        try:
            await self._attempt(work, step)
        except Cancelled:
            await work.call(self._cancelled, work, step)
            return "stop", 0.0
        except effects.Held as held:
            await work.call(self._waiting, publication, str(held))
            return "wait", self._durations.retry
        except Exception as error:  # noqa: BLE001 - a fault of ours must end as a failed publication, not hang for ever
            return await self._troubled(work, step, error, failures)
        return "go", 0.0

    async def _attempt(self, work: Work, step: Step) -> None:
        if await work.call(self._begin, work.subject.id, step):
            return
        log = self._log.bind(publication=work.subject.id, step=step.value)
        log.info("step begins")
        facts = await _EFFECTS[step](work)
        await work.call(self._finish, work, step, facts)
        log.info("step is done")

    async def _troubled(self, work: Work, step: Step, error: Exception, failures: int) -> tuple[Next, float]:
        """Trouble that may pass is tried again, all else ends the attempt."""
        log = self._log.bind(publication=work.subject.id, step=step.value)
        if isinstance(error, Temporary) and failures + 1 < self._durations.attempts:
            log.warning("trouble that may pass", error=error.message)
            await work.call(self._waiting, work.subject.id, error.message)
            return "retry", self._durations.before_retry(failures + 1, error.delay)
        known = error if isinstance(error, TagstoneError) else _defect(error)
        log.error("step failed", error=known.message, exc_info=None if known is error else error)
        await work.call(self._failed, work, step, known)
        return "stop", 0.0

    def _begin(self, publication: str, step: Step) -> bool:
        """Journal the intent; True when the step was done before. Raises: Cancelled."""
        now = self._ports.clock.now()
        with self._sessions.write() as session:
            row = publications.get_locked(session, publication)
            if row.cancel_requested or not State(row.state).active:
                raise Cancelled
            if journal.is_done(session, publication, step):
                return True
            row.state, row.step, row.waiting, row.updated_at = State.WORKING, step, None, now
            journal.begin(session, publication, step, now)
        return False

    def _finish(self, work: Work, step: Step, facts: Facts) -> None:
        now = self._ports.clock.now()
        last = steps(work.subject.kind)[-1] is step
        with self._sessions.write() as session:
            row = publications.get(session, work.subject.id)
            record_facts(row, facts, now)
            journal.finish(session, row.id, step, now, journal.DONE, None)
            if step is Step.RELEASE:
                row.holds_series = False
                row.project.series = facts.deposit.series if facts.deposit else None
            if last:
                row.state = State.PUBLISHED if work.subject.kind is Kind.PUBLICATION else State.REHEARSED
                row.step, row.finished_at = None, now
        if last:
            effects.clean_up(work)

    def _waiting(self, publication: str, reason: str) -> None:
        with self._sessions.write() as session:
            row = publications.get(session, publication)
            row.waiting, row.updated_at = reason, self._ports.clock.now()

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
        effects.clean_up(work)

    def _cancelled(self, work: Work, step: Step) -> None:
        now = self._ports.clock.now()
        effects.clean_up(work)
        with self._sessions.read() as session:
            row = publications.get(session, work.subject.id)
            superseded, facts = row.state == State.SUPERSEDED, row.facts
        deposit = record.load(facts.encode()).deposit if facts else None
        if not superseded:
            if deposit is not None:
                self._ports.depository.discard(deposit.id)
            series.release(self._sessions, work.subject.id, keep_deposit=False)
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


def record_facts(row: Publication, facts: Facts, now: float) -> None:
    """Put facts into a row, and what lists and look-ups need of them into columns of their own."""
    row.facts, row.updated_at = record.dump(facts).decode(), now
    row.version, row.title = facts.source.version, facts.source.title
    row.image = str(facts.image.image.reference) if facts.image else None
    row.doi, row.concept_doi = (facts.deposit.doi, facts.deposit.concept_doi) if facts.deposit else (None, None)


def _text(error: TagstoneError) -> str:
    faults = error.faults if isinstance(error, Invalid) else ()
    return "\n".join([error.message, *(f"  {fault}" for fault in faults[:50])])


def _defect(error: Exception) -> TagstoneError:
    return TagstoneError(
        f"Tagstone itself broke here: {type(error).__name__}: {error}.",
        remedy="Look at the worker's log, and report it as a defect.",
    )
