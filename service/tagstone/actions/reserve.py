"""Reserve a DOI before its tag exists, for the manuscript that names it; the tag's publication takes the draft over."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from tagstone import __version__
from tagstone.actions.check import CheckReport, check
from tagstone.actions.describe import describe
from tagstone.actions.drafts import Drafts, depository_of
from tagstone.actions.resolve import manifest_text
from tagstone.domain.code.version import version_of
from tagstone.domain.deposits.deposit import Deposit, DepositMetadata, DepositState
from tagstone.domain.manifests.manifest import Manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.publication import Kind, State, reservation_id
from tagstone.domain.publications.record import Facts, SourceFacts
from tagstone.domain.reading.faults import raise_faults
from tagstone.errors import Conflict, Invalid, NotFound
from tagstone.ports import DepositAccount, Forge
from tagstone.store import asked, projects, publications, reservations
from tagstone.store.tables import Reservation


@dataclass(frozen=True)
class Reserved:
    """A reserved DOI: of which tag of which project, the draft that holds it, and whose the record will be."""

    project: str
    ref: str
    deposit: Deposit
    owner: str


def reserve(drafts: Drafts, forge: Forge, policy: Policy, location: str, ref: str) -> Reserved:
    """The DOI that the tag `ref` will have, reserved; asked again it is the same one.

    It is described by the work tree's manifest and citation. It holds the project's series until the tag is published.

    Raises:
        Invalid: the manifest or citation cannot be read.
        Conflict: the tag is published or on its way, or another tag has the series.
        Forbidden, NotFound: no account may be used.
    """
    report = check(forge, location, None, policy)
    manifest, metadata = _described(forge, report, policy, ref, drafts.clock.now())
    with drafts.sessions.write() as session:
        project_id = projects.ensure(session, report.project, drafts.clock.now()).id
    account = drafts.accounts.of_project(project_id, manifest.deposit.to)
    while (given_up := _claim(drafts, project_id, metadata.publication, ref, account)) is not None:
        drafts.give_back(given_up)
    account = _account(drafts, metadata.publication)
    deposit = _drafted(drafts, account, project_id, metadata, manifest.deposit.continues)
    with drafts.sessions.write() as session:
        reservations.keep(session.get_one(Reservation, metadata.publication), deposit)
    return Reserved(report.project.name, ref, deposit, account.owner)


def give_up(drafts: Drafts, forge: Forge, location: str, ref: str) -> Reserved | None:
    """Discard what was reserved for a tag; None when there was nothing but an intent.

    Raises:
        NotFound: nothing is reserved for it.
        Conflict: the draft was published.
    """
    project = forge.identify(location)
    wanted = reservation_id(project.key, ref)
    with drafts.sessions.read() as session:
        row = session.get(Reservation, wanted)
    if row is None:
        raise NotFound(f"No DOI is reserved for {ref}.", remedy="`tagstone reserve --version TAG` reserves one.")
    account, deposit = _account(drafts, wanted), reservations.deposit(row)
    if deposit is None:
        # A draft whose answer was lost: made or found, it can be given back.
        lost = DepositMetadata(wanted, project.name, version_of(ref), "1970-01-01", (), ())
        deposit = drafts.existing(account, lost, None)
    if deposit is not None:
        if account.depository.find(deposit.id).state is DepositState.PUBLISHED:
            raise Conflict(f"{deposit.doi} is published already.", remedy="A DOI is for ever: push the tag, or leave it.")
        account.depository.discard(deposit.id)
    with drafts.sessions.write() as session:
        session.delete(session.get_one(Reservation, wanted))
        asked.forget(session, wanted)
    return Reserved(project.name, ref, deposit, account.owner) if deposit else None


def _drafted(
    drafts: Drafts, account: DepositAccount, project_id: int, metadata: DepositMetadata, continues: str | None
) -> Deposit:
    with drafts.sessions.read() as session:
        known = reservations.deposit(session.get_one(Reservation, metadata.publication))
    found = account.depository.find(known.id) if known else None
    if found is None:
        found = drafts.made(account, metadata, drafts.series(account, project_id, continues))
    if found.state is DepositState.MISSING:
        raise Conflict(
            f"The draft that held {known.doi if known else 'the DOI'} is gone from {account.depository.name}.",
            remedy="`tagstone reserve --version TAG --discard` forgets it; the next reservation has another DOI.",
        )
    return drafts.with_doi(account, metadata.publication, found)


def _account(drafts: Drafts, reservation: str) -> DepositAccount:
    """The account that the reservation was begun with. Raises: NotFound."""
    with drafts.sessions.read() as session:
        row = session.get_one(Reservation, reservation)
        name, depository = row.account, reservations.depository_of(session, row)
    return drafts.accounts.named(depository, name)


def _claim(drafts: Drafts, project_id: int, wanted: str, ref: str, account: DepositAccount) -> str | None:
    """Take the series for a tag to come; the publication whose draft has to go first, if there is one. Raises: Conflict."""
    now, depository = drafts.clock.now(), account.depository.name
    with drafts.sessions.write() as session:
        publications.lock_project(session, project_id)
        _refuse_known(session, project_id, ref)
        for holder in publications.series_holders(session, project_id, other_than=""):
            if depository_of(holder) != depository:
                continue
            if not State(holder.state).active:
                return holder.id
            raise Conflict(
                f"{holder.ref} is being published: one version of a series is drafted after the other.",
                remedy=f"Wait until it is, see `tagstone show {holder.id}`; or cancel it.",
            )
        for other in reservations.others(session, project_id, ref, depository):
            raise Conflict(
                f"The DOI of {other.ref} is reserved: one version of a series is drafted after the other.",
                remedy=f"Publish it, or give it up: `tagstone reserve --version {other.ref} --discard`.",
            )
        row = reservations.find(session, project_id, ref)
        if row is None:
            row = Reservation(id=wanted, project_id=project_id, ref=ref, account=account.name, created_at=now)
            session.add(row)
        row.created_at = now
    return None


def _refuse_known(session: Session, project_id: int, ref: str) -> None:
    """Raise Conflict when the tag has an identifier already, or is about to get one."""
    for row in publications.of_ref(session, project_id, Kind.PUBLICATION, ref):
        if State(row.state).active or row.doi is not None:
            doi = f", with the DOI {row.doi}" if row.doi else ""
            raise Conflict(f"{ref} is {row.state} already as {row.id}{doi}.", remedy=f"See `tagstone show {row.id}`.")


def _described(forge: Forge, report: CheckReport, policy: Policy, ref: str, now: float) -> tuple[Manifest, DepositMetadata]:
    """The manifest, and the metadata of a version that nothing is recorded of yet. Raises: Invalid."""
    if report.manifest is None or report.citation is None:
        raise_faults(report.errors, "Nothing can be reserved for this project")
        raise Invalid("This project has no manifest or no citation.", remedy="`tagstone check` says what is missing.")
    source = SourceFacts(
        project=report.project,
        commit=report.commit,
        tag=ref,
        version=version_of(ref),
        title=report.citation.title,
        manifest=manifest_text(forge, report.project.location, report.entries),
        citation=report.citation_text,
        archive_key="",
        archive_size=0,
        archive_sha256="",
    )
    wanted = reservation_id(report.project.key, ref)
    facts = Facts(publication=wanted, source=source, tagstone=__version__, publisher=policy.publisher, began_at=now)
    return report.manifest, describe(facts)[0]
