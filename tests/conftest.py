"""What holds for every test."""

from collections.abc import Iterator

import pytest

from fakes.compiled import share_compiled_statements
from hostile.printed import print_cases
from rigs.attack_table import name_attacks, print_attacks
from rigs.determinism_table import print_environments
from rigs.fault_table import name_faults, print_faults
from servers.inveniordm.server import InvenioRDM, running_inveniordm
from servers.kubernetes.cluster import Cluster, cluster_for_tests
from servers.mounts import unmount_below

_SURVIVED = {
    "kills": "kills that ended well",
    "answers lost": "answers lost after their effect, that ended well",
    "faults": "calls disturbed otherwise, that ended well",
}


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays_mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Container engines leave their storage mounted on itself; a later pytest could not remove such folders."""
    ours = tmp_path_factory.getbasetemp()
    for garbage in ours.parent.glob("garbage-*"):  # of a session that was killed before it could tidy up
        unmount_below(garbage)
    yield
    unmount_below(ours)


@pytest.fixture(scope="session")
def inveniordm() -> Iterator[InvenioRDM]:
    """A real InvenioRDM; each worker of a parallel run has its own."""
    with running_inveniordm() as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real Kubernetes of one node; each worker of a parallel run has its own, unless one is up around all."""
    with cluster_for_tests() as found:
        yield found


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make test-hostile` asks for."""
    parser.addoption("--hostile-table", action="store_true", help="print every hostile case with what was said to it")
    parser.addoption("--attack-table", action="store_true", help="print every attack and fault that changed nothing")


def pytest_configure() -> None:
    """Prepare what all tests share."""
    share_compiled_statements()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let marked tests say which attack or fault they are."""
    name_attacks(items)
    name_faults(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many hostile cases ended well and how many kills were survived: workers of a parallel run cannot print."""
    print_cases(terminalreporter, whole=config.getoption("--hostile-table"))
    print_environments(terminalreporter)
    print_attacks(terminalreporter, whole=config.getoption("--attack-table"))
    print_faults(terminalreporter)
    passed, failed = (terminalreporter.getreports(outcome) for outcome in ("passed", "failed"))
    for name, words in _SURVIVED.items():
        survived = sum(int(count) for report in passed for key, count in report.user_properties if key == name)
        if survived:
            broken = sum("kill" in report.nodeid or "lost" in report.nodeid for report in failed)
            terminalreporter.write_line(f"{words}: {survived}; such tests that failed: {broken}")
