"""The catalogue with 10,000 records beside that with 100: lists, searches and filters, through the real server."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import requests

from benchmarks.measure import percentile, seconds
from benchmarks.table import Line
from fakes import facts as recorded
from tagstone.bootstrap import Application
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import Kind, State
from tagstone.settings import Settings
from tagstone.store import search
from tagstone.store.tables import Project, Publication

_FEW, _MANY = 100, 10_000
_YEARS, _NEWEST_YEAR = 8, 1_704_153_600  # seconds since the epoch: 2024
_ROUNDS = 200  # so that ten of the slowest are not counted: a few moments in which the machine did something else
_SHARE = 0.95
_WORDS = """
pole wobble galaxy quasar redshift spectrum neutrino lattice quark plasma dust disk planet orbit transit pulsar timing
lensing cluster halo survey photon detector trigger muon calorimeter tracker vertex luminosity background likelihood
"""
# With few records every word is in most titles and there are two years only, so that all questions fill a page there too: what is
# compared is finding, not showing more.
_FEW_WORDS, _FEW_YEARS = "galaxy spectrum pulsar quark plasma pole", 2
_PLACES = {
    "list": "/",
    "search": "/?q=pulsar",
    "search for two words": "/?q=galaxy+spectrum",
    "search by author": "/?q=lovelace+quark",
    "filter by year": "/?year=2024",
    "filter by year and word": "/?year=2023&q=plasma",
    "all publications": "/publications",
}


def measure(folder: Path) -> list[Line]:
    """The 95th percentile with many records is at most 1.3 of that with few, for pages of the same length."""
    with ExitStack() as stack:
        small, large = (stack.enter_context(_serving(folder / f"records-{count}", count)) for count in (_FEW, _MANY))
        return [_compared(what, small + place, large + place) for what, place in _PLACES.items()]


def _compared(what: str, small: str, large: str) -> Line:
    measured: dict[str, list[float]] = {small: [], large: []}
    shown: list[int] = []
    with requests.Session() as session:
        for address in measured:
            answer = session.get(address, timeout=30)
            assert answer.status_code == 200, address
            shown.append(answer.text.count("<li"))
        assert shown[0] == shown[1] > 1, (what, shown)
        for _ in range(_ROUNDS):
            for address, tries in measured.items():
                tries.append(seconds(lambda address=address: session.get(address, timeout=30)))  # type: ignore[misc]
    few, many = (1000 * percentile(tries, _SHARE) for tries in measured.values())
    return Line(f"catalogue, {what}: p95 of {_MANY} records | {_FEW}", many, few, "ms", "<= 1.3", many <= 1.3 * few)


@contextmanager
def _serving(home: Path, count: int) -> Iterator[str]:
    """A server of so many records, in a process of its own; its address."""
    _fill(home, count)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"TAGSTONE_HOME": str(home), "TAGSTONE_SERVING__PORT": str(port)}
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [sys.executable, "-m", "tagstone", "serve", "--only", "pages"], env=environment, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _wait(address)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)


def _wait(address: str) -> None:
    for _ in range(300):
        try:
            requests.get(f"{address}/health", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The server did not start.")


def _fill(home: Path, count: int) -> None:
    """Rows as publishing leaves them: fifty projects, eight years, titles of random words."""
    application, chosen = Application(Settings(home=home)), random.Random(4711)  # noqa: S311 - titles are no secrets
    words, years = (_WORDS, _YEARS) if count == _MANY else (_FEW_WORDS, _FEW_YEARS)
    with application.sessions.write() as session:
        projects = [_project(number) for number in range(min(50, count))]
        session.add_all(projects)
        session.flush()
        for number in range(count):
            facts = _facts(number, chosen, projects[number % len(projects)], words.split(), years)
            row = _row(number, facts, projects[number % len(projects)].id)
            session.add(row)
            session.flush()
            search.index(session, row, facts)
    application.engine.dispose()


def _project(number: int) -> Project:
    address = f"example.org/group/project-{number}"
    return Project(key=address, name=f"project-{number}", location="/nowhere", url=f"https://{address}", created_at=0.0)


def _facts(number: int, chosen: random.Random, project: Project, words: list[str], years: int) -> record.Facts:
    facts = recorded.facts()
    title = " ".join(chosen.sample(words, 4)).capitalize()
    time_of_run = _NEWEST_YEAR - number % years * 31_557_600 + chosen.random() * 3e7
    identity = ProjectIdentity(project.key, project.name, project.location, project.url)
    source = replace(facts.source, project=identity, title=title, citation=facts.source.citation.replace("Wobble", title))
    assert facts.run is not None
    run = replace(facts.run, status=replace(facts.run.status, finished_at=time_of_run))
    return replace(facts, publication=f"p{number:016x}", source=source, run=run)


def _row(number: int, facts: record.Facts, project: int) -> Publication:
    assert facts.run is not None
    ended = facts.run.status.finished_at or 0.0
    return Publication(
        id=facts.publication,
        project_id=project,
        kind=Kind.PUBLICATION,
        ref=f"v1.{number}",
        commit="c" * 40,
        tree="t" * 40,
        commit_time=int(ended),
        state=State.PUBLISHED,
        title=facts.source.title,
        version=f"1.{number}",
        doi=f"10.5072/tagstone.{number}",
        concept_doi="10.5072/tagstone.s1",
        facts=record.dump(facts).decode(),
        bundle_key=f"bundles/{facts.publication}",
        created_at=ended,
        updated_at=ended,
        finished_at=ended,
    )
