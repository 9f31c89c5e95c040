"""What one job hands to the next through GitLab: a dotenv report (https://docs.gitlab.com/ci/yaml/artifacts_reports/).

At most 5 KB and 20 variables, one a line, without quotes, comments or blank lines. Later jobs put the values into shells and
into each other, so nothing gets in that could mean something there, whoever it came from.
"""

import re
from collections.abc import Mapping

MAX_BYTES = 5 * 1024
MAX_VARIABLES = 20
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_VALUE = re.compile(r"[A-Za-z0-9._~:/?#@+,=%\[\]-]{1,1000}")


def is_plain(value: str) -> bool:
    """Say whether a value has only characters of addresses and identifiers, which mean nothing to shells or Markdown."""
    return _VALUE.fullmatch(value) is not None


def dotenv(values: Mapping[str, str | None]) -> tuple[str, tuple[str, ...]]:
    """The report's text, and the names of those that were left out: what they hold could do harm, or there was no room.

    What is None or empty is nothing, and is left out without a word.
    """
    lines: list[str] = []
    left_out: list[str] = []
    size = 0
    for name, value in values.items():
        if not value:
            continue
        line = f"{name}={value}\n"
        fits = len(lines) < MAX_VARIABLES and size + len(line) <= MAX_BYTES
        if not _NAME.fullmatch(name) or not is_plain(value) or not fits:
            left_out.append(name)
            continue
        lines.append(line)
        size += len(line)
    return "".join(lines), tuple(left_out)
