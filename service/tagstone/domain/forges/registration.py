"""A forge's project that this site publishes for: by whom its image is built, and which of its tags are published."""

import json
import re
from collections.abc import Sequence
from enum import StrEnum

from tagstone.domain.reading.globs import matches

_RELEASE = re.compile(r"(?:v|ver|version|rel|release)?[-_.]?[0-9]+(?:\.[0-9]+)*(?:\+[0-9A-Za-z.-]+)?", re.IGNORECASE)


class ImageBuilder(StrEnum):
    """Who builds the image of a project's tags: its own pipeline, which hands the digest in, or this service."""

    CI = "ci"
    SERVICE = "service"


class Standing(StrEnum):
    """Where a registration stands: maintainers ask for it, a curator grants or refuses it, and it may end."""

    ASKED = "asked"
    ACTIVE = "active"
    REFUSED = "refused"
    ENDED = "ended"


class HookScope(StrEnum):
    """Whose hook it is: a project's own, a group's, or a whole GitLab's (a system hook), which tells of pushed tags alone."""

    PROJECT = "project"
    GROUP = "group"
    SYSTEM = "system"


class What(StrEnum):
    """What the service may write into a project: the tag's release, the commit's status, the project's badge, comments."""

    RELEASE = "release"
    STATUS = "status"
    BADGE = "badge"
    COMMENTS = "comments"


def is_wanted(tag: str, patterns: Sequence[str]) -> bool:
    """Whether a tag is published by itself: one that a pattern matches; without patterns, a version that is no pre-release."""
    if patterns:
        return matches(tag, patterns)
    return _RELEASE.fullmatch(tag.rpartition("/")[2]) is not None


def patterns(written: str) -> tuple[str, ...]:
    """The globs of a registration as its row has them, a JSON list."""
    return tuple(str(pattern) for pattern in json.loads(written))
