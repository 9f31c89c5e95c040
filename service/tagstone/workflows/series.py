"""One draft at a time in a series: who holds it, who waits for it, and whose draft is given up or handed on."""

from dataclasses import dataclass, replace

from tagstone.domain import record
from tagstone.domain.deposit import Deposit, DepositMetadata, DepositState
from tagstone.domain.publication import State, Step
from tagstone.ports import Depository
from tagstone.store import publications, steps
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication
from tagstone.workflows.work import Subject


@dataclass(frozen=True)
class Waiting:
    """The series is another publication's for now."""

    reason: str


@dataclass(frozen=True)
class _GivenUp:
    publication: str
    deposit: Deposit | None


@dataclass(frozen=True)
class _Taken:
    series: str | None


def reserve(sessions: Sessions, depository: Depository, subject: Subject, metadata: DepositMetadata) -> Deposit | Waiting:
    """This publication's draft with its DOI reserved, or who has to finish first."""
    while not isinstance(standing := _claim(sessions, subject), _Taken):
        if isinstance(standing, Waiting):
            return standing
        _settle(sessions, depository, standing)
    inherited = _inherit(sessions, subject)
    if subject.recorded is not None and subject.recorded.deposit is not None:
        inherited = subject.recorded.deposit
    if inherited is not None and depository.find(inherited.id).state is DepositState.DRAFT:
        depository.describe(inherited.id, metadata)
        return depository.find(inherited.id)
    return depository.draft(metadata, standing.series)


def _settle(sessions: Sessions, depository: Depository, standing: _GivenUp) -> None:
    """Discard the draft of a publication that ended, unless it turns out to have been published after all."""
    deposit = standing.deposit
    if deposit is not None and depository.find(deposit.id).state is DepositState.PUBLISHED:
        with sessions.write() as session:
            row = publications.get(session, standing.publication)
            row.holds_series, row.project.series = False, deposit.series
        return
    if deposit is not None:
        depository.discard(deposit.id)
    release(sessions, standing.publication, keep_deposit=False)


def release(sessions: Sessions, publication: str, *, keep_deposit: bool) -> None:
    """Let the series go; with its draft discarded, the publication's identifier is forgotten too."""
    with sessions.write() as session:
        row = publications.get(session, publication)
        row.holds_series = False
        if not keep_deposit and row.facts:
            row.facts = record.dump(replace(record.load(row.facts.encode()), deposit=None)).decode()
            row.doi = row.concept_doi = None
            steps.forget(session, publication, Step.RESERVE)


def _claim(sessions: Sessions, subject: Subject) -> _Taken | Waiting | _GivenUp:
    """Take the series when it is free, else say who holds it or whose draft has to go first."""
    with sessions.write() as session:
        project = publications.lock_project(session, subject.project_id)
        own = publications.get(session, subject.id)
        holder = publications.series_holder(session, subject.project_id, subject.id)
        if holder is not None and (holder.state, holder.ref) == (State.SUPERSEDED, own.ref):
            _hand_on(holder, own)
            holder = publications.series_holder(session, subject.project_id, subject.id)
        if holder is None:
            own.holds_series = True
            # As it is now: an earlier version may have been released since this step began.
            return _Taken(project.series)
        if State(holder.state).active:
            return Waiting(f"waits for {holder.ref}")
        return _GivenUp(holder.id, record.load(holder.facts.encode()).deposit if holder.facts else None)


def _hand_on(holder: Publication, own: Publication) -> None:
    holder.holds_series, own.holds_series = False, True


def _inherit(sessions: Sessions, subject: Subject) -> Deposit | None:
    """The draft of the newest attempt at this tag, among those it superseded, that had one."""
    earlier = subject.supersedes
    with sessions.read() as session:
        while earlier is not None:
            row = publications.get(session, earlier)
            deposit = record.load(row.facts.encode()).deposit if row.facts else None
            if deposit is not None:
                return deposit
            earlier = row.supersedes
    return None
