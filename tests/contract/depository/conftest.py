import secrets
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import requests

from fakes.clock import FakeClock
from fakes.depository import Both, FakeDepository
from servers.inveniordm.server import InvenioRDM
from tagstone.adapters.folder_depository import FolderDepository
from tagstone.adapters.inveniordm.client import Client
from tagstone.adapters.inveniordm.curation import InvenioCuration
from tagstone.adapters.inveniordm.depository import InvenioDepository
from tagstone.adapters.inveniordm.files import InvenioFiles
from tagstone.adapters.inveniordm.gate import Gate
from tagstone.adapters.inveniordm.records import Reading
from tagstone.adapters.inveniordm.vocabularies import Vocabularies
from tagstone.domain.deposits.deposit import Creator, DepositMetadata


class _Joined:
    """Several ports as one object, as the contract wants them."""

    def __init__(self, *parts: object) -> None:
        self._parts = parts

    def __getattr__(self, name: str) -> object:
        return next(getattr(part, name) for part in self._parts if hasattr(part, name))


def at_inveniordm(url: str, token: str) -> Both:
    """An account at a real InvenioRDM."""
    client = Client(requests.Session(), url, token, Gate())
    reading = Reading("rdm", url, registered=False)
    depository = InvenioDepository(client, reading, Vocabularies(), FakeClock(), pauses=(0.0, 0.5))
    files = InvenioFiles(client, depository)
    return cast("Both", _Joined(depository, files, InvenioCuration(client, reading, depository, restricted=False)))


@pytest.fixture(params=["fake", "fake-shared", "folder", pytest.param("inveniordm", marks=pytest.mark.inveniordm)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Both]:
    """Open the depository; the shared ones may be opened twice, as two processes would."""
    if request.param == "folder":
        return lambda: FolderDepository(tmp_path / "depository", "http://127.0.0.1:8620/deposits")
    if request.param == "fake-shared":
        return lambda: FakeDepository(tmp_path)
    if request.param == "inveniordm":
        server: InvenioRDM = request.getfixturevalue("inveniordm")
        return lambda: at_inveniordm(server.url, server.owner.token)
    fake = FakeDepository()
    return lambda: fake


@pytest.fixture
def depository(opened: Callable[[], Both]) -> Both:
    return opened()


@pytest.fixture
def metadata() -> Callable[[str], DepositMetadata]:
    # A server that runs for all tests remembers those of the others.
    test = secrets.token_hex(6)

    def make(publication: str, title: str = "Wobble") -> DepositMetadata:
        return DepositMetadata(f"{publication}-{test}", title, "1.0.0", "2026-01-02", (Creator("Ada Lovelace"),), ("MIT",))

    return make
