"""How to cite a record: a sentence in the manner of APA, and BibTeX."""

import re
import unicodedata

from tagstone.domain.citation import Citation
from tagstone.domain.deposit import Creator, Deposit, DepositMetadata, Related
from tagstone.domain.record import Facts

_BIBTEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {c: "\\" + c for c in "{}$&#%_"}
NOT_REGISTERED = "test identifier, not registered"


def metadata_for(facts: Facts, citation: Citation, related: tuple[Related, ...] = ()) -> DepositMetadata:
    """Who and what a record is, as depositories, crates and pages are told it; `related` are the manifest's works."""
    url = facts.source.project.url
    return DepositMetadata(
        publication=facts.publication,
        title=citation.title,
        version=facts.source.version,
        date=facts.date,
        creators=citation.authors,
        licences=citation.licences,
        description=citation.abstract,
        keywords=citation.keywords,
        related=((Related(url, "isderivedfrom", "url"),) if url else ()) + related,
    )


def identifier(deposit: Deposit | None) -> str:
    """The identifier for people: a link where it resolves, plainly marked where it does not."""
    if deposit is None or deposit.doi is None:
        return "no identifier: this is a rehearsal"
    if not deposit.registered:
        return f"doi:{deposit.doi} ({NOT_REGISTERED})"
    return f"https://doi.org/{deposit.doi}"


def apa(metadata: DepositMetadata, deposit: Deposit | None) -> str:
    """One sentence: authors, year, title, version, publisher, identifier."""
    names = [_apa_name(creator) for creator in metadata.creators]
    authors = ", ".join(names[:-1]) + (", & " if len(names) > 1 else "") + names[-1] if names else metadata.publisher
    authors += "" if authors.endswith(".") else "."
    version = f" (Version {metadata.version})" if metadata.version else ""
    return f"{authors} ({metadata.date[:4]}). {metadata.title}{version} [Computer software]. {metadata.publisher}. {identifier(deposit)}"


def bibtex(metadata: DepositMetadata, deposit: Deposit | None) -> str:
    """One `@software` entry (biblatex); `note` says it where the identifier is not registered."""
    fields = [
        ("author", " and ".join(_bibtex_name(creator) for creator in metadata.creators)),
        ("title", "{" + _escape(metadata.title) + "}"),
        ("year", metadata.date[:4]),
        ("month", metadata.date[5:7].lstrip("0")),
        ("version", _escape(metadata.version)),
        ("publisher", _escape(metadata.publisher)),
        ("doi", _escape(deposit.doi or "") if deposit else ""),
        ("note", "" if deposit and deposit.registered else _escape(NOT_REGISTERED if deposit else "rehearsal, no identifier")),
    ]
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields if value)
    return f"@software{{{citation_key(metadata)},\n{body}}}\n"


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
        return "{" + _escape(creator.name) + "}"
    return f"{_escape(creator.family)}, {_escape(creator.given)}" if creator.given else "{" + _escape(creator.family) + "}"


def _escape(text: str) -> str:
    kept = (character for character in text if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs"))
    return "".join(_BIBTEX.get(character, character) for character in " ".join("".join(kept).split()))
