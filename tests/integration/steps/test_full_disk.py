"""A disk that fills up while the bundle is written: tried again, told, and taken up where it was."""

import errno
import io
from typing import Any, BinaryIO

from fakes.actors import ADA
from fakes.depository import FakeDepository
from tagstone.actions.deposit import matches
from tagstone.actions.submit import retry
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.publications.publication import State, Step
from tagstone.store import bundles

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


class _Full(io.BytesIO):
    """Nothing more can be copied of it: there is no room."""

    def read(self, size: int | None = -1) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")


class FullDisk:
    """A storage whose files cannot be copied anywhere while the disk is full."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self.full = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def open(self, key: str) -> BinaryIO:
        return _Full() if self.full else self._storage.open(key)


def test_a_full_disk_is_told_and_what_was_done_is_not_done_again(site: Site, fake: FakeDepository):
    disk = FullDisk(site.application.storage)
    publication = site.submit()
    site.go(publication, until=Step.BUNDLE)
    site.storage = disk
    last = site.application.durations.attempts - 1
    for failures in range(last):
        assert site.perform(publication, Step.BUNDLE, failures=failures) == "retry"
    assert "No space left on device" in site.row(publication).waiting
    assert site.perform(publication, Step.BUNDLE, failures=last) == "stop"
    assert site.row(publication).state == State.FAILED
    disk.full = False
    with site.application.sessions.write() as session:
        retry(session, site.queue, 3.0, publication, ADA)
    assert site.go(publication) == "go"
    (record,) = fake.deposits()
    assert record.state is DepositState.PUBLISHED
    with site.application.sessions.read() as session:
        sent = {file.path: file for file in bundles.deposited(session, publication)}
    there = {file.name: file for file in fake.list(record.id)}
    assert there.keys() == sent.keys()
    assert all(matches(file, sent[name]) for name, file in there.items())
    assert site.runner.begun == 1
