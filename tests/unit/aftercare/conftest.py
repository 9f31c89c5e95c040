"""An installation whose records lie in a fake depository, and the rounds that look after them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository, OneDepository
from fakes.installation import NOW, Installation
from fakes.post import FakeMail, FakeResolver
from tagstone.actions.accounts import Accounts
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.waiting import Durations
from tagstone.ports import Ports, Vault
from tagstone.store import aftercare, bundles, publications
from tagstone.store.tables import Publication
from tagstone.workflows.watch import Watch

CONTACT = "ada@example.org"
URL = "https://tagstone.example"
FILES = {"README.html": b"<p>It wobbles.</p>", "outputs/plot.png": b"png", "code.tar": b"code"}


@dataclass
class Place:
    """The installation, what it reaches, and one that looks after it."""

    installation: Installation
    depository: FakeDepository = field(default_factory=lambda: FakeDepository(registered=True))
    mail: FakeMail = field(default_factory=FakeMail)
    resolver: FakeResolver = field(default_factory=FakeResolver)
    durations: Durations = field(default_factory=Durations)

    @property
    def accounts(self) -> Accounts:
        depositories = OneDepository(self.depository, registered=True)
        policy = Policy(depositories=("local", "fake"), open_depositories=("local", "fake"))
        return Accounts(self.installation.sessions, depositories, cast("Vault", None), policy)

    def watch(self) -> Watch:
        """Somebody who begins to look after it: a worker that was just started."""
        ports = cast("Ports", _Ports(self))
        return Watch(ports, self.installation.sessions, self.durations, self.accounts.policy, URL)

    def release(self, ref: str = "v1.0.0", *, share: bool = False, **columns: object) -> str:
        """A record that was just released into the depository."""
        facts, depository = recorded.facts(), self.depository
        source = replace(facts.source, tag=ref, commit=replace(facts.source.commit, sha=ref.encode().hex().ljust(40, "0")))
        draft = depository.draft(replace(recorded.metadata(), publication=f"p{ref}"), None)
        for name, data in FILES.items():
            depository.upload(draft.id, name, _stream(data), len(data))
        depository.reserve(draft.id)
        depository.publish(draft.id)
        deposit = replace(depository.find(draft.id), depository="fake")
        publication = self.installation.publication(
            replace(facts, source=source, deposit=deposit), **({"contact": CONTACT} | columns)
        )
        with self.installation.sessions.write() as session:
            row = publications.get(session, publication)
            bundles.put(session, publication, f"bundles/{publication}", _archived())
            aftercare.begin(session, row, NOW, registered=True, share=share)
        return publication

    def deposit_of(self, publication: str) -> str:
        """The identifier of a record's deposit."""
        doi = self.row(publication).doi
        return str(doi).rpartition(".")[2]

    def row(self, publication: str) -> Publication:
        """A publication as it stands."""
        with self.installation.sessions.read() as session:
            return publications.get(session, publication)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.installation.clock.advance(seconds)


class _Ports:
    def __init__(self, place: Place) -> None:
        self.mail, self.resolver, self.clock = place.mail, place.resolver, place.installation.clock
        self.depositories, self.vault = place.accounts.depositories, None


def _stream(data: bytes):
    import io

    return io.BytesIO(data)


def _archived() -> list[Archived]:
    import hashlib

    return [
        Archived(name, len(data), hashlib.sha256(data).hexdigest(), hashlib.md5(data, usedforsecurity=False).hexdigest())
        for name, data in FILES.items()
    ]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    installation = Installation(tmp_path)
    yield Place(installation)
    installation.close()
