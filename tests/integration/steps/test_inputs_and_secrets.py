"""Inputs, results that were brought, publications without a run, and secrets, on the way through the steps."""

import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.actors import ADA
from fakes.secret_kinds import SECRETS
from fakes.small_project import MANIFEST, commit
from fakes.web_server import WebFile, WebServer, web_server
from tagstone.actions.submit import cancel
from tagstone.adapters.doi_records import DoiRecords
from tagstone.adapters.downloads import Downloads
from tagstone.adapters.https_client import HttpsClient
from tagstone.domain.publications.publication import State, Step
from tagstone.domain.runs.run import Outcome
from tagstone.store import logs, steps

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported

DATA = bytes(range(256)) * 4096
ENVIRONMENT = 'environment: {base: "debian:bookworm", apt: [python3]}\n'
TOKEN = SECRETS["gitlab"][1]


def publish(site: Site, files: dict[str, str], until: Step | None = None) -> str:
    """Commit files, tag, and go through the steps."""
    for path, text in files.items():
        (site.repository / path).parent.mkdir(parents=True, exist_ok=True)
        (site.repository / path).write_text(text)
    commit(site.repository, "v2.0.0")
    publication: str = site.submit("v2.0.0")
    site.go(publication, until=until)
    return publication


def waived(site: Site, publication: str, files: dict[str, str]) -> str:
    """Publish once more, with what stopped it waived by the name it was given."""
    (name,) = [word for word in site.row(publication).error.split() if ":gitlab-token:" in word]
    manifest = f"{files.get('tagstone.yml', MANIFEST)}waived_secrets: [{name}]\n"
    for path, text in (files | {"tagstone.yml": manifest}).items():
        (site.repository / path).write_text(text)
    commit(site.repository, "v3.0.0")
    again: str = site.submit("v3.0.0")
    site.go(again)
    assert site.facts(again).secrets_waived == (name,)
    return again


def told(site: Site, publication: str) -> str:
    """The log of the inputs."""
    with site.application.sessions.read() as session:
        found = logs.find(session, publication, logs.source("inputs", 1))
    assert found is not None
    chunks = []
    for number in range(1, found.last + 1):
        with site.application.storage.open(logs.chunk_key(publication, found.source, number)) as stream:
            chunks.append(stream.read())
    return b"".join(chunks).decode()


def bundled(site: Site, publication: str) -> set[str]:
    folder = site.application.home / site.row(publication).bundle_key
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def nowhere(site: Site, secret: str) -> bool:
    """Whether a secret is in no row, log line or error: SQLite's file and its journal hold all of them."""
    return all(secret.encode() not in path.read_bytes() for path in site.application.home.glob("tagstone.sqlite*"))


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    (tmp_path / "tls").mkdir()
    with web_server(tmp_path / "tls") as server:
        yield server


def reaching(web: WebServer) -> Downloads:
    client = HttpsClient(frozenset({"localhost"}), web.certificate, seconds=20)
    return Downloads(client, DoiRecords(client, {"10.5281": f"localhost:{web.port}"}))


def with_input(source: str, more: str = "") -> str:
    return f"{MANIFEST}inputs:\n  - {{from: '{source}', to: data/a.bin, sha256: {hashlib.sha256(DATA).hexdigest()}{more}}}\n"


def test_an_input_of_a_record_is_fetched_told_of_and_not_copied(site: Site, web: WebServer) -> None:
    web.add_record("10.5281/zenodo.12", {"a.bin": DATA}, concept="10.5281/zenodo.11")
    site.downloads = reaching(web)
    publication = publish(site, {"tagstone.yml": with_input("doi:10.5281/zenodo.12/a.bin")})
    assert site.row(publication).state == State.PUBLISHED
    (given,) = site.facts(publication).source.inputs
    assert (given.doi, given.copied, given.size) == ("10.5281/zenodo.12", False, len(DATA))
    assert "data/a.bin: fetching (1 MiB)" in told(site, publication)
    assert not any(path.startswith("inputs/") for path in bundled(site, publication))


@pytest.mark.parametrize(("more", "copied"), [("", False), (", licence: CC0-1.0", True)])
def test_an_input_without_a_doi_is_copied_where_it_may_be_shared(site: Site, more: str, copied: bool) -> None:
    (site.repository / "raw.bin").write_bytes(DATA)
    (site.repository / ".gitignore").write_text("raw.bin\n")
    publication = publish(site, {"tagstone.yml": with_input("raw.bin", more)})
    assert site.row(publication).state == State.PUBLISHED
    assert ("inputs/data/a.bin" in bundled(site, publication)) is copied
    assert any("from the deposit alone" in warning for warning in site.facts(publication).source.warnings) is not copied


def test_an_input_that_is_too_large_to_be_copied_is_warned_of(site: Site) -> None:
    (site.repository / "raw.bin").write_bytes(DATA)
    site.policy = {"copied_input_bytes": 1000}
    publication = publish(site, {"tagstone.yml": with_input("raw.bin", ", licence: CC0-1.0")})
    assert any("is not copied" in warning for warning in site.facts(publication).source.warnings)


def test_a_site_may_refuse_inputs_from_its_own_disk(site: Site) -> None:
    site.policy = {"local_inputs": False}
    publication = publish(site, {"tagstone.yml": with_input("/etc/passwd")})
    assert "this site fetches none" in site.row(publication).error


def test_an_input_that_breaks_off_is_gone_on_with_by_the_next_try(site: Site, web: WebServer) -> None:
    web.files["/a"] = WebFile(DATA, breaks=[300_000])
    site.downloads = reaching(web)
    publication = publish(site, {"tagstone.yml": with_input(web.url("/a"))}, until=Step.BUILD)
    assert site.row(publication).waiting
    assert site.perform(publication, Step.RESOLVE, failures=1) == "go"
    assert [asked.get("Range") for _, asked in web.asked] == [None, "bytes=300000-"]
    assert "going on after 293 KiB" in told(site, publication)


def test_an_input_whose_worker_was_killed_is_gone_on_with(site: Site, web: WebServer) -> None:
    web.files["/a"] = WebFile(DATA, gate=(gate := threading.Event()))
    site.downloads = reaching(web)
    (site.repository / "tagstone.yml").write_text(with_input(web.url("/a")))
    commit(site.repository, "v2.0.0")
    publication = site.submit("v2.0.0")
    site.application.engine.dispose()
    child = multiprocessing.get_context("fork").Process(target=site.perform, args=(publication, Step.RESOLVE))
    child.start()
    scratch = site.application.home / "scratch" / "inputs"
    while not any(path.stat().st_size > 0 for path in scratch.glob("*.part")):
        child.join(0.05)
        assert child.is_alive()
    os.kill(int(child.pid or 0), 9)
    child.join()
    gate.set()
    assert site.perform(publication, Step.RESOLVE) == "go"
    assert int(str(web.asked[-1][1]["Range"]).removeprefix("bytes=").rstrip("-")) > 0
    assert site.facts(publication).source.inputs[0].size == len(DATA)


def test_somebody_who_cancels_ends_a_download(site: Site, web: WebServer) -> None:
    web.files["/a"] = WebFile(DATA, gate=(gate := threading.Event()))
    site.downloads = reaching(web)
    (site.repository / "tagstone.yml").write_text(with_input(web.url("/a")))
    commit(site.repository, "v2.0.0")
    publication = site.submit("v2.0.0")

    def stop() -> None:
        while not web.asked:
            time.sleep(0.02)
        with site.application.sessions.write() as session:
            cancel(session, site.queue, 3.0, publication, ADA)
        # Longer than the second between two looks whether somebody asked for a stop.
        threading.Timer(1.2, gate.set).start()

    thread = threading.Thread(target=stop)
    thread.start()
    assert site.perform(publication, Step.RESOLVE) == "stop"
    thread.join()
    assert site.row(publication).state == State.CANCELLED


def test_a_publication_may_be_of_an_environment_alone(site: Site) -> None:
    publication = publish(site, {"tagstone.yml": ENVIRONMENT})
    facts = site.facts(publication)
    assert site.row(publication).state == State.PUBLISHED
    assert (facts.run, facts.outputs, facts.ran) == (None, (), False)
    assert site.runner.begun == 0
    with site.application.sessions.read() as session:
        details = {step.step: step.detail for step in steps.of(session, publication)}
    assert (details["run"], details["collect"]) == ("Nothing is run.", "There are no outputs.")
    assert details["build"] is None


def test_results_made_elsewhere_are_archived_as_such(site: Site, web: WebServer) -> None:
    web.files["/a"] = WebFile(DATA)
    site.downloads = reaching(web)
    manifest = with_input(web.url("/a")).replace("run: {command: [python3, analysis.py]}\noutputs: [results/*]\n", "")
    manifest += "outputs: {brought: [figures, data/*.bin]}\n"
    files = {"tagstone.yml": manifest, "figures/one.svg": "<svg/>", "figures/deep/two.svg": "<svg/>", "notes.txt": "x"}
    publication = publish(site, files)
    assert site.row(publication).state == State.PUBLISHED
    outputs = site.facts(publication).outputs
    assert [file.path for file in outputs] == ["data/a.bin", "figures/deep/two.svg", "figures/one.svg"]
    assert all(file.brought for file in outputs)
    assert {"brought/data/a.bin", "brought/figures/one.svg"} <= bundled(site, publication)
    assert site.runner.begun == 0


@pytest.mark.parametrize(("code", "state"), [(0, State.PUBLISHED), (1, State.FAILED)])
def test_a_run_beside_results_made_elsewhere_is_a_check_that_has_to_succeed(site: Site, code: int, state: State) -> None:
    site.runner.outcome = Outcome.FAILED if code else Outcome.SUCCEEDED
    manifest = f"{ENVIRONMENT}run: {{command: [python3, analysis.py, --small]}}\noutputs: {{brought: [figures/*]}}\n"
    publication = publish(site, {"tagstone.yml": manifest, "figures/one.svg": "<svg/>"})
    assert site.row(publication).state == state
    assert site.runner.begun == 1


def test_what_is_brought_and_made_at_once_is_refused(site: Site) -> None:
    manifest = MANIFEST.replace("[results/*]", "{made: [results/*], brought: [results/table.csv]}")
    publication = publish(site, {"tagstone.yml": manifest, "results/table.csv": "a,b\n"})
    assert "is brought, and the run makes it too" in site.row(publication).error


def test_more_results_than_the_site_takes_are_refused(site: Site) -> None:
    site.policy = {"output_files": 1}
    manifest = f"{ENVIRONMENT}outputs: {{brought: [figures]}}\n"
    publication = publish(site, {"tagstone.yml": manifest, "figures/1": "x", "figures/2": "x"})
    assert "this site takes 1" in site.row(publication).error


def test_a_secret_in_the_code_stops_before_anything_is_built_until_it_is_waived(site: Site) -> None:
    files = {"config.py": f"x = 1\nkey = '{TOKEN}'\n"}
    publication = publish(site, files)
    row = site.row(publication)
    assert (row.state, row.step) == (State.FAILED, Step.RESOLVE)
    assert "code/config.py:2" in row.error
    assert TOKEN not in row.error + row.remedy
    assert site.builder.calls["start"] == 0
    assert nowhere(site, TOKEN)
    assert site.row(waived(site, publication, files)).state == State.PUBLISHED


def test_a_secret_that_a_build_writes_stops_also_where_the_environment_is_found_again(site: Site) -> None:
    site.builder.writes["pip.conf"] = f"[global]\ntoken = {TOKEN}\n"
    first = publish(site, {})
    assert "image/opt/pip.conf:2" in site.row(first).error
    commit(site.repository, "v2.1.0")
    second = site.submit("v2.1.0")
    assert site.go(second) == "stop"
    assert "image/opt/pip.conf:2" in site.row(second).error
    assert site.builder.calls["start"] == 1
    assert nowhere(site, TOKEN)
    assert site.row(waived(site, second, {})).state == State.PUBLISHED


def test_a_secret_that_a_run_prints_stops_before_anything_is_bundled(site: Site) -> None:
    site.runner.log = f"reading\nlogin with {TOKEN}\ndone\n".encode()
    publication = publish(site, {})
    row = site.row(publication)
    assert (row.state, row.step) == (State.FAILED, Step.COLLECT)
    assert "logs/run.log:2" in row.error
    assert not (site.application.home / "bundles" / publication).exists()
    assert nowhere(site, TOKEN)
    assert site.row(waived(site, publication, {})).state == State.PUBLISHED


def test_a_secret_in_an_output_stops_before_anything_is_bundled(site: Site) -> None:
    site.runner.outputs["results/notebook.ipynb"] = f'{{"source": ["{TOKEN}"]}}'.encode()
    publication = publish(site, {})
    assert "outputs/results/notebook.ipynb:1" in site.row(publication).error
    assert nowhere(site, TOKEN)
    assert site.row(waived(site, publication, {})).state == State.PUBLISHED


def test_a_waiver_that_nothing_needed_is_told_in_the_end(site: Site) -> None:
    manifest = f"{MANIFEST}waived_secrets: ['logs/run.log:gitlab-token:123456789012']\n"
    publication = publish(site, {"tagstone.yml": manifest})
    assert site.row(publication).state == State.PUBLISHED
    assert any("which was not found" in warning for warning in site.facts(publication).source.warnings)
