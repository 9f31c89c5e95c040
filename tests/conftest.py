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
