"""Citations for reference managers: CSL-JSON (citation-style-language/schema, csl-data.json 1.0.2) and RIS."""

import re
import unicodedata

from tagstone.domain.citations.citing import NOT_REGISTERED, citation_key
from tagstone.domain.deposits.deposit import Creator, Deposit, DepositMetadata

_PARTICLE = re.compile(r"((?:[^\W\d_A-Z]+ )+)(?=\S)")
_RIS = {"software": "COMP", "dataset": "DATA"}


def csl(metadata: DepositMetadata, deposit: Deposit, kind: str = "software") -> dict[str, object]:
    """One item of CSL-JSON; `kind` is software or dataset, which are types of CSL too."""
    item: dict[str, object] = {
        "id": citation_key(metadata),
        "type": kind,
        "title": plain(metadata.title),
        "author": [_csl_name(creator) for creator in metadata.creators],
        "issued": {"date-parts": [[int(part) for part in metadata.date.split("-")]]},
        "version": plain(metadata.version),
        "publisher": plain(metadata.publisher),
        "DOI": deposit.doi,
        "URL": _link(deposit),
        "abstract": plain(metadata.description),
        "keyword": ", ".join(plain(word) for word in metadata.keywords),
        "note": "" if deposit.registered else NOT_REGISTERED,
    }
    return {name: value for name, value in item.items() if value}


def ris(metadata: DepositMetadata, deposit: Deposit, kind: str = "software") -> str:
    """One RIS record; `kind` is software or dataset."""
    fields = [
        ("TY", _RIS[kind]),
        *(("AU", _ris_name(creator)) for creator in metadata.creators),
        ("TI", plain(metadata.title)),
        ("PY", metadata.date[:4]),
        ("DA", metadata.date.replace("-", "/") + "/"),
        ("ET", plain(metadata.version)),
        ("PB", plain(metadata.publisher)),
        ("DO", deposit.doi or ""),
        ("UR", _link(deposit)),
        ("AB", plain(metadata.description)),
        *(("KW", plain(word)) for word in metadata.keywords),
        ("N1", "" if deposit.registered else NOT_REGISTERED),
    ]
    return "".join(f"{tag}  - {value}\n" for tag, value in fields if value) + "ER  - \n"


def plain(text: str) -> str:
    """Text on one line, without the characters that nobody sees."""
    kept = (character for character in text if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs"))
    return " ".join("".join(kept).split())


def _link(deposit: Deposit) -> str:
    return f"https://doi.org/{deposit.doi}" if deposit.registered and deposit.doi else ""


def _csl_name(creator: Creator) -> dict[str, str]:
    """A name in its parts; words in lower case before a family name (`van der Berg`) sort and shorten by rules of their own."""
    if creator.organisation or not creator.family:
        return {"literal": plain(creator.name) or "unknown"}
    family = plain(creator.family)
    particle = _PARTICLE.match(family)
    parts = {
        "family": family[particle.end() :] if particle else family,
        "given": plain(creator.given or ""),
        "non-dropping-particle": particle[1].strip() if particle else "",
    }
    return {name: value for name, value in parts.items() if value} or {"literal": plain(creator.name) or "unknown"}


def _ris_name(creator: Creator) -> str:
    if creator.organisation or not creator.family:
        return plain(creator.name)
    # The comma divides family from given names, so that one inside a name would move the division.
    family, given = (plain(part).replace(",", "") for part in (creator.family, creator.given or ""))
    return f"{family}, {given}" if given else family
