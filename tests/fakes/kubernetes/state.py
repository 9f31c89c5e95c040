"""What the fake cluster remembers: objects with revisions, and the history that watches are told.

Marks in this package: [doc] is kubernetes.io's documentation or the API conventions (`sig-architecture/api-conventions.md`), [src] the
source of Kubernetes (1.20 and 1.31 where they differ), [own] a choice of the fake's.
"""

import copy
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A kind of object, and where the API has it."""

    plural: str
    kind: str
    group: str = ""
    namespaced: bool = True

    @property
    def version(self) -> str:
        """Its `apiVersion`."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def qualified(self) -> str:
        """What refusals call it [src: schema.GroupResource]."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


RESOURCES = {
    resource.plural: resource
    for resource in (
        Resource("namespaces", "Namespace", namespaced=False),
        Resource("nodes", "Node", namespaced=False),
        Resource("pods", "Pod"),
        Resource("secrets", "Secret"),
        Resource("configmaps", "ConfigMap"),
        Resource("events", "Event"),
        Resource("resourcequotas", "ResourceQuota"),
        Resource("limitranges", "LimitRange"),
        Resource("persistentvolumeclaims", "PersistentVolumeClaim"),
        Resource("serviceaccounts", "ServiceAccount"),
        Resource("jobs", "Job", "batch"),
        Resource("networkpolicies", "NetworkPolicy", "networking.k8s.io"),
        Resource("priorityclasses", "PriorityClass", "scheduling.k8s.io", namespaced=False),
        Resource("runtimeclasses", "RuntimeClass", "node.k8s.io", namespaced=False),
        Resource("roles", "Role", "rbac.authorization.k8s.io"),
        Resource("rolebindings", "RoleBinding", "rbac.authorization.k8s.io"),
    )
}


@dataclass(frozen=True)
class Change:
    """One thing that happened to an object, which `document` is afterwards."""

    revision: int
    how: str
    plural: str
    document: Json


@dataclass
class World:
    """All objects of a cluster. Who reads or writes holds `changed`; every write wakes who waits for it.

    `release` is the Kubernetes that it is; `oldest` is the last revision whose history is forgotten.
    """

    release: tuple[int, int] = (1, 31)
    revision: int = 0
    oldest: int = 0
    offset: float = 0.0
    history: list[Change] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    _objects: dict[tuple[str, str, str], Json] = field(default_factory=dict)

    def now(self) -> float:
        """Seconds since the epoch, as this cluster sees them."""
        return time.time() + self.offset

    def stamp(self, when: float | None = None) -> str:
        """A moment as the API writes it: whole seconds, UTC [doc]."""
        return datetime.fromtimestamp(self.now() if when is None else when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def create(self, plural: str, document: Json) -> Json:
        """Keep a new object, and say what became of it."""
        document["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp=self.stamp())
        return self._note("ADDED", plural, document)

    def save(self, plural: str, document: Json) -> Json:
        """Keep a changed object that is still there; one that was being deleted and that nothing holds any more is gone [doc: finalizers]."""
        kept = self._objects.get(_place(plural, document))
        if kept is None or _without_revision(kept) == _without_revision(document):
            return document
        meta = document["metadata"]
        if "deletionTimestamp" in meta and not meta.get("finalizers") and plural != "pods":
            self.remove(plural, document)
            return document
        return self._note("MODIFIED", plural, document)

    def remove(self, plural: str, document: Json) -> None:
        """Forget an object that is there."""
        if self._objects.pop(_place(plural, document), None) is not None:
            self._tell("DELETED", plural, copy.deepcopy(document))

    def find(self, plural: str, namespace: str, name: str) -> Json | None:
        """A copy of an object that may be changed, and then saved."""
        found = self._objects.get((plural, namespace if RESOURCES[plural].namespaced else "", name))
        return copy.deepcopy(found)

    def all(self, plural: str, namespace: str = "") -> Iterator[Json]:
        """Copies of all objects of a kind, of one namespace or of all, in the order of their names [src: etcd's keys]."""
        for (kind, place, _), document in sorted(self._objects.items()):
            if kind == plural and namespace in ("", place):
                yield copy.deepcopy(document)

    def compact(self) -> None:
        """Forget the history: who watches from an earlier revision is told 410 [doc: efficient detection of changes]."""
        with self.changed:
            self.oldest = self.revision
            self.history.clear()
            self.changed.notify_all()

    def _note(self, how: str, plural: str, document: Json) -> Json:
        self._objects[_place(plural, document)] = kept = copy.deepcopy(document)
        self._tell(how, plural, kept)
        return copy.deepcopy(kept)

    def _tell(self, how: str, plural: str, document: Json) -> None:
        self.revision += 1
        document["metadata"]["resourceVersion"] = str(self.revision)
        self.history.append(Change(self.revision, how, plural, copy.deepcopy(document)))
        self.changed.notify_all()


def parse(stamp: str) -> float:
    """The moment that the API wrote."""
    return datetime.fromisoformat(stamp).timestamp()


def _place(plural: str, document: Json) -> tuple[str, str, str]:
    meta = document["metadata"]
    return plural, meta.get("namespace", "") if RESOURCES[plural].namespaced else "", meta["name"]


def _without_revision(document: Json) -> Json:
    return {**document, "metadata": {key: value for key, value in document["metadata"].items() if key != "resourceVersion"}}
