"""Amend a record: change what it says of itself, under the same DOI; its files stay as they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from pydantic import ValidationError

from tagstone.actions.accounts import Accounts
from tagstone.actions.describe import describe
from tagstone.domain.citations import citation as citations
from tagstone.domain.citations.citation import citation_text, parse_citation
from tagstone.domain.deposits.deposit import Creator, DepositMetadata, Related
from tagstone.domain.manifests.sections import RelatedWork
from tagstone.domain.manifests.values import RELATIONS
from tagstone.domain.people.deed import Actor, Deed
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import Kind, State
from tagstone.domain.publications.record import Amendment, Facts
from tagstone.domain.reading.faults import raise_faults
from tagstone.domain.reading.nearest import nearest_names
from tagstone.errors import Conflict, Invalid
from tagstone.ports import Clock
from tagstone.store import asked, audit, publications, search
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication

CALL = "amend"
_LONGEST = 300


@dataclass(frozen=True)
class Difference:
    """One part of the metadata, as it is and as it would be, in words for people."""

    part: str
    before: str
    after: str


@dataclass(frozen=True)
class Plan:
    """An amendment that is not made yet: the facts with it, what the depository would be told, and what is different then."""

    publication: str
    facts: Facts
    metadata: DepositMetadata
    differences: tuple[Difference, ...]


def read_citation(text: str, file: str) -> str:
    """A citation file as the CITATION.cff that it stands for. Raises: Invalid with every fault."""
    citation, faults = parse_citation(text, file)
    raise_faults(faults, f"{file} cannot be used")
    if citation is None:
        raise Invalid(f"{file} is empty.", remedy=f"Begin with this:\n{citations.EXAMPLE}")
    return citation_text(citation) if file.lower().endswith(".json") else text


def read_related(text: str) -> Related:
    """A related work as it is written on a command line: `supplement-to=10.1051/…`, or an address. Raises: Invalid."""
    relation, equals, identifier = text.partition("=")
    identifier = identifier.removeprefix("https://doi.org/").removeprefix("doi:")
    if not equals or relation not in RELATIONS:
        near = nearest_names(relation, list(RELATIONS), 1)
        remedy = f"Did you mean {near[0]}=…?" if near else f"Write RELATION=DOI; relations are: {', '.join(RELATIONS)}."
        raise Invalid(f"{text[:200]!r} is no related work.", remedy=remedy)
    kind = "url" if identifier.startswith(("http://", "https://")) else "doi"
    try:
        return RelatedWork.model_validate({kind: identifier, "is": relation}).related
    except ValidationError as error:
        told = error.errors()[0].get("ctx", {})
        raise Invalid(
            str(told.get("message", "This is no identifier.")), remedy=str(told.get("remedy", "Write a DOI."))
        ) from None


def plan(row: Publication, now: float, by: str, citation: str | None, related: Sequence[Related]) -> Plan:
    """What an amendment would change; nothing is asked of anybody yet.

    Raises:
        Conflict: it is no published record, or nothing would be different.
    """
    if row.kind != Kind.PUBLICATION or row.state != State.PUBLISHED or row.facts is None:
        raise Conflict(
            f"{row.id} is {row.state}: only records are amended.", remedy="Correct the repository, and publish that."
        )
    facts = record.load(row.facts.encode())
    amended = replace(facts, amendments=(*facts.amendments, Amendment(now, by, citation, tuple(related))))
    before, after = describe(facts)[0], describe(amended)[0]
    differences = tuple(_differences(before, after))
    if not differences:
        raise Conflict(f"{row.id} says all of this already.", remedy="Give a citation or related works that are new.")
    return Plan(row.id, amended, after, differences)


def amend(accounts: Accounts, sessions: Sessions, clock: Clock, wanted: Plan, by: Actor) -> None:
    """Tell the depository, then write it down; after a lost answer the same amendment may be made again.

    Raises:
        Invalid: the depository would refuse the metadata; nothing is changed.
        Conflict: the record was amended otherwise meanwhile.
        Temporary: the depository is away; nobody knows whether it took the change until it is asked again.
    """
    deposit = wanted.facts.deposit
    if deposit is None:
        raise Conflict(f"{wanted.publication} has no deposit.", remedy="Publish a tag first.")
    account = accounts.of_publication(wanted.publication)
    faults = account.curation.faults(replace(wanted.metadata, community=None))
    if faults:
        raise Invalid(f"{deposit.depository} would refuse it: {' '.join(faults)}", remedy="Correct it, and amend again.")
    with sessions.write() as session:
        _unchanged(publications.get_locked(session, wanted.publication), wanted)
        asked.ask(session, wanted.publication, CALL, clock.now())
    account.curation.amend(deposit.id, wanted.metadata)
    with sessions.write() as session:
        row, now = publications.get_locked(session, wanted.publication), clock.now()
        _unchanged(row, wanted)
        row.facts, row.title, row.updated_at = record.dump(wanted.facts).decode(), wanted.metadata.title, now
        search.index(session, row, wanted.facts)
        asked.answer(session, row.id, CALL, now, deposit.id)
        changed = ", ".join(one.part for one in wanted.differences)
        audit.write(session, now, by, Deed.AMENDED, row.id, f"{row.ref}, {row.doi}: {changed}")


def _unchanged(row: Publication, wanted: Plan) -> None:
    if record.load((row.facts or "").encode()).amendments != wanted.facts.amendments[:-1] or row.state != State.PUBLISHED:
        raise Conflict(f"{row.id} changed since it was looked at.", remedy="Look at the difference again, and amend then.")


def _differences(before: DepositMetadata, after: DepositMetadata) -> Iterator[Difference]:
    for name in (field.name for field in fields(DepositMetadata)):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield Difference(name.replace("_", " "), _told(old), _told(new))


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(_told(item) for item in value)[:_LONGEST] or "none"
    if isinstance(value, Creator):
        return value.name + (f" ({value.orcid})" if value.orcid else "")
    if isinstance(value, Related):
        return f"{value.relation} {value.identifier}"
    return str(value)[:_LONGEST] if value else "none"
