"""CodeMeta (https://codemeta.github.io/terms, versions 2 and 3): what a codemeta.json says, for works without a CITATION.cff."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tagstone.domain.citations.cff_rules import checksum_holds
from tagstone.domain.citations.licences import Standing, meant, standing
from tagstone.domain.deposits.deposit import Affiliation, Creator
from tagstone.domain.reading.faults import Fault
from tagstone.domain.reading.yaml_text import MAX_BYTES

_ORCID = re.compile(r"(?:https?://orcid\.org/)?([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X])/?")
_LICENCE = re.compile(r"https?://spdx\.org/licenses/([A-Za-z0-9.+-]+?)(?:\.html|\.json)?/?")
_ROR = re.compile(r"https?://ror\.org/(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})/?")
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?(10\.[0-9]{4,9}/\S+)")


def read_codemeta(text: str, file: str) -> tuple[dict[str, Any] | None, tuple[Fault, ...]]:
    """The fields of a citation, None when anything is wrong that is more than a warning."""
    root, faults = _json(text, file)
    if faults:
        return None, faults
    notes = _Notes(file)
    title = notes.text(root, "name") or ""
    if not title:
        notes.fault("`name` is missing.", "Add the work's title as `name`.")
    fields = {
        "title": title,
        "authors": _authors(root, notes),
        "version": notes.text(root, "version") or notes.text(root, "softwareVersion"),
        "date": _date(root, notes),
        "licences": _licences(root, notes),
        "abstract": notes.text(root, "description") or "",
        "keywords": _keywords(root, notes),
        "doi": _doi(root),
        "repository": notes.text(root, "codeRepository"),
        "type": "dataset" if "Dataset" in _many(root.get("@type")) else "software",
    }
    broken = any(not fault.warning for fault in notes.faults)
    return (None if broken else fields), tuple(notes.faults)


class _Notes:
    """Collects faults; JSON keeps no lines, so the key says where."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def fault(self, message: str, remedy: str, *, warning: bool = False) -> None:
        self.faults.append(Fault(self.file, message, remedy, None, warning))

    def text(self, holder: dict[str, Any], key: str) -> str | None:
        """A text (or number as text); None when it is not there, with a fault when it is something else."""
        value = holder.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            self.fault(f"`{key}` is not a text.", "Write one text.")
            return None
        return value.strip() or None if value else None


def _json(text: str, file: str) -> tuple[dict[str, Any], tuple[Fault, ...]]:
    if len(text) > MAX_BYTES:
        return {}, (Fault(file, "The file is larger than 1 MiB.", "Keep data out of it; it only describes."),)
    try:
        root = json.loads(text, parse_int=str)
        json.dumps(root, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return {}, (
            Fault(file, f"This is not JSON: {error.msg}.", "Look at the commas, quotes and brackets here.", error.lineno),
        )
    except (RecursionError, UnicodeEncodeError):
        return {}, (Fault(file, "The file is nested too deeply or has broken characters.", "Make it simpler."),)
    if not isinstance(root, dict):
        return {}, (Fault(file, "The file is no JSON object.", "Begin it with `{`.", 1),)
    return root, ()


def _many(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _authors(root: dict[str, Any], notes: _Notes) -> tuple[Creator, ...]:
    listed = root.get("author")
    holder = listed.get("@list") if isinstance(listed, dict) and "@list" in listed else listed
    authors = [_author(item, notes) for item in _many(holder)]
    if not authors:
        notes.fault("`author` is missing.", "Add at least one person or organisation as `author`.")
    return tuple(author for author in authors if author)


def _author(item: object, notes: _Notes) -> Creator | None:
    if not isinstance(item, dict):
        notes.fault("An author is no object.", 'Write {"@type": "Person", "givenName": …, "familyName": …}.')
        return None
    given, family, name = (notes.text(item, key) for key in ("givenName", "familyName", "name"))
    shown = name if name and not family else ", ".join(part for part in (family, given) if part)
    if not shown:
        notes.fault("An author has no name.", "Add `givenName` and `familyName`, or `name`.")
        return None
    organisation = bool({"Organization", "Organisation"} & {kind for kind in _many(item.get("@type")) if isinstance(kind, str)})
    where = () if organisation else tuple(_affiliations(item.get("affiliation"), notes))
    return Creator(
        shown, given, family, _orcid(item, notes), where, organisation, _ror(item) if organisation else None, _page(item)
    )


def _affiliations(value: object, notes: _Notes) -> Iterator[Affiliation]:
    for one in _many(value):
        holder = one if isinstance(one, dict) else {"name": one}
        ror, name = _ror(holder), notes.text(holder, "name")
        if name or ror:
            yield Affiliation(re.sub("[;\uff1b]", ",", name or f"https://ror.org/{ror}"), ror)


def _page(item: dict[str, Any]) -> str | None:
    value = item.get("url")
    return value if isinstance(value, str) and re.fullmatch(r"https?://[!-~]+", value) else None


def _ror(item: object) -> str | None:
    value = item.get("@id") or item.get("id") if isinstance(item, dict) else None
    found = _ROR.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def _orcid(item: dict[str, Any], notes: _Notes) -> str | None:
    value = item.get("@id") or item.get("id")
    found = _ORCID.fullmatch(value) if isinstance(value, str) else None
    if found and not checksum_holds(found[1]):
        notes.fault(f"The ORCID {found[1]} has a wrong check digit.", "Look it up; a digit is mistyped.")
    return found[1] if found else None


def _date(root: dict[str, Any], notes: _Notes) -> str | None:
    value = notes.text(root, "datePublished")
    if value and not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", value):
        notes.fault(f"`datePublished` is not a date: {value[:40]!r}.", "Write year, month and day, such as 2026-01-31.")
    return value


def _licences(root: dict[str, Any], notes: _Notes) -> tuple[str, ...]:
    licences = []
    for value in _many(root.get("license")):
        written = value.get("@id") or value.get("url") or value.get("name") if isinstance(value, dict) else value
        if not isinstance(written, str):
            notes.fault("`license` is not a text.", "Write it as https://spdx.org/licenses/MIT.")
            continue
        found = _LICENCE.fullmatch(written)
        name = found[1] if found else written
        if standing(name) is Standing.UNKNOWN:
            near = meant(name)
            remedy = f"Did you mean https://spdx.org/licenses/{near}?" if near else "Write it as https://spdx.org/licenses/MIT."
            notes.fault(f"`license` is no SPDX licence: {written[:60]!r}.", remedy)
        licences.append(name)
    return tuple(dict.fromkeys(licences))


def _keywords(root: dict[str, Any], notes: _Notes) -> tuple[str, ...]:
    words = []
    for value in _many(root.get("keywords")):
        if isinstance(value, str):
            words += [word.strip() for word in value.split(",")]
        else:
            notes.fault("A keyword is not a text.", "Write a list of texts.")
    return tuple(dict.fromkeys(word for word in words if word))


def _doi(root: dict[str, Any]) -> str | None:
    found = (_DOI.fullmatch(value) for value in _many(root.get("identifier")) if isinstance(value, str))
    return next((match[1] for match in found if match), None)
