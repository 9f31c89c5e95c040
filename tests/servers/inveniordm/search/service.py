"""The part of OpenSearch's interface that InvenioRDM calls, in memory.

Nothing of it decides what a record is: it stores the documents that it is handed and answers simple queries over them. What it
does not know it refuses, and writes down.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servers.inveniordm.json_server import Answer, Question, serving
from servers.inveniordm.search.index import Document, Index, Node, Refused
from servers.inveniordm.search.results import Scrolls, hit, search

_DONE: Answer = (200, {"acknowledged": True})
_SHARDS = {"total": 1, "successful": 1, "failed": 0}
_ABOUT = {
    "name": "stand-in",
    "cluster_name": "stand-in",
    "cluster_uuid": "stand-in",
    "version": {"distribution": "opensearch", "number": "2.19.0", "build_type": "stand-in", "lucene_version": "9.12.1"},
    "tagline": "a stand-in, not OpenSearch",
}


@contextmanager
def serving_search(node: Node, journal: Path) -> Iterator[int]:
    """Serve what a node holds while the context is open, a line in `journal` for each refusal; yields the port."""
    service = _Service(node)

    def respond(question: Question) -> Answer:
        try:
            return service.respond(question)
        except Refused as refusal:
            if refusal.status != 404:
                with journal.open("a", encoding="utf-8") as stream:
                    stream.write(f"{question.method} /{'/'.join(question.parts)} {refusal} {str(question.body)[:500]}\n")
            error = {"type": refusal.kind, "reason": refusal.reason}
            return refusal.status, {"error": {"root_cause": [error], **error}, "status": refusal.status}

    with serving(respond) as port:
        yield port


class _Service:
    """Routes: by the first part of a path for what concerns the server, else by the part after an index's name."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._scrolls = Scrolls()

    def respond(self, question: Question) -> Answer:
        """The answer. Raises: Refused."""
        parts = question.parts
        if not parts:
            return 200, _ABOUT
        if parts[0] in {"_template", "_index_template", "_component_template"}:
            return _DONE if question.method == "PUT" else (404, None)
        if parts[:2] == ("_search", "scroll"):
            return self._scroll(question)
        if len(parts) == 1:
            return self._index(question, parts[0])
        routes: dict[str, Callable[[Question, str], Answer]] = {
            "_doc": self._document,
            "_search": self._search,
            "_refresh": lambda _question, _name: (200, {"_shards": _SHARDS}),
            "_alias": self._alias,
            "_mapping": self._mapping,
        }
        if parts[1] not in routes:
            raise Refused(501, "stand_in", f"{question.method} /{'/'.join(parts)} is not known here")
        return routes[parts[1]](question, parts[0])

    def _index(self, question: Question, name: str) -> Answer:
        if question.method == "HEAD":
            return (200 if name in self._node.indices or name in self._node.aliases else 404), None
        if question.method != "PUT":
            raise Refused(501, "stand_in", f"{question.method} /{name} is not known here")
        if name in self._node.indices:
            raise Refused(400, "resource_already_exists_exception", f"index [{name}] already exists")
        body = question.body or {}
        self._node.indices[name] = Index(mappings=body.get("mappings", {}))
        for alias in body.get("aliases", {}):
            self._node.aliases.setdefault(alias, set()).add(name)
        return 200, {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def _alias(self, question: Question, name: str) -> Answer:
        if question.method != "PUT":
            raise Refused(501, "stand_in", f"{question.method} of an alias is not known here")
        self._node.aliases.setdefault(question.parts[2], set()).update(self._node.names(name))
        return _DONE

    def _mapping(self, _question: Question, name: str) -> Answer:
        return 200, {index: {"mappings": {}} for index in self._node.names(name)}

    def _search(self, question: Question, names: str) -> Answer:
        return 200, search(self._node, self._scrolls, names, question.body or {}, question.query)

    def _scroll(self, question: Question) -> Answer:
        name = (question.body or {}).get("scroll_id") or "".join(question.parts[2:])
        name = name[0] if isinstance(name, list) else name
        if question.method == "DELETE":
            self._scrolls.left.pop(name, None)
            return 200, {"succeeded": True, "num_freed": 1}
        return 200, self._scrolls.more(name)

    def _document(self, question: Question, name: str) -> Answer:
        document_id = question.parts[2] if len(question.parts) > 2 else None
        if question.method in {"PUT", "POST"}:
            version = question.query.get("version") if "version_type" in question.query else None
            document, new = self._node.put(name, document_id, question.body, int(version) if version else None)
            return (201 if new else 200), _written(document, "created" if new else "updated")
        wanted = document_id or ""
        if question.method == "DELETE":
            gone = self._node.remove(name, wanted)
            return (200, _written(gone, "deleted")) if gone else (404, {"_id": wanted, "result": "not_found"})
        found = next((document for document in self._node.documents(name) if document.id == wanted), None)
        return (200, {**hit(found), "found": True}) if found else (404, {"_index": name, "_id": wanted, "found": False})


def _written(document: Document, result: str) -> dict[str, Any]:
    row = {"_index": document.index, "_id": document.id, "_version": document.version, "result": result}
    return row | {"_shards": _SHARDS, "_seq_no": document.number, "_primary_term": 1}
