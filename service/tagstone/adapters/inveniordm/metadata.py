"""What a deposit is told an InvenioRDM: `DepositMetadata` as the JSON of its drafts. Pure: nothing is looked up here.

The fields are those of https://inveniordm.docs.cern.ch/reference/metadata/, and what its schemas refuse is left out, cut or
said by `faults`. The server repairs texts on its own (ftfy), so that what it answers is never compared letter by letter.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeGuard

from tagstone.adapters.inveniordm.description import ABSTRACT, description_html, plain
from tagstone.domain.citations.cff_rules import checksum_holds
from tagstone.domain.deposits.deposit import Access, Creator, DepositMetadata, Funding

# Made once, for ever: records that are published are found by identifiers in it.
_NAMESPACE = uuid.UUID("f54e9807-8a48-5db0-994f-7e9c53cfb2f0")
TITLE, NAME, WORD, VERSION = 1000, 500, 250, 191
"""The longest title, name, keyword and version in characters; that of versions is the server's, the others are ours."""
_SHORTEST = 3  # characters of a title, for the server's schema
_REASON = "The authors open the files on this day."
_ORCID = re.compile(r"[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]")
_ORCID_BLOCKS = ((15_000_000, 35_000_000), (900_000_000_000, 900_100_000_000))
_ROR = re.compile(r"0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}")
_WRITTEN = {
    "doi": re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/[^\s\x00-\x1f]{1,400}"),
    "url": re.compile(r"https?://[A-Za-z0-9._~%-]+(?::[0-9]{1,5})?(?:[/?#][^\s<>\"\x00-\x1f]*)?"),
    "arxiv": re.compile(r"(?:arXiv:)?(?:[0-9]{4}\.[0-9]{4,5}|[a-z-]+(?:\.[A-Z]{2})?/[0-9]{7})(?:v[0-9]+)?"),
}
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
_TYPES = {
    "software": "software",
    "dataset": "dataset",
    "workflow": "workflow",
    "model": "model",
    "notebook": "software-computationalnotebook",
    "other": "other",
    "article": "publication-article",
    "book": "publication-book",
    "conference-paper": "publication-conferencepaper",
    "preprint": "publication-preprint",
    "report": "publication-report",
    "thesis": "publication",
}
"""Resource types by our kinds; an InvenioRDM knows these ids from the start."""

_RELATIONS = frozenset(
    [
        "iscitedby",
        "cites",
        "issupplementto",
        "issupplementedby",
        "iscontinuedby",
        "continues",
        "isdescribedby",
        "describes",
        "hasmetadata",
        "ismetadatafor",
        "hasversion",
        "isversionof",
        "isnewversionof",
        "ispreviousversionof",
        "ispartof",
        "haspart",
        "ispublishedin",
        "isreferencedby",
        "references",
        "isdocumentedby",
        "documents",
        "iscompiledby",
        "compiles",
        "isvariantformof",
        "isoriginalformof",
        "isidenticalto",
        "isreviewedby",
        "reviews",
        "isderivedfrom",
        "issourceof",
        "isrequiredby",
        "requires",
        "isobsoletedby",
        "obsoletes",
    ]
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """Ids of a site's vocabularies: licences (lower case), ROR ids of affiliations and funders; and fields that it has.

    `code_repository` says whether the site has the custom field `code:codeRepository`.
    """

    licences: frozenset[str] = frozenset()
    affiliations: frozenset[str] = frozenset()
    funders: frozenset[str] = frozenset()
    code_repository: bool = False


def publication_identifier(publication: str) -> str:
    """The identifier that a publication's draft is found again by: a `urn:uuid:` of its id, in the scheme `urn`."""
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, publication)}"


def wanted(metadata: DepositMetadata) -> Known:
    """The ids that a description asks for: those of them that the site knows are what `record_json` is given."""
    return Known(
        licences=frozenset(licence.lower() for licence in _all_licences(metadata) if _SPDX.fullmatch(licence)),
        affiliations=frozenset(
            place.ror for creator in metadata.creators for place in creator.affiliations if _is_ror(place.ror)
        ),
        funders=frozenset(funding.ror for funding in metadata.funding if _is_ror(funding.ror)),
        code_repository=metadata.repository is not None,
    )


def record_json(metadata: DepositMetadata, known: Known, *, today: str = "", preview: str | None = None) -> Json:
    """The body of a draft, without `pids`: what is left out of them stays as the server has it.

    `today` (ISO 8601) opens files whose embargo has ended meanwhile. `preview` is the file that the record's page shows; the
    server takes it once the file is there.
    """
    body: Json = {
        "access": _access(metadata, today),
        "files": {"enabled": True, **({"default_preview": preview} if preview else {})},
        "metadata": {name: value for name, value in _metadata(metadata, known).items() if value},
    }
    repository = _identified(metadata.repository or "", "url")
    if known.code_repository and repository:
        body["custom_fields"] = {"code:codeRepository": repository}
    return body


def _metadata(metadata: DepositMetadata, known: Known) -> Json:
    return {
        "resource_type": {"id": _TYPES.get(metadata.kind, "other")},
        "title": plain(metadata.title, TITLE),
        "creators": [_creator(creator, known) for creator in metadata.creators],
        "publication_date": plain(metadata.date, WORD),
        "version": plain(metadata.version, VERSION),
        "publisher": plain(metadata.publisher, NAME),
        "description": description_html(metadata.description),
        "additional_descriptions": list(_about_licences(metadata)),
        "subjects": [{"subject": word} for word in _unlike(plain(word, WORD) for word in metadata.keywords)],
        "rights": [_rights(licence, known) for licence in _all_licences(metadata)],
        "funding": [_funding(funding, known) for funding in metadata.funding if plain(funding.funder, NAME)],
        "dates": list(_dates(metadata)),
        "identifiers": [{"scheme": "urn", "identifier": publication_identifier(metadata.publication)}],
        "related_identifiers": list(_related(metadata)),
    }


def _access(metadata: DepositMetadata, today: str) -> Json:
    if metadata.access is Access.RESTRICTED:
        return {"record": "restricted", "files": "restricted"}
    until = _day(metadata.embargo)
    if metadata.access is Access.EMBARGOED and until and until > max(today, metadata.date):
        return {"record": "public", "files": "restricted", "embargo": {"active": True, "until": until, "reason": _REASON}}
    return {"record": "public", "files": "public"}


def _dates(metadata: DepositMetadata) -> Iterator[Json]:
    until = _day(metadata.embargo)
    if metadata.access is Access.EMBARGOED and until:
        yield {"date": until, "type": {"id": "available"}}


def _day(text: str | None) -> str | None:
    try:
        return date.fromisoformat(text or "").isoformat()
    except ValueError:
        return None


def _creator(creator: Creator, known: Known) -> Json:
    name = plain(creator.name, NAME) or "?"
    if creator.organisation:
        who: Json = {"type": "organizational", "name": name}
    else:
        family, given = plain(creator.family or "", NAME), plain(creator.given or "", NAME)
        # A person of one name has it as the family name: the server asks for one.
        who = {"type": "personal", "family_name": family or given or name}
        if family and given:
            who["given_name"] = given
    identifiers = [{"scheme": "orcid", "identifier": creator.orcid}] if creator.orcid and _taken(creator.orcid) else []
    if creator.organisation and _is_ror(creator.ror):
        identifiers.append({"scheme": "ror", "identifier": creator.ror})
    if identifiers:
        who["identifiers"] = identifiers
    affiliations = _affiliations(creator, known)
    return {"person_or_org": who, **({"affiliations": affiliations} if affiliations else {})}


def _affiliations(creator: Creator, known: Known) -> list[Json]:
    """Each once: a ROR id where the site knows it, else the name; the server refuses twice the same, and a ROR with a name."""
    places = (
        (place.ror if place.ror in known.affiliations else None, plain(place.name, NAME)) for place in creator.affiliations
    )
    each = dict.fromkeys(("id", ror) if ror else ("name", name) for ror, name in places if ror or name)
    return [{key: value} for key, value in each]


def _all_licences(metadata: DepositMetadata) -> tuple[str, ...]:
    parts = (part.licence for part in metadata.part_licences)
    return tuple(dict.fromkeys(licence for licence in (*metadata.licences, *parts) if plain(licence, WORD)))


def _rights(licence: str, known: Known) -> Json:
    if licence.lower() in known.licences:
        return {"id": licence.lower()}
    custom: Json = {"title": {"en": plain(licence, WORD)}}
    if _SPDX.fullmatch(licence) and not licence.startswith("LicenseRef-"):
        custom["link"] = f"https://spdx.org/licenses/{licence}.html"
    return custom


def _about_licences(metadata: DepositMetadata) -> Iterator[Json]:
    """Which licence is of which part; a licence by id has no place for it."""
    if not metadata.part_licences:
        return
    code = " or ".join(metadata.licences) or "no licence"
    parts = [f"Licence of the code: {code}."]
    parts += [f"Licence of the {part.part}: {part.licence}." for part in metadata.part_licences]
    yield {"description": description_html("\n\n".join(parts)), "type": {"id": "other"}}


def _funding(funding: Funding, known: Known) -> Json:
    funder = {"id": funding.ror} if funding.ror and funding.ror in known.funders else {"name": plain(funding.funder, NAME)}
    number, title = plain(funding.award or "", WORD), plain(funding.title or "", TITLE)
    url = _identified(funding.url or "", "url")
    award: Json = {"number": number} if number else {}
    if title or (url and not number):
        award["title"] = {"en": title or url}
    if url:
        award["identifiers"] = [{"scheme": "url", "identifier": url}]
    return {"funder": funder, **({"award": award} if award else {})}


def _related(metadata: DepositMetadata) -> Iterator[Json]:
    """What the record stands on, then what its authors name; the repository's own page only where the tag's is not known."""
    tagged = any(work.identifier.startswith(f"{metadata.repository}/") for work in metadata.stands_on)
    named = (work for work in metadata.related if not (tagged and work.identifier == metadata.repository))
    seen = set()
    for work in (*metadata.stands_on, *named):
        # Its schemes have no SWHID, and DataCite is told nothing of what stands under `other`, but of addresses it is.
        scheme, identifier = ("url", work.address) if work.scheme == "swh" else (work.scheme, work.identifier)
        if _identified(identifier, scheme) is None or identifier in seen or work.relation not in _RELATIONS:
            continue
        seen.add(identifier)
        kind = {"resource_type": {"id": _TYPES[work.kind]}} if work.kind in _TYPES else {}
        yield {"identifier": identifier, "scheme": scheme, "relation_type": {"id": work.relation}, **kind}


def _identified(identifier: str, scheme: str) -> str | None:
    """The identifier where it is written as its scheme wants it, else None."""
    form = _WRITTEN.get(scheme)
    return identifier if form is not None and form.fullmatch(identifier) and plain(identifier, TITLE) == identifier else None


def _is_ror(ror: str | None) -> TypeGuard[str]:
    return ror is not None and _ROR.fullmatch(ror) is not None


def _unlike(words: Iterable[str]) -> list[str]:
    """Each word once, whatever its case; as it was written first."""
    first: dict[str, str] = {}
    for word in words:
        first.setdefault(word.casefold(), word)
    return [word for word in first.values() if word]


def faults(metadata: DepositMetadata) -> tuple[str, ...]:
    """What any InvenioRDM would refuse or could not keep whole, in sentences."""
    return tuple(_faults(metadata))


def _faults(metadata: DepositMetadata) -> Iterator[str]:
    title = plain(metadata.title, len(metadata.title))
    if len(title) < _SHORTEST:
        yield f"The title {title!r} is shorter than {_SHORTEST} characters."
    texts = (("title", title, TITLE), ("version", metadata.version, VERSION), ("description", metadata.description, ABSTRACT))
    for what, text, longest in texts:
        if len(text) > longest:
            yield f"The {what} has {len(text)} characters; at most {longest} are kept."
    if not metadata.creators:
        yield "There is no creator."
    for creator in metadata.creators:
        if creator.orcid and not _taken(creator.orcid):
            yield f"The ORCID {plain(creator.orcid, WORD)} is none: a digit is mistyped, or ORCID has not given out such numbers."


def _taken(orcid: str) -> bool:
    """Say whether the server takes the ORCID: its check digit is right, and it lies in ORCID's blocks of ISNI (idutils)."""
    if not _ORCID.fullmatch(orcid) or not checksum_holds(orcid):
        return False
    number = int(orcid.replace("-", "")[:15])
    return any(first <= number <= last for first, last in _ORCID_BLOCKS)
