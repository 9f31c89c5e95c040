"""How to cite a record: a sentence in the manner of APA, and BibTeX."""

import re
import unicodedata
from dataclasses import replace

from tagstone.domain.citations.citation import Citation
from tagstone.domain.citations.foundations import foundations
from tagstone.domain.deposits.deposit import Access, Creator, Deposit, DepositMetadata, Related
from tagstone.domain.manifests.sections import DepositSection
from tagstone.domain.publications.record import Facts

_BIBTEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {c: "\\" + c for c in "{}$&#%_"}
_APA = {"software": "Computer software", "dataset": "Data set"}
# Within a name a comma or the word between two names would make two of it.
_DIVIDES = re.compile(r",|\band\b", re.IGNORECASE)
NOT_REGISTERED = "test identifier, not registered"


def metadata_for(
    facts: Facts, citation: Citation, related: tuple[Related, ...] = (), wanted: DepositSection | None = None
) -> DepositMetadata:
    """Who and what a record is, as depositories, crates and pages are told it.

    `related` are the works that manifest and citation name, the manifest's first: what it says of a work counts. `wanted` is
    the manifest's word on the deposit.
    """
    url = facts.source.project.url
    wanted = wanted or DepositSection()
    own = {doi.lower() for doi in (citation.doi, facts.doi) if doi}
    named: dict[str, Related] = {}
    for work in related:
        first = named.setdefault(work.identifier.lower(), work)
        named[work.identifier.lower()] = first if first.kind else replace(first, kind=work.kind)
    return DepositMetadata(
        publication=facts.publication,
        title=citation.title,
        version=facts.source.version,
        date=facts.date,
        creators=citation.authors,
        licences=citation.licences,
        description=citation.abstract,
        keywords=citation.keywords,
        related=((Related(url, "isderivedfrom", "url"),) if url else ())
        + tuple(work for key, work in named.items() if key not in own),
        publisher=facts.publisher.name,
        kind=wanted.kind or citation.type,
        part_licences=wanted.licences.parts,
        access=Access(wanted.access),
        embargo=wanted.embargo,
        funding=tuple(item.funding for item in wanted.funding),
        community=wanted.community,
        repository=url,
        stands_on=foundations(facts),
    )


def identifier(deposit: Deposit | None) -> str:
    """The identifier for people: a link where it resolves, plainly marked where it does not."""
    if deposit is None or deposit.doi is None:
        return "no identifier: this is a rehearsal"
    if not deposit.registered:
        return f"doi:{deposit.doi} ({NOT_REGISTERED})"
    return f"https://doi.org/{deposit.doi}"


def apa(metadata: DepositMetadata, deposit: Deposit | None, kind: str = "software") -> str:
    """One sentence: authors, year, title, version, publisher, identifier; `kind` is software or dataset."""
    names = [_apa_name(creator) for creator in metadata.creators]
    authors = ", ".join(names[:-1]) + (", & " if len(names) > 1 else "") + names[-1] if names else metadata.publisher
    authors += "" if authors.endswith(".") else "."
    version = f" (Version {metadata.version})" if metadata.version else ""
    return f"{authors} ({metadata.date[:4]}). {metadata.title}{version} [{_APA[kind]}]. {metadata.publisher}. {identifier(deposit)}"


def bibtex(metadata: DepositMetadata, deposit: Deposit | None, kind: str = "software") -> str:
    """One `@software` or `@dataset` entry (biblatex); `note` says it where the identifier is not registered."""
    fields = [
        ("author", " and ".join(_bibtex_name(creator) for creator in metadata.creators)),
        ("title", "{" + tex_text(metadata.title) + "}"),
        ("year", metadata.date[:4]),
        ("month", metadata.date[5:7].lstrip("0")),
        ("version", tex_text(metadata.version)),
        ("publisher", tex_text(metadata.publisher)),
        ("doi", tex_text(deposit.doi or "") if deposit else ""),
        ("note", "" if deposit and deposit.registered else tex_text(NOT_REGISTERED if deposit else "rehearsal, no identifier")),
    ]
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields if value)
    return f"@{kind}{{{citation_key(metadata)},\n{body}}}\n"


def citation_key(metadata: DepositMetadata) -> str:
    """A BibTeX key: first author's family name, year, first word of the title, in ASCII letters and digits."""
    first = metadata.creators[0] if metadata.creators else None
    name = (first.family or first.name) if first else metadata.publisher
    word = next((word for word in re.findall(r"\w+", metadata.title) if len(word) > 3), "")
    return _ascii(name) + metadata.date[:4] + _ascii(word) or "record"


def _ascii(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", text).lower())


def _apa_name(creator: Creator) -> str:
    if creator.organisation or not creator.family or not creator.given:
        return creator.family or creator.name
    initials = " ".join(f"{part[0]}." for part in creator.given.replace("-", " ").split() if part)
    return f"{creator.family}, {initials}"


def _bibtex_name(creator: Creator) -> str:
    if creator.organisation or not creator.family:
        return "{" + tex_text(creator.name) + "}"
    family, given = (_kept_whole(part) for part in (creator.family, creator.given or ""))
    return f"{family}, {given}" if given else "{" + tex_text(creator.family) + "}"


def _kept_whole(part: str) -> str:
    return "{" + tex_text(part) + "}" if _DIVIDES.search(part) else tex_text(part)


def tex_text(text: str) -> str:
    """Text that TeX prints as it stands: what it would read is escaped, what nobody sees is left out."""
    kept = (character for character in text if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs"))
    return "".join(_BIBTEX.get(character, character) for character in " ".join("".join(kept).split()))
