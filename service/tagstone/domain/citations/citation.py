"""A citation: who made what, under which licence, in which version; read from CITATION.cff, else from codemeta.json."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from tagstone.domain.citations.cff import citation_file
from tagstone.domain.citations.cff_edit import Identified, edited, swh_entry
from tagstone.domain.citations.cff_rules import Judge
from tagstone.domain.citations.codemeta import read_codemeta
from tagstone.domain.deposits.deposit import Affiliation, Creator
from tagstone.domain.reading.faults import Fault, raise_faults
from tagstone.domain.reading.yaml_text import Document, read_yaml

FILE = "CITATION.cff"
FALLBACK = "codemeta.json"
_ROR = re.compile(r"(.*?)[\s,;(\[]*https://ror\.org/(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})/?[)\]]?", re.DOTALL)
EXAMPLE = """\
cff-version: 1.2.0
message: Please cite this software as below.
title: A name for the work
authors:
  - given-names: Ada
    family-names: Lovelace
license: MIT
"""


@dataclass(frozen=True)
class Citation:
    """What an author says of a work; `date` is ISO 8601, `licences` are SPDX ids (any of them may be chosen)."""

    title: str
    authors: tuple[Creator, ...]
    version: str | None = None
    date: str | None = None
    licences: tuple[str, ...] = ()
    abstract: str = ""
    keywords: tuple[str, ...] = ()
    doi: str | None = None
    repository: str | None = None
    message: str = ""
    type: str = "software"


def parse_citation(text: str, file: str = FILE) -> tuple[Citation | None, tuple[Fault, ...]]:
    """Read a citation, as CodeMeta when the file's name ends in `.json`, else as CFF 1.2.0.

    Every fault is found at once, in the order of lines; the citation is None when any is more than a warning.
    """
    if file.lower().endswith(".json"):
        fields, faults = read_codemeta(text, file)
        return (Citation(**fields) if fields else None), faults
    document = read_yaml(text, file)
    judge = Judge(document, file)
    if isinstance(document.value, dict):
        citation_file(document.value, (), judge)
    elif not document.faults:
        judge.faults.append(Fault(file, "The citation is empty or not a mapping.", f"Begin with this:\n{EXAMPLE}", 1))
    known = {fault.line for fault in document.faults}
    found = (fault for fault in judge.faults if fault.line is None or fault.line not in known)
    faults = tuple(sorted((*document.faults, *found), key=lambda fault: fault.line or 0))
    broken = any(not fault.warning for fault in faults)
    return (None if broken else _citation(document)), faults


def citation_with(text: str, *, doi: str, version: str, date: str, swhid: str = "") -> str:
    """A CITATION.cff with identifier, version and day of release set and all else as its author wrote it.

    Another DOI that stood there is kept among the identifiers, which `swhid` (the archived code's) joins. A text that
    cannot be edited so is written anew from what it says. Equal arguments, equal bytes.

    Raises:
        Invalid: `text` is no valid CITATION.cff.
    """
    citation, faults = parse_citation(text)
    if citation is None:
        raise_faults(faults, "The citation cannot be completed")
        raise AssertionError("unreachable")
    wanted = replace(citation, doi=doi, version=version, date=date)
    new = edited(text, Identified(doi, version, date, citation.doi, swhid))
    return new if parse_citation(new)[0] == wanted else citation_text(wanted, swhid)


def citation_text(citation: Citation, swhid: str = "") -> str:
    """A CITATION.cff that says what `citation` says, with `swhid` as its identifier; equal arguments, equal bytes."""
    lines = ["cff-version: 1.2.0", _line("message", citation.message or "Please cite this work as below.")]
    lines += [_line("title", citation.title), _line("type", citation.type), "authors:"]
    for creator in citation.authors:
        lines += _creator_lines(creator)
    single = {
        "version": citation.version,
        "date-released": citation.date,
        "doi": citation.doi,
        "repository-code": citation.repository,
        "abstract": citation.abstract,
    }
    lines += [_line(key, value) for key, value in single.items() if value]
    for key, values in (("license", citation.licences), ("keywords", citation.keywords)):
        lines += [f"{key}:", *(f"  - {_quoted(value)}" for value in values)] if values else []
    if swhid:
        lines += ["identifiers:", f"  - {json.dumps(swh_entry(swhid))}"]
    return "\n".join(lines) + "\n"


def _creator_lines(creator: Creator) -> list[str]:
    ror = f"https://ror.org/{creator.ror}" if creator.ror else ""
    if creator.organisation:
        fields = {"name": creator.name, "website": ror or creator.url or ""}
    else:
        family, given = (creator.family, creator.given) if creator.family or creator.given else (creator.name, None)
        affiliation = "; ".join(map(_affiliation_text, creator.affiliations))
        fields = {"family-names": family or "", "given-names": given or "", "affiliation": affiliation}
        fields["website"] = creator.url or ""
    fields["orcid"] = f"https://orcid.org/{creator.orcid}" if creator.orcid else ""
    lines = ["    " + _line(key, value) for key, value in fields.items() if value]
    return ["  - " + lines[0].lstrip(), *lines[1:]]


def _affiliation_text(affiliation: Affiliation) -> str:
    return f"{affiliation.name} (https://ror.org/{affiliation.ror})" if affiliation.ror else affiliation.name


def _line(key: str, value: str) -> str:
    return f"{key}: {_quoted(value)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _citation(document: Document) -> Citation:
    """The citation of a document without faults."""
    root: Any = document.value
    licences = root.get("license", ())
    return Citation(
        title=root["title"],
        authors=tuple(_creator(author) for author in root["authors"]),
        version=document.text(("version",)) if "version" in root else None,
        date=root.get("date-released"),
        licences=(licences,) if isinstance(licences, str) else licences,
        abstract=root.get("abstract", ""),
        keywords=root.get("keywords", ()),
        doi=root.get("doi"),
        repository=root.get("repository-code") or root.get("repository") or root.get("repository-artifact"),
        message=root["message"],
        type=root.get("type", "software"),
    )


def _creator(author: dict[str, str]) -> Creator:
    orcid = author["orcid"].rpartition("/")[2] if "orcid" in author else None
    url = author.get("website")
    if "name" in author:
        _, ror = with_ror(url or "")
        return Creator(author["name"], orcid=orcid, organisation=True, ror=ror, url=None if ror else url)
    parts = (author.get("name-particle"), author.get("family-names"), author.get("name-suffix"))
    family = " ".join(part for part in parts if part) or None
    given = author.get("given-names")
    name = ", ".join(part for part in (family, given) if part) or author["alias"]
    return Creator(name, given, family, orcid, affiliations_of(author.get("affiliation", "")), url=url)


def affiliations_of(text: str) -> tuple[Affiliation, ...]:
    """The affiliations of a text that may have several, parted by semicolons, each with its ROR id at the end."""
    found = (with_ror(part.strip()) for part in re.split("[;\uff1b]", text) if part.strip())
    return tuple(dict.fromkeys(Affiliation(name or f"https://ror.org/{ror}", ror) for name, ror in found))


def with_ror(text: str) -> tuple[str, str | None]:
    """A text and the ROR id at its end (CFF 1.2.0 has no field for it): `AIP (https://ror.org/03mrbr458)`."""
    found = _ROR.fullmatch(text.strip())
    return (found[1], found[2]) if found else (text, None)
