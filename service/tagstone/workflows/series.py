"""One draft at a time in a series: who holds it, who waits for it, and whose draft is given up or handed on."""

from dataclasses import dataclass, replace

from tagstone.domain import record
from tagstone.domain.deposit import Deposit, DepositMetadata
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


def reserve(sessions: Sessions, depository: Depository, subject: Subject, metadata: DepositMetadata) -> Deposit | Waiting:
    """This publication's draft with its DOI reserved, or who has to finish first."""
    while True:
        standing = _claim(sessions, subject)
        if standing is None:
            break
        if isinstance(standing, Waiting):
            return standing
        if standing.deposit is not None:
            depository.discard(standing.deposit.id)
        release(sessions, standing.publication, keep_deposit=False)
    inherited = _inherit(sessions, subject)
    if subject.recorded is not None and subject.recorded.deposit is not None:
        inherited = subject.recorded.deposit
    if inherited is not None and depository.find(inherited.id).state == "draft":
        depository.describe(inherited.id, metadata)
        return depository.find(inherited.id)
    return depository.draft(metadata, subject.series)


def release(sessions: Sessions, publication: str, *, keep_deposit: bool) -> None:
    """Let the series go; with its draft discarded, the publication's identifier is forgotten too."""
    with sessions.write() as session:
        row = publications.get(session, publication)
        row.holds_series = False
        if not keep_deposit and row.facts:
            row.facts = record.dump(replace(record.load(row.facts.encode()), deposit=None)).decode()
            row.doi = row.concept_doi = None
            steps.forget(session, publication, Step.RESERVE)


def _claim(sessions: Sessions, subject: Subject) -> Waiting | _GivenUp | None:
    """Take the series when it is free (None), else say who holds it or whose draft has to go first."""
    with sessions.write() as session:
        publications.lock_project(session, subject.project_id)
        own = publications.get(session, subject.id)
        holder = publications.series_holder(session, subject.project_id, subject.id)
        if holder is not None and holder.id == subject.supersedes:
            _hand_on(holder, own)
            holder = publications.series_holder(session, subject.project_id, subject.id)
        if holder is None:
            own.holds_series = True
            return None
        if State(holder.state).active:
            return Waiting(f"waits for {holder.ref}")
        return _GivenUp(holder.id, record.load(holder.facts.encode()).deposit if holder.facts else None)


def _hand_on(holder: Publication, own: Publication) -> None:
    holder.holds_series, own.holds_series = False, True


def _inherit(sessions: Sessions, subject: Subject) -> Deposit | None:
    """The draft of the attempt that this one supersedes."""
    if subject.supersedes is None:
        return None
    with sessions.read() as session:
        row = publications.get(session, subject.supersedes)
        return record.load(row.facts.encode()).deposit if row.facts else None
