"""Which documents a query finds. A clause that is not known here is refused, never guessed."""

import fnmatch
from collections.abc import Callable
from typing import Any

from servers.inveniordm.search.fields import holds_phrase, holds_words, leaves, order, same, values
from servers.inveniordm.search.index import Document, Refused
from servers.inveniordm.search.typed import finds

Clause = Callable[[Any, Document], bool]


def matches(query: Any, document: Document) -> bool:
    """Say whether a query finds a document. Raises: Refused for a clause that is not known here."""
    if not query:
        return True
    ((kind, body),) = query.items()
    clause = _CLAUSES.get(kind)
    if clause is None:
        raise Refused(501, "stand_in", f"the query clause {kind} is not known here")
    return clause(body, document)


def _bool(body: Any, document: Document) -> bool:
    must = _list(body.get("must")) + _list(body.get("filter"))
    if not all(matches(one, document) for one in must):
        return False
    if any(matches(one, document) for one in _list(body.get("must_not"))):
        return False
    should = _list(body.get("should"))
    # It comes as a number, or as `0<1`: of more than none, one.
    least = int(str(body.get("minimum_should_match", 0 if must else 1)).rpartition("<")[2])
    return not should or sum(matches(one, document) for one in should) >= least


def _term(body: Any, document: Document) -> bool:
    field, wanted = _one(body)
    value = wanted["value"] if isinstance(wanted, dict) else wanted
    return any(same(found, value) for found in _found(document, field))


def _terms(body: Any, document: Document) -> bool:
    field, wanted = _one(body)
    return any(same(found, value) for found in _found(document, field) for value in wanted)


def _match(body: Any, document: Document) -> bool:
    field, wanted = _one(body)
    text, every = (wanted["query"], wanted.get("operator", "or") == "and") if isinstance(wanted, dict) else (str(wanted), False)
    return holds_words(text, _found(document, field), every=every)


def _phrase(body: Any, document: Document) -> bool:
    field, wanted = _one(body)
    return holds_phrase(wanted["query"] if isinstance(wanted, dict) else wanted, _found(document, field))


def _multi_match(body: Any, document: Document) -> bool:
    return holds_words(body["query"], list(leaves(document.source)), every=body.get("operator", "or") == "and")


def _prefix(body: Any, document: Document) -> bool:
    field, wanted = _one(body)
    value = wanted["value"] if isinstance(wanted, dict) else wanted
    return any(str(found).startswith(value) for found in _found(document, field))


def _wildcard(body: Any, document: Document) -> bool:
    field, wanted = _one(body)
    value = wanted["value"] if isinstance(wanted, dict) else wanted
    return any(fnmatch.fnmatchcase(str(found), value) for found in _found(document, field))


def _range(body: Any, document: Document) -> bool:
    field, limits = _one(body)
    return any(_within(found, limits) for found in _found(document, field))


def _within(found: Any, limits: dict[str, Any]) -> bool:
    value = order(found)
    tests: dict[str, Callable[[Any], bool]] = {
        "gt": lambda limit: value > order(limit),
        "gte": lambda limit: value >= order(limit),
        "lt": lambda limit: value < order(limit),
        "lte": lambda limit: value <= order(limit),
    }
    return all(tests[name](limit) for name, limit in limits.items() if name in tests)


def _found(document: Document, field: str) -> list[Any]:
    return [document.id] if field == "_id" else values(document.source, field)


def _one(body: dict[str, Any]) -> tuple[str, Any]:
    """The one field of a clause, and what is wanted of it."""
    ((field, wanted),) = ((key, value) for key, value in body.items() if key not in {"boost", "_name"})
    return field, wanted


def _list(clauses: Any) -> list[Any]:
    return clauses if isinstance(clauses, list) else [clauses] if clauses else []


_CLAUSES: dict[str, Clause] = {
    "bool": _bool,
    "exists": lambda body, document: bool(values(document.source, body["field"])),
    "ids": lambda body, document: document.id in body["values"],
    "match": _match,
    "match_all": lambda _body, _document: True,
    "match_none": lambda _body, _document: False,
    "match_phrase": _phrase,
    "multi_match": _multi_match,
    "nested": lambda body, document: matches(body["query"], document),
    "prefix": _prefix,
    "query_string": lambda body, document: finds(body["query"], document),
    "range": _range,
    "term": _term,
    "terms": _terms,
    "wildcard": _wildcard,
}
