"""Which paths and globs may stand in a manifest: relative, inside the repository, printable."""

import re

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # such a name is shown as another one

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def path_problem(text: str) -> str | None:
    """Say what is wrong with a path that must lie inside a repository or workspace, or None."""
    segments = text.split("/")
    problems = (
        (not text, "is empty"),
        (_CONTROL.search(text), "has a control character"),
        (_BIDI.search(text), "has characters that change the direction of text"),
        (text.startswith(("/", "~")), "is absolute"),
        ("\\" in text, "has a backslash"),
        (".." in segments, "leaves the repository"),
        ("" in segments or "." in segments, "is not written plainly (`./`, `//` or a slash at the end)"),
        (any(segment.lower() == ".git" for segment in segments), "lies in `.git`"),
        (len(text) > 1024 or any(len(segment) > 255 for segment in segments), "is too long for a file system"),
    )
    return next((words for found, words in problems if found), None)
