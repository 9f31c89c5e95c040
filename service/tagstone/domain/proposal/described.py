"""What a repository's own files say of the work: codemeta.json, .zenodo.json, pyproject.toml, setup.cfg, AUTHORS."""

import configparser
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from tagstone.domain.citations.cff_rules import checksum_holds
from tagstone.domain.citations.citation import affiliations_of, parse_citation
from tagstone.domain.citations.licences import Standing, standing
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.deposits.deposit import Creator
from tagstone.domain.proposal.people import Known, creator_of, merged

_ORCID = re.compile(r"(?<![0-9])([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X])(?![0-9X])")
_EMAIL = re.compile(r"[^\s<>()\[\],;:\"]{1,100}@[^\s<>()\[\],;:\"]{1,200}")
_LISTS = ("AUTHORS", "AUTHORS.md", "AUTHORS.txt", "AUTHORS.rst", "CONTRIBUTORS", "CONTRIBUTORS.md", "CONTRIBUTORS.txt")
_LINES = 500


@dataclass(frozen=True)
class Described:
    """What is said; each empty where nobody says it. `licence` is an SPDX id."""

    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    licence: str = ""
    people: tuple[Known, ...] = ()


def described(tree: Tree) -> Described:
    """What all these files say together: of each thing the first that says it."""
    found = [read(tree) for read in (_codemeta, _zenodo, _pyproject, _setup)]
    found.append(Described(people=tuple(_listed(tree))))
    return Described(
        next((one.title for one in found if one.title), ""),
        next((one.description for one in found if one.description), ""),
        next((one.keywords for one in found if one.keywords), ()),
        next((one.licence for one in found if one.licence), ""),
        merged(known for one in found for known in one.people),
    )


def _json(tree: Tree, path: str) -> dict[str, object]:
    try:
        value = json.loads(tree.text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _codemeta(tree: Tree) -> Described:
    text = tree.text("codemeta.json")
    citation = parse_citation(text, "codemeta.json")[0] if text else None
    if citation is None:
        return Described()
    root = _json(tree, "codemeta.json")
    written = root.get("author")
    addresses = {
        str(one.get("familyName") or one.get("name")): str(one.get("email") or "")
        for one in (written if isinstance(written, list) else [written])
        if isinstance(one, dict)
    }
    people = tuple(Known(creator, addresses.get(creator.family or creator.name, "")) for creator in citation.authors)
    licence = next((name for name in citation.licences if standing(name) is not Standing.UNKNOWN), "")
    return Described(citation.title, citation.abstract, citation.keywords, licence, people)


def _zenodo(tree: Tree) -> Described:
    root = _json(tree, ".zenodo.json")
    creators = root.get("creators")
    people = []
    for one in creators if isinstance(creators, list) else ():
        name = one.get("name") if isinstance(one, dict) else None
        if isinstance(name, str) and name.strip():
            parts = creator_of(name)
            where = affiliations_of(_text(one.get("affiliation")))
            people.append(Known(Creator(parts.name, parts.given, parts.family, _orcid(str(one.get("orcid"))), where)))
    keywords = root.get("keywords")
    words = tuple(word for word in keywords if isinstance(word, str)) if isinstance(keywords, list) else ()
    return Described(_text(root.get("title")), "", words, _licence(root.get("license")), tuple(people))


def _pyproject(tree: Tree) -> Described:
    try:
        project = tomllib.loads(tree.text("pyproject.toml") or "").get("project")
    except (ValueError, RecursionError):
        return Described()
    if not isinstance(project, dict):
        return Described()
    people = []
    authors = project.get("authors")
    for one in authors if isinstance(authors, list) else ():
        name = one.get("name") if isinstance(one, dict) else None
        if isinstance(name, str) and name.strip():
            people.append(Known(creator_of(name), _text(one.get("email"))))
    keywords = project.get("keywords")
    words = tuple(word for word in keywords if isinstance(word, str)) if isinstance(keywords, list) else ()
    licence = project.get("license")
    said = licence.get("text") if isinstance(licence, dict) else licence
    return Described("", _text(project.get("description")), words, _licence(said), tuple(people))


def _setup(tree: Tree) -> Described:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(tree.text("setup.cfg") or "")
    except configparser.Error:
        return Described()
    if not parser.has_section("metadata"):
        return Described()
    about = parser["metadata"]
    names = [name.strip() for name in re.split(r",| and ", about.get("author", ""))]
    people = tuple(Known(creator_of(name), about.get("author_email", "").strip()) for name in names[:1] if name)
    people += tuple(Known(creator_of(name)) for name in names[1:] if name)
    words = tuple(word.strip() for word in re.split(r"[,\n]", about.get("keywords", "")) if word.strip())
    return Described("", about.get("description", "").strip(), words, _licence(about.get("license")), people)


def _listed(tree: Tree) -> Iterator[Known]:
    """People in a list for people, where a line has an ORCID or an address beside the name."""
    path = next((name for name in _LISTS if tree.file(name)), None)
    for line in (tree.text(path) or "").split("\n")[:_LINES] if path else ():
        orcid, email = _orcid(line), _EMAIL.search(line[:500])
        name = re.split(r"[<(\[,;:|]|https?:|[0-9]{4}-|\S+@", line[:500].strip().lstrip("*-+# "), maxsplit=1)[0].strip(" -–")
        if (orcid or email) and 1 < len(name.split()) <= 6:
            parts = creator_of(name)
            yield Known(Creator(parts.name, parts.given, parts.family, orcid), email[0] if email else "")


def _orcid(text: str) -> str | None:
    found = _ORCID.search(text[:500])
    return found[1] if found and checksum_holds(found[1]) else None


def _licence(value: object) -> str:
    return value if isinstance(value, str) and standing(value) is not Standing.UNKNOWN else ""


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
