"""Small changes to a CITATION.cff's text that leave everything else as its author wrote it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import yaml


@dataclass(frozen=True)
class Identified:
    """What a publication adds; `former` is the DOI that the author had written, `swhid` empty where there is none."""

    doi: str
    version: str
    date: str
    former: str | None
    swhid: str = ""


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    text: str


def edited(text: str, new: Identified) -> str:
    """The text with `doi`, `version` and `date-released` set; a former DOI and the SWHID go to the front of `identifiers`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    if not isinstance(root, yaml.MappingNode):
        return text
    values = {key.value: value for key, value in root.value}
    changes, missing = [], []
    for key, value in (("doi", new.doi), ("version", new.version), ("date-released", new.date)):
        if key in values:
            changes.append(_replaced(text, values[key], json.dumps(value)))
        else:
            missing.append(f"{key}: {json.dumps(value)}")
    entries = [json.dumps(entry) for entry in _identifiers(new, text)]
    if entries and "identifiers" in values:
        changes.append(_before_first(values["identifiers"], entries))
    elif entries:
        missing.append(f"identifiers: [{', '.join(entries)}]")
    if missing:
        changes.append(_added(text, root, missing))
    for change in sorted(changes, key=lambda change: change.start, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def swh_entry(swhid: str) -> dict[str, str]:
    """What CFF's `identifiers` say of the archived code."""
    return {"type": "swh", "value": swhid, "description": "The archived code (Software Hash Identifier)."}


def _identifiers(new: Identified, text: str) -> Iterator[dict[str, str]]:
    if new.former and new.former != new.doi:
        yield {"type": "doi", "value": new.former, "description": "The identifier that the authors gave."}
    if new.swhid and new.swhid not in text:
        yield swh_entry(new.swhid)


def _replaced(text: str, node: yaml.Node, value: str) -> _Change:
    """In the place of a scalar; a block scalar's mark is behind its last newline, which has to stay."""
    start, end = node.start_mark.index, node.end_mark.index
    tail = "\n" if text[start:end].endswith("\n") else ""
    return _Change(start, end, value + tail)


def _before_first(node: yaml.Node, entries: list[str]) -> _Change:
    start = node.start_mark.index
    if isinstance(node, yaml.CollectionNode) and node.flow_style:
        return _Change(start + 1, start + 1, "".join(f"{entry}, " for entry in entries))
    indent = " " * node.start_mark.column
    return _Change(start, start, "".join(f"- {entry}\n{indent}" for entry in entries))


def _added(text: str, root: yaml.MappingNode, lines: list[str]) -> _Change:
    """At the end of the mapping, behind comments that follow its last value."""
    if root.flow_style:
        at = root.start_mark.index + 1
        return _Change(at, at, ", ".join(lines) + ", ")
    at = root.end_mark.index
    indent = " " * root.start_mark.column
    before = "" if text[:at].endswith("\n") else "\n"
    return _Change(at, at, before + "".join(f"{indent}{line}\n" for line in lines))
