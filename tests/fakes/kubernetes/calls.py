"""Questions to the API and its refusals, which are documents of kind Status [doc: response status kind]."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fakes.kubernetes.state import Json, Resource

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    504: "Timeout",
}


@dataclass(frozen=True)
class Reply:
    """An answer: a `document` as JSON, else `body`."""

    status: int = 200
    document: Any = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """An answer that ends a call."""

    def __init__(self, status: int, message: str, reason: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.document = status_document(status, message, reason, **details)
        self.reply = Reply(status, self.document)


def status_document(status: int, message: str, reason: str | None = None, **details: Any) -> Json:
    """A refusal as the API words it."""
    document: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return {**document, "reason": reason or _REASONS[status], "details": details, "code": status}


def missing(resource: Resource, name: str) -> Refused:
    """What is not there [src: errors.NewNotFound]."""
    return Refused(404, f'{resource.qualified} "{name}" not found', name=name, group=resource.group, kind=resource.plural)


def invalid(resource: Resource, name: str, what: str) -> Refused:
    """What cannot be [src: errors.NewInvalid]."""
    return Refused(422, f'{resource.kind}.{resource.group} "{name}" is invalid: {what}', name=name, kind=resource.kind)


@dataclass(frozen=True)
class Call:
    """One question; `name` and `part` (a subresource) may be empty."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    resource: Resource
    namespace: str = ""
    name: str = ""
    part: str = ""

    @property
    def verb(self) -> str:
        """What roles call it [doc: authorization, request verbs]."""
        if self.method == "GET":
            return "watch" if self.watches else "get" if self.name else "list"
        if self.method == "DELETE":
            return "delete" if self.name else "deletecollection"
        return {"POST": "create", "PUT": "update", "PATCH": "patch"}[self.method]

    @property
    def watches(self) -> bool:
        """Whether changes are asked for."""
        return self.query.get("watch") in ("1", "true", "True")

    def fits(self, document: Json) -> bool:
        """Whether an object is among those asked for."""
        if self.resource.namespaced and self.namespace and document["metadata"].get("namespace") != self.namespace:
            return False
        labels = document["metadata"].get("labels") or {}
        return _fits_labels(self.query.get("labelSelector", ""), labels) and _fits_fields(
            self.query.get("fieldSelector", ""), document
        )


_REQUIREMENT = re.compile(
    r"\s*(?P<not>!)?(?P<key>[\w./-]+)\s*(?:(?P<how>==|=|!=|in|notin)\s*(?P<value>\([^)]*\)|[^,]*))?\s*(?:,|$)"
)


def _fits_labels(selector: str, labels: Mapping[str, str]) -> bool:
    """Equality and sets [doc: labels and selectors]."""
    at = 0
    while at < len(selector):
        found = _REQUIREMENT.match(selector, at)
        if found is None:
            raise Refused(400, f"unable to parse requirement: {selector[at:]}")
        at = found.end()
        if not _meets(found, labels):
            return False
    return True


def _meets(asked: re.Match[str], labels: Mapping[str, str]) -> bool:
    key, how = asked["key"], asked["how"]
    if how is None:
        return (key in labels) != bool(asked["not"])
    values = {one.strip() for one in asked["value"].strip("() ").split(",")}
    if how in ("!=", "notin"):
        return labels.get(key) not in values
    return key in labels and labels[key] in values


def _fits_fields(selector: str, document: Json) -> bool:
    """Fields by their dotted path; all of them, which the API allows for some only [own]."""
    for one in filter(None, selector.split(",")):
        path, unequal, value = one.replace("==", "=").partition("!=") if "!=" in one else one.replace("==", "=").partition("=")
        at: Any = document
        for name in path.split("."):
            at = at.get(name) if isinstance(at, dict) else None
        if (str(at or "") == value) == (unequal == "!="):
            return False
    return True
