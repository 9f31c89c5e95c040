"""Counts over what was found, as lists of records show them beside it."""

import json
from collections import Counter
from typing import Any

from servers.inveniordm.search.fields import values
from servers.inveniordm.search.index import Document, Refused


def aggregate(wanted: dict[str, Any] | None, found: list[Document]) -> dict[str, Any]:
    """The counts that are wanted. Raises: Refused for a kind that is not known here."""
    return {name: _one(body, found) for name, body in (wanted or {}).items()}


def _one(body: dict[str, Any], found: list[Document]) -> dict[str, Any]:
    kind = next(key for key in body if key not in {"aggs", "meta"})
    if kind == "terms":
        buckets = _terms(body[kind], body.get("aggs"), found)
    elif kind in {"date_histogram", "auto_date_histogram"}:
        buckets = []  # nobody in these tests looks at years
    else:
        raise Refused(501, "stand_in", f"the aggregation {kind} is not known here")
    meta = {"meta": body["meta"]} if "meta" in body else {}
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": buckets, **meta}


def _terms(body: dict[str, Any], inner: dict[str, Any] | None, found: list[Document]) -> list[dict[str, Any]]:
    held = [(document, {json.dumps(value) for value in values(document.source, body["field"])}) for document in found]
    counted = Counter(value for _, some in held for value in some)
    buckets = []
    for value, count in counted.most_common(int(body.get("size", 10))):
        key = json.loads(value)
        within = [document for document, some in held if value in some]
        buckets.append({"key": int(key), "key_as_string": value} if isinstance(key, bool) else {"key": key})
        buckets[-1].update(aggregate(inner, within), doc_count=count)
    return buckets
