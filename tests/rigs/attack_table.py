"""The table of what attacked this service from outside, or broke around it, and changed nothing; `make test-attacks` prints it whole.

A test is in it by its mark, `@pytest.mark.attack(FAMILY)`: its case is its parameters, or what it is called. What was said to the
attacker is what the test recorded as `said`.
"""

from collections import Counter

import pytest

_CASE, _SAID = "attack", "said"


def name_attacks(items: list[pytest.Item]) -> None:
    """Let the report of each marked test say which case it is: workers of a parallel run cannot print."""
    for item in items:
        mark = item.get_closest_marker("attack")
        if mark is not None:
            item.user_properties.append((_CASE, f"{mark.args[0]}: {_words(item)}"))


def print_attacks(reporter: pytest.TerminalReporter, *, whole: bool) -> None:
    """Print how many there were of each family, and the whole table where it is asked for."""
    outcomes = {outcome: _cases(reporter, outcome) for outcome in ("passed", "failed", "error")}
    ended, failed = outcomes["passed"], {**outcomes["failed"], **outcomes["error"]}
    if not ended and not failed:
        return
    if whole:
        reporter.section("attacks and faults", sep="-")
        width = max(map(len, [*ended, *failed]))
        for case, said in sorted(ended.items()):
            reporter.write_line(f"{case:<{width}}  {said}".rstrip())
        for case in sorted(failed):
            reporter.write_line(f"{case:<{width}}  FAILED")
    families = Counter(case.partition(":")[0] for case in ended)
    counted = ", ".join(f"{family} {count}" for family, count in sorted(families.items()))
    reporter.write_line(f"attacks and faults that changed nothing: {len(ended)} ({counted}); that did: {len(failed)}")


def _words(item: pytest.Item) -> str:
    """A case in words: what its parameters are called, after what the test is called where there are several tests of a family."""
    called = item.name.partition("[")[0].removeprefix("test_").replace("_", " ")
    parameters = item.name.partition("[")[2].removesuffix("]")
    return f"{called}: {parameters}" if parameters else called


def _cases(reporter: pytest.TerminalReporter, outcome: str) -> dict[str, str]:
    found = {}
    for report in reporter.getreports(outcome):
        if not isinstance(report, pytest.TestReport):  # a module that could not be read
            continue
        properties = {str(name): str(value) for name, value in report.user_properties}
        if _CASE in properties and (report.when == "call" or outcome != "passed"):
            found[properties[_CASE]] = properties.get(_SAID, "")
    return found
