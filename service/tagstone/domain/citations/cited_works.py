"""The works that a CITATION.cff names beside its own, in DataCite's relations.

What identifies the work itself (its DOIs, SWHIDs, addresses) is left: its depository knows the versions of a series, and an
old version's identifier is not this one's. Each relation's reason is in docs/adr/0021.
"""

import re
from collections.abc import Iterator
from typing import Any

from tagstone.domain.deposits.deposit import Related
from tagstone.domain.reading.yaml_text import read_yaml

_ARXIV = re.compile(
    r"(?:https?://arxiv\.org/abs/|arxiv:\s*)([0-9]{4}\.[0-9]{4,5}(?:v[0-9]+)?|[a-z-]+(?:\.[A-Z]{2})?/[0-9]{7})", re.IGNORECASE
)
_KINDS = {
    "article": "article",
    "book": "book",
    "conference-paper": "conference-paper",
    "data": "dataset",
    "database": "dataset",
    "proceedings": "book",
    "report": "report",
    "software": "software",
    "software-code": "software",
    "software-container": "software",
    "software-executable": "software",
    "thesis": "thesis",
}
_MOST = 500  # references; whoever has more is no work that people cite


def cited_works(text: str) -> tuple[Related, ...]:
    """The works of a CITATION.cff without faults, each once: the paper to cite instead, preprints, and references with a DOI."""
    root: Any = read_yaml(text, "CITATION.cff").value
    if not isinstance(root, dict):
        return ()
    found: dict[tuple[str, str], Related] = {}
    for work in _works(root):
        found.setdefault((work.scheme, work.identifier.lower()), work)
    return tuple(found.values())


def _works(root: dict[str, Any]) -> Iterator[Related]:
    preferred = root.get("preferred-citation", {})
    yield from _with_identifier(preferred, "issupplementto")
    for value in _values(root, "other", "url"):
        preprint = _ARXIV.fullmatch(value)
        if preprint:
            yield Related(preprint[1], "issupplementto", "arxiv", "preprint")
    for reference in root.get("references", ())[:_MOST]:
        yield from _with_identifier(reference, "references")


def _with_identifier(work: dict[str, Any], relation: str) -> Iterator[Related]:
    kind = _KINDS.get(work.get("type", ""), "")
    doi = work.get("doi") or next(iter(_values(work, "doi")), None)
    if doi:
        yield Related(doi, relation, "doi", kind)
        return
    preprints = (_ARXIV.fullmatch(value) for value in (*_values(work, "other", "url"), work.get("url", "")))
    yield from (Related(found[1], relation, "arxiv", "preprint") for found in list(preprints)[:1] if found)


def _values(work: dict[str, Any], *types: str) -> list[str]:
    return [one["value"] for one in work.get("identifiers", ()) if one["type"] in types]
