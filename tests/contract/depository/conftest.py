from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.depository import Both, FakeDepository
from tagstone.adapters.folder_depository import FolderDepository
from tagstone.domain.deposit import Creator, DepositMetadata


@pytest.fixture(params=["fake", "fake-shared", "folder"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Both]:
    """Open the depository; the shared ones may be opened twice, as two processes would."""
    if request.param == "folder":
        return lambda: FolderDepository(tmp_path / "depository", "http://127.0.0.1:8620/deposits")
    if request.param == "fake-shared":
        return lambda: FakeDepository(tmp_path)
    fake = FakeDepository()
    return lambda: fake


@pytest.fixture
def depository(opened: Callable[[], Both]) -> Both:
    return opened()


@pytest.fixture
def metadata() -> Callable[[str], DepositMetadata]:
    def make(publication: str, title: str = "Wobble") -> DepositMetadata:
        return DepositMetadata(publication, title, "1.0.0", "2026-01-02", (Creator("Ada Lovelace"),), ("MIT",))

    return make
