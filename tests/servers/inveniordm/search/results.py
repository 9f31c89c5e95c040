"""Answers of searches: sorted, cut into pages, with the fields that are wanted."""

import fnmatch
import uuid
from dataclasses import dataclass, field
from typing import Any

from servers.inveniordm.search.aggregations import aggregate
from servers.inveniordm.search.fields import order, values
from servers.inveniordm.search.index import Document, Node, Refused
from servers.inveniordm.search.query import matches

_SHARDS = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}


@dataclass
class Scrolls:
    """What is left of long answers, by the name they are asked for by."""

    left: dict[str, tuple[list[dict[str, Any]], int, int]] = field(default_factory=dict)

    def begin(self, rows: list[dict[str, Any]], size: int, total: int) -> str:
        """Keep rows that come later; return their name."""
        name = uuid.uuid4().hex
        self.left[name] = (rows, size, total)
        return name

    def more(self, name: str) -> dict[str, Any]:
        """The next rows. Raises: Refused when nothing is known by the name."""
        if name not in self.left:
            raise Refused(404, "search_context_missing_exception", "No search context found")
        rows, size, total = self.left[name]
        self.left[name] = (rows[size:], size, total)
        return _page(rows[:size], total) | {"_scroll_id": name}


def search(node: Node, scrolls: Scrolls, names: str, body: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """What is found in the indices named. Raises: Refused."""
    found = [document for document in node.documents(names) if matches(body.get("query"), document)]
    counted = aggregate(body.get("aggs"), found)
    filtered = [document for document in found if matches(body.get("post_filter"), document)]
    rows = [hit(document, body.get("_source", True)) for document in _sorted(filtered, _keys(body.get("sort")))]
    start, size = int(body.get("from", 0)), int(body.get("size", parameters.get("size", 10)))
    answer = _page(rows[start : start + size], len(rows))
    if counted:
        answer["aggregations"] = counted
    if "scroll" in parameters:
        answer["_scroll_id"] = scrolls.begin(rows[start + size :], size, len(rows))
    return answer


def hit(document: Document, wanted: Any = True) -> dict[str, Any]:
    """A document as answers show it, with the fields that are wanted: True for all, patterns for some, False for none."""
    row = {"_index": document.index, "_id": document.id, "_score": 1.0, "_version": document.version}
    row |= {"_seq_no": document.number, "_primary_term": 1}
    if wanted is False:
        return row
    patterns = wanted.get("includes") if isinstance(wanted, dict) else wanted
    if isinstance(patterns, list) and patterns:
        kept = {key: value for key, value in document.source.items() if any(_covers(pattern, key) for pattern in patterns)}
        return row | {"_source": kept}
    return row | {"_source": document.source}


def _covers(pattern: str, key: str) -> bool:
    return fnmatch.fnmatchcase(key, pattern) or pattern.startswith(f"{key}.")


def _page(rows: list[dict[str, Any]], total: int) -> dict[str, Any]:
    hits = {"total": {"value": total, "relation": "eq"}, "max_score": 1.0, "hits": rows}
    return {"took": 1, "timed_out": False, "_shards": _SHARDS, "hits": hits}


def _keys(wanted: Any) -> list[tuple[str, bool]]:
    """Fields to sort by, and whether backwards."""
    keys = []
    for key in wanted if isinstance(wanted, list) else [wanted] if wanted else []:
        ((field_name, how),) = key.items() if isinstance(key, dict) else ((key, "asc"),)
        direction = how.get("order", "asc") if isinstance(how, dict) else how
        keys.append((field_name, direction == "desc"))
    return keys


def _sorted(found: list[Document], keys: list[tuple[str, bool]]) -> list[Document]:
    ordered = sorted(found, key=lambda document: document.number)
    for name, backwards in reversed(keys):
        if name in {"_score", "_doc"}:
            continue
        values_of = {document.number: values(document.source, name) for document in ordered}
        having = [document for document in ordered if values_of[document.number]]
        lacking = [document for document in ordered if not values_of[document.number]]
        having.sort(key=lambda document: order(values_of[document.number][0]), reverse=backwards)
        ordered = having + lacking
    return ordered
