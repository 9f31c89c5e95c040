"""Approve a release: what a person is shown before they say yes, and the yes itself."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from tagstone.actions.describe import describe
from tagstone.actions.diff import OpenCode, diff
from tagstone.actions.run import manifest_of
from tagstone.actions.submit import go_on
from tagstone.domain.deposits.deposit import Creator, DepositMetadata
from tagstone.domain.people.deed import Actor, Deed
from tagstone.domain.publications import record
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.difference import Difference
from tagstone.domain.publications.publication import State, Step
from tagstone.domain.publications.record import Facts
from tagstone.errors import Conflict
from tagstone.ports import WorkQueue
from tagstone.store import audit, bundles, publications, steps
from tagstone.store.tables import Publication


@dataclass(frozen=True)
class Review:
    """What is approved: where it goes, who and what it is, every file of the deposit, and what is not as it was.

    `attempt` is the draft that was looked at; `changes` is None for the first version of a project. `account` is the depository's
    account that the draft was made with, `owner` whose that is, in words for people: the record and its DOI will be theirs.
    """

    facts: Facts
    attempt: int
    depository: str
    metadata: DepositMetadata
    files: tuple[Archived, ...]
    changes: Difference | None
    account: str | None = None
    owner: str | None = None

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def as_json(self) -> dict[str, object]:
        """The same for programs; sizes in bytes."""
        deposit, source, about = self.facts.deposit, self.facts.source, self.metadata
        return {
            "publication": self.facts.publication,
            "depository": self.depository,
            "account": self.account,
            "owner": self.owner,
            "preview": deposit.url if deposit else None,
            "doi": self.facts.doi,
            "registered": bool(deposit and deposit.registered),
            "title": about.title,
            "version": about.version,
            "creators": [_creator(creator) for creator in about.creators],
            "licences": list(about.licences),
            "part_licences": {one.part: one.licence for one in about.part_licences},
            "access": about.access.value,
            "embargo": about.embargo,
            "community": about.community,
            "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in self.files],
            "size": self.size,
            "warnings": list(source.warnings),
            "waived_secrets": list(self.facts.secrets_waived),
            "changes": self.changes.as_json() if self.changes else None,
        }


def review(session: Session, publication: str, open_code: OpenCode) -> Review:
    """What there is to look at before `publication` is approved.

    Raises:
        NotFound: there is none with this id.
        Conflict: it does not wait for approval.
    """
    row = _waiting(publications.get(session, publication), session)
    facts = record.load((row.facts or "").encode())
    metadata, _ = describe(facts)
    earlier = publications.latest_published(session, row.project_id)
    changes = None
    if earlier is not None and earlier.facts:
        changes = diff(record.load(earlier.facts.encode()), facts, open_code, open_code)
    files = tuple(bundles.deposited(session, row.id))
    return Review(facts, row.attempt, manifest_of(facts).deposit.to, metadata, files, changes, row.account, row.owner)


def approve(session: Session, queue: WorkQueue, now: float, publication: str, attempt: int, by: Actor) -> None:
    """Let a publication that waits for approval be released; `attempt` is the one that was looked at.

    Raises:
        NotFound: there is none with this id.
        Conflict: it does not wait for approval, or is another draft than the one that was looked at.
    """
    row = _waiting(publications.get_locked(session, publication), session)
    if row.attempt != attempt:
        raise Conflict(f"{row.id} changed since it was looked at.", remedy=f"Look at it again: `tagstone approve {row.id}`.")
    row.approved_at, row.approved_by = now, by.name
    audit.write(session, now, by, Deed.APPROVED, row.id, f"{row.ref}, attempt {attempt}, {row.doi or 'without a DOI'}")
    go_on(session, queue, row, now)


def approved_before(row: Publication) -> bool:
    """Say whether somebody approved it already, and it was released or is on its way."""
    return row.approved_at is not None and (State(row.state).active or State(row.state).done)


def _waiting(row: Publication, session: Session) -> Publication:
    if State(row.state).active and not row.cancel_requested and steps.rests(session, row.id, Step.REVIEW):
        return row
    told = "is being stopped" if row.cancel_requested else f"is {row.state}"
    if State(row.state).active and row.step:
        told += f" ({row.step})"
    raise Conflict(f"{row.id} does not wait for approval: it {told}.", remedy=f"`tagstone show {row.id}` says how it stands.")


def _creator(creator: Creator) -> dict[str, object]:
    return {"name": creator.name, "orcid": creator.orcid, "affiliation": creator.affiliation}
