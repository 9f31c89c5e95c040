"""Write domain/citations/spdx.py anew: licence ids of CFF 1.2.0's schema, and those that SPDX has added since.

    python scripts/make_spdx.py SCHEMA.json > service/tagstone/domain/citations/spdx.py

SCHEMA.json is `schemas/1.2.0/schema.json` of the PyPI package cffconvert; the newer ids are those of the installed
PyPI package `packaging`.
"""

import json
import sys
import textwrap
from pathlib import Path

from packaging.licenses._spdx import LICENSES

HEAD = '''"""SPDX licence ids. Written by scripts/make_spdx.py; do not edit."""
# ruff: noqa: SIM905 - a list with quotes would be three times as long

CFF = frozenset(
    """
{cff}
    """.split()
)
"""The ids that the schema of CFF 1.2.0 lists."""

NEWER = frozenset(
    """
{newer}
    """.split()
)
"""Ids that SPDX added later; tools that hold to the schema's letter refuse them."""
'''


def main(schema: Path) -> None:
    """Print the module."""
    cff = set(json.loads(schema.read_text())["definitions"]["license-enum"]["enum"])
    newer = {licence["id"] for licence in LICENSES.values()} - cff
    fill = textwrap.TextWrapper(124, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False).fill
    print(HEAD.format(cff=fill(" ".join(sorted(cff))), newer=fill(" ".join(sorted(newer)))), end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
