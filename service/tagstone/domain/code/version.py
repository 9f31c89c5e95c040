"""A tag's version: the tag without what only marks it as a version."""

import re


def version_of(tag: str) -> str:
    """`1.0.0` for `v1.0.0`, `release-1.0.0` or `project/v1.0.0`; any other tag as it is."""
    last = tag.rpartition("/")[2]
    match = re.fullmatch(r"(?:v|ver|version|rel|release)?[-_.]?([0-9].*)", last, re.IGNORECASE)
    return match[1] if match else tag
