"""A stand-in of DataCite's service: it takes registrations, keeps them, and writes down what it was told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servers.inveniordm.json_server import Answer, Question, serving

_STATES = {"publish": "findable", "register": "registered", "hide": "registered"}
_ABSENT: Answer = (404, {"errors": [{"status": "404", "title": "The resource you are looking for doesn't exist."}]})


@contextmanager
def serving_datacite(journal: Path) -> Iterator[int]:
    """Serve below `/dois` while the context is open, a line of JSON in `journal` for each call that changes something."""
    dois: dict[str, dict[str, Any]] = {}

    def respond(question: Question) -> Answer:
        if question.parts[:1] != ("dois",):
            return _ABSENT
        attributes = question.body["data"]["attributes"] if question.body else {}
        doi = ("/".join(question.parts[1:]) or attributes.get("doi", "")).lower()
        if question.method != "GET":
            _note(journal, question.method, doi, attributes)
        return _change(dois, question.method, doi, attributes)

    with serving(respond, "application/vnd.api+json") as port:
        yield port


def _change(dois: dict[str, dict[str, Any]], method: str, doi: str, attributes: dict[str, Any]) -> Answer:
    if method in {"POST", "PUT"}:
        status = 200 if doi in dois else 201
        entry = dois.setdefault(doi, {"doi": doi, "state": "draft"})
        entry.update(attributes, state=_STATES.get(attributes.get("event", ""), entry["state"]))
        return status, _resource(entry)
    if doi not in dois:
        return _ABSENT
    if method == "DELETE":
        del dois[doi]
        return 204, None
    return 200, _resource(dois[doi])


def _resource(entry: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"id": entry["doi"], "type": "dois", "attributes": entry}}


def _note(journal: Path, method: str, doi: str, attributes: dict[str, Any]) -> None:
    told = {"method": method, "doi": doi, "event": attributes.get("event", ""), "url": attributes.get("url", "")}
    with journal.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(told) + "\n")
