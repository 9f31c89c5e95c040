"""Publications of a tiny project to a real InvenioRDM, by workers in processes of their own, seen from both sides.

Builder and runner are fakes; database, storage, registry, bundle and all that is said to the server are real.
"""

import multiprocessing
import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from fakes.actors import ADA
from fakes.small_project import CITATION, MANIFEST, commit, make_repository, put_base
from fakes.trial import Trial, TrialApplication
from servers.inveniordm.server import Person
from tagstone.actions.submit import retry
from tagstone.domain.deposits.deposit import Deposit
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import State, Step
from tagstone.ports import DepositAccount, Depositories
from tagstone.settings import DepositorySettings, Settings, Waits
from tagstone.store import bundles, publications, steps
from tagstone.store.tables import Publication
from tagstone.worker import run_worker

_PROCESSES = multiprocessing.get_context("fork")
KILLED = -9
BOUNDARIES = "boundaries"
DEPOSIT = "deposit: {to: rdm, review: false}\n"
_SECONDS = 240


def settings(home: Path, url: str, person: Person) -> Settings:
    """Settings of an installation whose depository `rdm` is at `url`, by somebody's account."""
    waits = Waits(
        poll=0.02, poll_longest=0.1, retry=0.1, retry_longest=1.0, attempts=6, recovery=0.1, outage=300.0, released=15.0
    )
    depository = DepositorySettings(
        url=url,
        token=SecretStr(person.token),
        owner="the tests' account",
        open=True,
        registered=False,
        silence=60.0,
    )
    return Settings(home=home, waits=waits, depositories={"rdm": depository}, doi_resolver=f"{url}/doi")


def make_template(folder: Path) -> None:
    """A home and a repository whose tag v1.0.0 is to be deposited at `rdm`."""
    make_repository(folder / "wobble")
    (folder / "wobble" / "tagstone.yml").write_text(MANIFEST + DEPOSIT)
    commit(folder / "wobble", "v1.0.0")
    application = TrialApplication(Settings(home=folder / "home"))
    put_base(application.registry)
    with application.sessions.read():
        pass
    application.engine.dispose()


@dataclass
class Depositing(Trial):
    """One home, one repository, and workers that deposit through `url` (the server's, or a proxy's) by somebody's account.

    `mark` is a word in the titles of all that is published from here.
    """

    url: str = ""
    person: Person | None = None
    mark: str = ""

    @classmethod
    def like(cls, template: Path, folder: Path, url: str, person: Person) -> "Depositing":
        """A fresh one from the template."""
        shutil.copytree(template, folder, symlinks=True)
        one = cls(folder, url=url, person=person, mark=secrets.token_hex(6))
        one.tag("v1.0.0", {"CITATION.cff": CITATION.replace("title: Wobble", f"title: Wobble {one.mark}")})
        return one

    @property
    def settings(self) -> Settings:
        """The installation's settings."""
        assert self.person is not None
        return settings(self.folder / "home", self.url, self.person)

    @property
    def application(self) -> TrialApplication:
        """The installation, for looking at it."""
        return TrialApplication(self.settings)

    def begin(self, fatal: frozenset[str] | None = frozenset()) -> ForkProcess:
        """Start a worker that works until nothing is left, or dies at a fatal boundary that none died at before (None: any)."""
        process = _PROCESSES.Process(target=_work, args=(self.settings, fatal))
        process.start()
        return process

    def live(self, fatal: frozenset[str] | None = frozenset()) -> int:
        """Let one worker work; its exit code is -9 when it was killed."""
        process = self.begin(fatal)
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"the worker hangs: {self.log()[-4000:]}")
        return process.exitcode

    def boundaries(self) -> list[str]:
        """The boundaries that were reached, each once."""
        return list(dict.fromkeys((self.folder / "home" / BOUNDARIES).read_text(encoding="utf-8").splitlines()))

    def tag(self, tag: str, files: Mapping[str, str]) -> None:
        """Change files of the repository and tag the commit."""
        for name, content in files.items():
            (self.folder / "wobble" / name).write_text(content)
        commit(self.folder / "wobble", tag)

    def publish(self, tag: str = "v1.0.0") -> "Published":
        """Submit a tag and work until it is published."""
        publication = self.submit(tag)
        assert self.live() == 0, self.log()[-6000:]
        return self.published(publication)

    def retry(self, publication: str) -> None:
        """Ask for another attempt."""
        application = self.application
        with application.sessions.write() as session:
            retry(session, application.queue, 2.0, publication, ADA)
        application.engine.dispose()

    def row(self, publication: str) -> Publication:
        """The publication's row."""
        application = self.application
        with application.sessions.read() as session:
            row = publications.get(session, publication)
            session.expunge(row)
        application.engine.dispose()
        return row

    def published(self, publication: str) -> "Published":
        """What was published, after all that has to be true on our side was looked at."""
        application = self.application
        with application.sessions.read() as session:
            row = publications.get(session, publication)
            assert row.state == State.PUBLISHED, f"{row.state} {row.waiting}: {row.error}\n{self.log()[-6000:]}"
            assert {step.step: step.state for step in steps.of(session, publication)} == dict.fromkeys(Step, "done")
            deposit = record.load((row.facts or "").encode()).deposit
            assert deposit is not None
            files = {file.path: (file.size, f"md5:{file.md5}") for file in bundles.deposited(session, publication)}
        application.engine.dispose()
        return Published(deposit, files)


@dataclass(frozen=True)
class Published:
    """What an installation says that it published: sizes and checksums of the files by name."""

    deposit: Deposit
    files: dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Observer:
    """Looks at the server as one person does, apart from everything of ours."""

    url: str
    person: Person

    def get(self, path: str) -> requests.Response:
        """Ask for something."""
        headers = {"Authorization": f"Bearer {self.person.token}", "Accept": "application/vnd.inveniordm.v1+json, */*;q=0.5"}
        return requests.get(f"{self.url}/api{path}", headers=headers, timeout=60)

    def count(self, mark: str) -> tuple[int, int]:
        """How many records with this word in their title are published, and how many have open drafts."""
        hits = self.get(f"/user/records?size=100&allversions=true&q=metadata.title:{mark}").json()["hits"]["hits"]
        return sum(hit["is_published"] for hit in hits), sum(hit["is_draft"] for hit in hits)

    def assert_whole(self, published: Published) -> None:
        """See that a record is published under its DOI and holds every byte, and nothing else."""
        found = self.get(f"/records/{published.deposit.id}").json()
        assert found["is_published"] is True
        assert found["pids"]["doi"]["identifier"] == published.deposit.doi
        assert found["parent"]["pids"]["doi"]["identifier"] == published.deposit.concept_doi
        assert self.files(published.deposit.id) == published.files

    def files(self, record: str) -> dict[str, tuple[int, str]]:
        """Sizes and checksums of a record's files, by name."""
        entries = self.get(f"/records/{record}/files").json()["entries"]
        return {entry["key"]: (entry["size"], entry["checksum"]) for entry in entries}


@dataclass(frozen=True)
class Deaths:
    """Where workers die: at the boundaries named in `fatal` (None: at each), once at each; they are written down as they come."""

    journal: Path
    fatal: frozenset[str] | None

    def reach(self, boundary: str) -> None:
        """One more boundary; the last one that this process lives to see when it is fatal and was not died at before."""
        with self.journal.open("a+", encoding="utf-8") as stream:
            stream.seek(0)
            known = stream.read().splitlines()
            stream.write(f"{boundary}\n")
        if boundary not in known and (self.fatal is None or boundary in self.fatal):
            os.kill(os.getpid(), signal.SIGKILL)


class _Bounded:
    """A part of an account whose every call has a boundary before it and one after it."""

    def __init__(self, part: object, name: str, deaths: Deaths) -> None:
        self._part = part
        self._name = name
        self._deaths = deaths

    def __getattr__(self, attribute: str) -> object:
        value = getattr(self._part, attribute)
        if not callable(value):
            return value

        def call(*arguments: object, **options: object) -> object:
            # A file's name tells uploads apart; all else may name this deposit only.
            what = f"{self._name}.{attribute} {arguments[1] if attribute == 'upload' else ''}".strip()
            self._deaths.reach(f"before {what}")
            answer = value(*arguments, **options)
            self._deaths.reach(f"after {what}")
            return answer

        return call


@dataclass(frozen=True)
class _BoundedDepositories:
    healthy: Depositories
    deaths: Deaths

    def account(self, depository: str, name: str, token: str | None) -> DepositAccount:
        account = self.healthy.account(depository, name, token)
        parts: dict[str, Any] = {
            part: _Bounded(getattr(account, part), part, self.deaths) for part in ("depository", "files", "curation")
        }
        return replace(account, **parts)


def _work(chosen: Settings, fatal: frozenset[str] | None) -> None:
    sink = os.open(chosen.home / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(sink, stream)
    deaths = Deaths(chosen.home / BOUNDARIES, fatal)
    run_worker(TrialApplication(chosen, around=lambda healthy: _BoundedDepositories(healthy, deaths)), drain=True)
