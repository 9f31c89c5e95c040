"""A publication's draft: journalled before it is made, found again when its answer was lost, and given back."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from tagstone.actions.accounts import Accounts
from tagstone.actions.describe import describe
from tagstone.actions.journal import Journal
from tagstone.actions.run import manifest_of
from tagstone.domain.deposits.deposit import Deposit, DepositMetadata, DepositState
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.domain.publications.record import Facts
from tagstone.errors import Conflict, Forbidden, NotFound
from tagstone.ports import Clock, DepositAccount
from tagstone.store import accounts, asked, publications, steps
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication


@dataclass(frozen=True)
class Drafts:
    """The drafts that this site's publications and reservations have at depositories."""

    sessions: Sessions
    accounts: Accounts
    clock: Clock

    def journal(self, publication: str) -> Journal:
        """What a depository was asked for a publication or reservation."""
        return Journal(self.sessions, self.clock, publication)

    def made(self, account: DepositAccount, metadata: DepositMetadata, series: str | None) -> Deposit:
        """The draft of `metadata.publication`: the one that the journal knows, a lost one found again, or a new one.

        It may be published by now. Raises: Conflict, Forbidden, Invalid, Temporary.
        """
        journal = self.journal(metadata.publication)
        before = journal.find(asked.DRAFT)
        if before is not None and before.answer is not None:
            found = account.depository.find(before.answer)
            if found.state is not DepositState.MISSING:
                return found
            journal.forget()
            before = None
        journal.ask(asked.DRAFT, series or "")
        deposit = account.depository.draft(metadata, series, lost=before is not None)
        journal.answer(asked.DRAFT, deposit.id)
        return deposit

    def existing(self, account: DepositAccount, metadata: DepositMetadata, recorded: Deposit | None) -> Deposit | None:
        """The deposit that `metadata.publication` has, as `recorded` or by the journal; None where it never asked for one."""
        before = self.journal(metadata.publication).find(asked.DRAFT)
        known = recorded.id if recorded is not None else before.answer if before is not None else None
        if known is not None:
            return account.depository.find(known)
        if before is None:
            return None
        try:
            return self.made(account, metadata, before.about or None)
        except (Conflict, NotFound):
            # Its series is gone or another's: then there never was a draft of ours.
            return None

    def with_doi(self, account: DepositAccount, publication: str, deposit: Deposit) -> Deposit:
        """The deposit with its DOI reserved. Raises: NotFound, Temporary."""
        if not deposit.state.open:
            return deposit
        journal = self.journal(publication)
        journal.ask(asked.DOI, deposit.id)
        reserved = account.depository.reserve(deposit.id)
        journal.answer(asked.DOI, reserved.doi or "")
        return reserved

    def series(self, account: DepositAccount, project_id: int, continues: str | None) -> str | None:
        """The project's series as the depository confirms it, None where it begins one; `continues` is what the manifest says.

        Raises:
            Forbidden: this account may not continue the series.
            Conflict: the project has another series than the one it is to continue.
        """
        depository = account.depository.name
        with self.sessions.read() as session:
            known = accounts.series(session, project_id, depository)
            alive = known is not None and _has_record(session, project_id, depository, known)
        wanted = known or continues
        if wanted is None:
            return None
        newest = account.curation.latest(wanted)
        if newest is not None:
            if known is not None and continues is not None and not _same(newest.concept_doi, continues):
                raise Conflict(
                    f"This project continues {newest.concept_doi} already, and is to continue {continues}.",
                    remedy="Correct `deposit: {continues: …}` in tagstone.yml, or remove it.",
                )
            return newest.series
        if known is not None and not alive:
            return None  # All that it had was withdrawn: there is no version that a new one could follow.
        raise Forbidden(
            f"{account.owner} has no record of the series {wanted} at {depository} that a new version could follow.",
            remedy="Its owner publishes with this account, or shares the records with it: a curator binds the project to the account.",
        )

    def give_back(self, publication: str) -> bool:
        """Discard the draft of a publication that ended and let its series go; False when it is published after all.

        What it took over from attempts that it superseded is discarded too.

        Raises: Temporary, Forbidden, NotFound: the depository or account cannot be had; nothing is forgotten then.
        """
        for one, facts in self._attempts(publication):
            if facts.deposit is None and self.journal(one).find(asked.DRAFT) is None:
                continue
            account = self.accounts.of_publication(one)
            deposit = self.existing(account, describe(facts)[0], facts.deposit)
            if deposit is not None and deposit.state is DepositState.PUBLISHED:
                self._keep(publication, deposit)
                return False
            if deposit is not None:
                account.depository.discard(deposit.id)
            break
        self._let_go(publication)
        return True

    def _attempts(self, publication: str) -> list[tuple[str, Facts]]:
        """The publication, then those that it superseded, as far as anything is recorded of them."""
        with self.sessions.read() as session:
            rows = publications.with_superseded(session, publication)
        return [(row.id, record.load(row.facts.encode())) for row in rows if row.facts]

    def _keep(self, publication: str, deposit: Deposit) -> None:
        with self.sessions.write() as session:
            row = publications.get(session, publication)
            row.holds_series = False
            if row.kind == Kind.PUBLICATION:
                accounts.binding(session, row.project_id, deposit.depository).series = deposit.series

    def _let_go(self, publication: str) -> None:
        with self.sessions.write() as session:
            row = publications.get(session, publication)
            row.holds_series = False
            if row.facts:
                row.facts = record.dump(replace(record.load(row.facts.encode()), deposit=None)).decode()
            row.doi = row.concept_doi = row.account = row.owner = None
            # What was approved is gone: the next draft has another identifier, and other bytes.
            row.approved_at = row.approved_by = None
            steps.forget(session, publication, Step.RESERVE)
            asked.forget(session, publication)


def depository_of(row: Publication) -> str | None:
    """The depository that a publication's deposit is at, or will be; None before that is known."""
    if not row.facts:
        return None
    facts = record.load(row.facts.encode())
    return facts.deposit.depository if facts.deposit else manifest_of(facts).deposit.to


def _has_record(session: Session, project_id: int, depository: str, series: str) -> bool:
    rows = publications.listing(session, state=State.PUBLISHED, project_id=project_id)
    deposits = [record.load(row.facts.encode()).deposit for row in rows if row.facts]
    return any(one is not None and (one.depository, one.series) == (depository, series) for one in deposits)


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold().removeprefix("https://doi.org/").removeprefix("doi:")
