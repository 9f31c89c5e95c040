"""A journal in a small database, a depository with an account, and a draft in it that is ready to be released."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.clock import FakeClock
from fakes.depository import FakeDepository, OneDepository
from fakes.installation import Installation
from tagstone.actions.journal import Journal
from tagstone.ports import DepositAccount


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.close()


@pytest.fixture
def clock(installation: Installation) -> FakeClock:
    return installation.clock


@pytest.fixture
def journal(installation: Installation) -> Journal:
    return Journal(installation.sessions, installation.clock, recorded.metadata().publication)


@pytest.fixture
def depository() -> FakeDepository:
    return FakeDepository()


@pytest.fixture
def account(depository: FakeDepository) -> DepositAccount:
    return OneDepository(depository).account("fake", "fake", None)


@pytest.fixture
def draft(depository: FakeDepository) -> str:
    made = depository.reserve(depository.draft(recorded.metadata(), None).id)
    depository.upload(made.id, "README.md", io.BytesIO(b"x"), 1)
    return made.id
