"""Indices of the search stand-in: documents by name and identifier, and the other names that indices have."""

import fnmatch
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Source = dict[str, Any]


class Refused(Exception):
    """What the stand-in does not do, or what a real server would refuse too, as a status and OpenSearch's word for it."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.status, self.kind, self.reason = status, kind, reason


@dataclass(frozen=True)
class Document:
    """A document as it is found; `number` grows with every write."""

    index: str
    id: str
    source: Source
    version: int
    number: int


@dataclass
class Index:
    """One index."""

    mappings: Source = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)


@dataclass
class Node:
    """All that a server of one node would hold."""

    indices: dict[str, Index] = field(default_factory=dict)
    aliases: dict[str, set[str]] = field(default_factory=dict)
    writes: int = 0

    def names(self, expression: str) -> list[str]:
        """The indices that names, aliases and patterns between commas stand for. Raises: Refused for unknown names."""
        found: list[str] = []
        for part in expression.split(","):
            if "*" in part:
                found += (name for name in self.indices if fnmatch.fnmatchcase(name, part))
                found += (
                    name for alias, names in self.aliases.items() if fnmatch.fnmatchcase(alias, part) for name in sorted(names)
                )
            elif part in self.indices:
                found.append(part)
            elif part in self.aliases:
                found += sorted(self.aliases[part])
            else:
                raise Refused(404, "index_not_found_exception", f"no such index [{part}]")
        return list(dict.fromkeys(found))

    def documents(self, expression: str) -> Iterator[Document]:
        """Every document of the indices named."""
        for name in self.names(expression):
            yield from self.indices[name].documents.values()

    def target(self, name: str) -> str:
        """The one index that writes to a name go to, made when there is none. Raises: Refused when there are several."""
        if name in self.indices:
            return name
        known = self.aliases.get(name, set())
        if len(known) > 1:
            raise Refused(400, "illegal_argument_exception", f"no write index is defined for alias [{name}]")
        if known:
            return next(iter(known))
        self.indices[name] = Index()
        return name

    def put(self, name: str, document_id: str | None, source: Source, version: int | None) -> tuple[Document, bool]:
        """Store a document, and say whether it is new. Raises: Refused when `version` is not newer than what is stored."""
        index = self.target(name)
        documents = self.indices[index].documents
        chosen = document_id or uuid.uuid4().hex
        old = documents.get(chosen)
        if old is not None and version is not None and version < old.version:
            raise Refused(
                409, "version_conflict_engine_exception", f"[{chosen}]: version {old.version} is newer than {version}"
            )
        self.writes += 1
        number = version if version is not None else (old.version + 1 if old else 1)
        documents[chosen] = Document(index, chosen, source, number, self.writes)
        return documents[chosen], old is None

    def remove(self, name: str, document_id: str) -> Document | None:
        """Remove a document; None when there was none."""
        gone = (self.indices[index].documents.pop(document_id, None) for index in self.names(name))
        return next((document for document in gone if document is not None), None)
