"""What holds for every test."""

from collections.abc import Iterator

import pytest

from servers.mounts import unmount_below


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays_mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Container engines leave their storage mounted on itself; a later pytest could not remove such folders."""
    ours = tmp_path_factory.getbasetemp()
    for garbage in ours.parent.glob("garbage-*"):  # of a session that was killed before it could tidy up
        unmount_below(garbage)
    yield
    unmount_below(ours)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many kills were survived: workers of a parallel run cannot print."""
    passed, failed = (terminalreporter.getreports(outcome) for outcome in ("passed", "failed"))
    survived = sum(int(count) for report in passed for name, count in report.user_properties if name == "kills")
    if survived:
        terminalreporter.write_line(f"kills that ended well: {survived}; kill tests that failed: {_kill_tests(failed)}")


def _kill_tests(reports: list[pytest.TestReport]) -> int:
    return sum("kills/" in report.nodeid for report in reports)
