"""What a hook of GitLab delivers: which project, which tag, what happened. Bodies are hostile until their signature was verified,
and are read with suspicion even then (https://docs.gitlab.com/user/project/integrations/webhook_events/).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from tagstone.errors import Invalid

MAX_BYTES = 25 * 2**20
"""GitLab sends no more in one delivery."""

_DEEPEST = 32
_FIELDS = 200_000
_LONGEST_REF = 1000
_ZEROS = re.compile(r"0{40}|0{64}")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHILD = "parent_pipeline"  # begun by another pipeline of the same tag, which says itself how it ended
_STATUS = re.compile(r"[a-z_]{1,40}")
_TAG = "refs/tags/"
_PERSON = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_PRIVATE = re.compile(r"token|secret|password|passwd|e?mail|avatar|private|variables", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
_REMEDY = "Tagstone takes what GitLab sends; look at the hook's last deliveries there."


class Happening(StrEnum):
    """What a delivery tells of."""

    TAG = "tag"
    TAG_DELETED = "tag deleted"
    RELEASE = "release"
    PIPELINE = "pipeline"


@dataclass(frozen=True)
class Delivered:
    """One event: `project` is GitLab's number of the project, `tag` its plain name, `sha` the commit that GitLab says it is.

    `protected` is what GitLab says of the tag, None where it says nothing; `status` and `pipeline` are a pipeline's. `person` is
    GitLab's name of who pushed the tag, empty where it says none.
    """

    happening: Happening
    project: int
    tag: str
    sha: str | None = None
    protected: bool | None = None
    pipeline: int | None = None
    status: str = ""
    person: str = ""


def read(body: bytes) -> dict[str, Any]:
    """A body as JSON. Raises: Invalid where it is none, too deep, has too many fields, or is no object."""
    if _depth(body) > _DEEPEST:
        raise Invalid("The delivery is nested too deeply.", remedy=_REMEDY)
    try:
        payload = json.loads(body.decode("utf-8"), parse_constant=_refused)
    except (ValueError, RecursionError):
        raise Invalid("The delivery is no JSON.", remedy=_REMEDY) from None
    if not isinstance(payload, dict):
        raise Invalid("The delivery is no JSON object.", remedy=_REMEDY)
    if len(body) > _FIELDS and sum(1 for _ in _values(payload)) > _FIELDS:
        raise Invalid("The delivery has too many fields.", remedy=_REMEDY)
    return payload


def happened(payload: Mapping[str, Any]) -> Delivered | None:
    """What a payload tells of; None for events that mean nothing to us. Raises: Invalid where what it should say is missing."""
    kind = payload.get("object_kind") or payload.get("event_name")
    if kind == "tag_push":
        return _tag_push(payload)
    if kind == "release":
        return _release(payload)
    if kind == "pipeline":
        return _pipeline(payload)
    return None


def redacted(payload: Any) -> Any:
    """The payload without what is private: whatever is named like a secret or says how to reach a person."""
    if isinstance(payload, dict):
        return {
            key: "[redacted]" if _PRIVATE.search(key) and value else redacted(value)
            for key, value in cast("dict[str, Any]", payload).items()
        }
    if isinstance(payload, list):
        return [redacted(value) for value in payload]
    return payload


def _tag_push(payload: Mapping[str, Any]) -> Delivered:
    ref, after = payload.get("ref"), payload.get("after")
    if not isinstance(ref, str) or not ref.startswith(_TAG):
        raise Invalid("The delivery of a tag names no tag.", remedy=_REMEDY)
    tag, project = _tag(ref.removeprefix(_TAG)), _project(payload)
    if isinstance(after, str) and _ZEROS.fullmatch(after):
        return Delivered(Happening.TAG_DELETED, project, tag)
    protected = payload.get("ref_protected")
    return Delivered(
        Happening.TAG,
        project,
        tag,
        _sha(payload.get("checkout_sha")),
        protected if isinstance(protected, bool) else None,
        person=_person(payload.get("user_username")),
    )


def _release(payload: Mapping[str, Any]) -> Delivered | None:
    if payload.get("action") != "create":
        return None
    commit = payload.get("commit")
    sha = _sha(commit.get("id")) if isinstance(commit, dict) else None
    return Delivered(Happening.RELEASE, _project(payload), _tag(payload.get("tag")), sha)


def _pipeline(payload: Mapping[str, Any]) -> Delivered | None:
    about = payload.get("object_attributes")
    if not isinstance(about, dict) or about.get("tag") is not True or about.get("source") == _CHILD:
        return None
    number, status = about.get("id"), about.get("status")
    if not isinstance(number, int) or not isinstance(status, str) or not _STATUS.fullmatch(status):
        raise Invalid("The delivery of a pipeline names none.", remedy=_REMEDY)
    return Delivered(
        Happening.PIPELINE,
        _project(payload),
        _tag(about.get("ref")),
        _sha(about.get("sha")),
        pipeline=number,
        status=status,
    )


def _project(payload: Mapping[str, Any]) -> int:
    within = payload.get("project")
    number = payload.get("project_id", within.get("id") if isinstance(within, dict) else None)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**53:
        raise Invalid("The delivery names no project.", remedy=_REMEDY)
    return number


def _tag(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_REF:
        raise Invalid("The delivery names no tag.", remedy=_REMEDY)
    if _UNPRINTABLE.search(name):
        raise Invalid(
            f"The tag {ascii(name)[:200]} has spaces, hidden or control characters.",
            remedy="Tag anew with a plain name, such as v1.0.0.",
        )
    return name


def _person(name: object) -> str:
    return name if isinstance(name, str) and _PERSON.fullmatch(name) else ""


def _sha(value: object) -> str | None:
    return value if isinstance(value, str) and _SHA.fullmatch(value) else None


def _depth(body: bytes) -> int:
    """How deep brackets are nested, outside of texts; at most as deep as there are any."""
    if (brackets := body.count(b"{") + body.count(b"[")) <= _DEEPEST:
        return brackets
    bare = re.sub(rb'"(?:[^"\\]|\\.)*+"', b"", body, flags=re.DOTALL)
    depth = deepest = 0
    for bracket in re.finditer(rb"[\[\]{}]", bare):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > _DEEPEST:
            break
    return deepest


def _values(payload: Any) -> Iterator[None]:
    waiting = [payload]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        yield None


def _refused(constant: str) -> None:
    raise ValueError(constant)
