"""What is printed of the hostile cases when all tests are over: counts by family, and the whole table where it is asked for."""

from collections import Counter

import pytest


def print_cases(reporter: pytest.TerminalReporter, *, whole: bool) -> None:
    """Workers of a parallel run cannot print: each case is a property of its test's report."""
    rows = [str(value).split("\t") for name, value in _properties(reporter, "passed") if name == "hostile"]
    failed = [report.nodeid for report in reporter.getreports("failed") if "hostile/" in report.nodeid]
    if not rows and not failed:
        return
    if whole:
        reporter.section("hostile input", sep="-")
        width = max((len(name) for name, *_ in rows), default=0)
        for name, said, cost in sorted(rows):
            reporter.write_line(f"{name:<{width}}  {cost:>15}  {said}")
        for node in failed:
            reporter.write_line(f"FAILED {node}")
    families = Counter(name.partition(":")[0] for name, *_ in rows)
    counted = ", ".join(f"{family} {count}" for family, count in sorted(families.items()))
    reporter.write_line(f"hostile cases that ended well: {len(rows)} ({counted}); that failed: {len(failed)}")


def _properties(reporter: pytest.TerminalReporter, outcome: str) -> list[tuple[str, object]]:
    return [pair for report in reporter.getreports(outcome) if report.when == "call" for pair in report.user_properties]
