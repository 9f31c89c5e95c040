"""SPDX licence ids: known, known to newer lists only, or a near miss."""

import difflib
from enum import StrEnum

from tagstone.domain.citations.spdx import CFF, NEWER

_LOWER = {name.lower(): name for name in sorted(CFF | NEWER)}
_LOOSE = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "cc-by": "CC-BY-4.0",
    "cc by 4.0": "CC-BY-4.0",
    "gpl": "GPL-3.0-or-later",
    "gplv2": "GPL-2.0-or-later",
    "gplv3": "GPL-3.0-or-later",
    "lgplv3": "LGPL-3.0-or-later",
    "mit license": "MIT",
    "public domain": "CC0-1.0",
}


class Standing(StrEnum):
    """What is known of a licence id."""

    KNOWN = "known"
    NEWER = "newer"
    UNKNOWN = "unknown"


def standing(licence: str) -> Standing:
    """Say whether an id is on CFF 1.2.0's list, on SPDX's newer one only, or on none."""
    if licence in CFF:
        return Standing.KNOWN
    return Standing.NEWER if licence in NEWER else Standing.UNKNOWN


def meant(licence: str) -> str | None:
    """The id that was probably meant by an unknown one, or None."""
    lower = licence[:60].strip().lower()
    if lower in _LOWER or lower in _LOOSE:
        return _LOWER.get(lower) or _LOOSE[lower]
    near = difflib.get_close_matches(lower, _LOWER, 1, 0.75)
    return _LOWER[near[0]] if near else None


_MARKS = (
    ("MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("Apache-2.0", "apache license version 2.0"),
    ("AGPL-3.0", "gnu affero general public license version 3"),
    ("LGPL-3.0", "gnu lesser general public license version 3"),
    ("GPL-3.0", "gnu general public license version 3"),
    ("GPL-2.0", "gnu general public license version 2"),
    ("BSD-3-Clause", "neither the name of"),
    ("BSD-2-Clause", "redistribution and use in source and binary forms, with or without modification"),
    ("MPL-2.0", "mozilla public license version 2.0"),
    ("CC-BY-SA-4.0", "attribution-sharealike 4.0 international"),
    ("CC-BY-4.0", "attribution 4.0 international"),
    ("CC0-1.0", "cc0 1.0 universal"),
    ("EUPL-1.2", "european union public licence v. 1.2"),
    ("Unlicense", "this is free and unencumbered software released into the public domain"),
)


def recognised(text: str) -> str | None:
    """The licence (without `-only`, `-or-later`) that a licence file's text is, or None where its head says nothing known."""
    words = " ".join(text[:5000].replace(",", ", ").lower().split()).replace(" ,", ",")
    return next((name for name, mark in _MARKS if mark in words), None)
