"""The table of what goes wrong on a real cluster, and how each run ended; `make test-kubernetes` prints it.

A test is in it by its mark, `@pytest.mark.fault(WHAT)`. What it recorded as `ended` is how the run ended, in the words that people read.
"""

from collections.abc import Callable

import pytest

from tagstone.domain.runs.run import RunStatus

Record = Callable[[str, object], None]
_FAULT, _ENDED = "fault", "ended"


def name_faults(items: list[pytest.Item]) -> None:
    """Let the report of each marked test say which fault it is: workers of a parallel run cannot print."""
    for item in items:
        mark = item.get_closest_marker("fault")
        if mark is not None:
            item.user_properties.append((_FAULT, mark.args[0]))


def record_end(record: Record, status: RunStatus) -> None:
    """Note for the table how a run ended."""
    assert status.outcome is not None
    record(_ENDED, f"{status.outcome.value}: {status.detail}".removesuffix(": "))


def print_faults(reporter: pytest.TerminalReporter) -> None:
    """Print every fault with all the ends that its runs had, and how many ended as they should."""
    passed, failed = _rows(reporter, "passed"), {**_rows(reporter, "failed"), **_rows(reporter, "error")}
    if not passed and not failed:
        return
    reporter.section("faults of a real cluster", sep="-")
    width = max(map(len, [*passed, *failed]))
    for what, ends in sorted(passed.items()):
        reporter.write_line(f"{what:<{width}}  {', then '.join(ends)}".rstrip())
    for what in sorted(failed):
        reporter.write_line(f"{what:<{width}}  FAILED")
    reporter.write_line(f"faults that ended in the right reason: {len(passed)}; that did not: {len(failed)}")


def _rows(reporter: pytest.TerminalReporter, outcome: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for report in reporter.getreports(outcome):
        if not isinstance(report, pytest.TestReport) or (report.when != "call" and outcome == "passed"):
            continue
        what = next((str(value) for name, value in report.user_properties if name == _FAULT), None)
        if what is not None:
            found.setdefault(what, []).extend(str(value) for name, value in report.user_properties if name == _ENDED)
    return found
