"""The table that `make test-environments` ends with."""

import json
from typing import Any

import pytest

COLUMNS = ("repository", "shape", "engine", "packages", "digest", "seconds", "image", "outputs")


def print_environments(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line for each repository that was built twice, and how many came out the same."""
    rows = [
        json.loads(str(value))
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "environment"
    ]
    if not rows:
        return
    terminalreporter.section("environments, each built twice from nothing at two places")
    for line in table([COLUMNS, *(_cells(row) for row in rows)]):
        terminalreporter.write_line(line)
    images, outputs = (sum(row[key] for row in rows) for key in ("same image", "same outputs"))
    terminalreporter.write_line(f"{len(rows)} environments: {images} with one image, {outputs} with one result")


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    seconds = " and ".join(f"{one:.0f}" for one in row["seconds"])
    outputs = f"{row['outputs']} {'same' if row['same outputs'] else 'DIFFERENT'}" if row["outputs"] else "none"
    image = "same" if row["same image"] else "DIFFERENT"
    digest = row["digest"].removeprefix("sha256:")[:16]
    return row["repository"], row["shape"], row["engine"], str(row["packages"]), digest, seconds, image, outputs
