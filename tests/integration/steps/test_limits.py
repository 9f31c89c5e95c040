"""A depository with narrow limits: what is packed, what is left out, what is refused and when, and what a later version sends."""

from collections.abc import Callable
from typing import Any, BinaryIO

import pytest

from fakes.depository import FakeDepository, OneDepository
from fakes.small_project import commit
from tagstone.domain.deposits.deposit import DepositFile, Limits
from tagstone.domain.deposits.packing import PACK
from tagstone.domain.publications.publication import State, Step
from tagstone.errors import Temporary
from tagstone.store import bundles
from tagstone.store import steps as journal

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


class Counting(FakeDepository):
    """A depository that counts the bytes it is sent."""

    sent: int = 0

    def upload(self, deposit_id: str, name: str, stream: BinaryIO, size: int) -> DepositFile:
        self.sent += size
        return super().upload(deposit_id, name, stream, size)


Narrow = Callable[[Limits], Counting]


@pytest.fixture
def narrow(site: Site) -> Narrow:
    """Have the site's one depository take only so much."""

    def made(limits: Limits) -> Counting:
        depository = Counting(name="local")
        site.application.__dict__["depositories"] = OneDepository(depository, limits)
        return depository

    return made


def files(site: Site, publication: str) -> tuple[dict[str, str], dict[str, str]]:
    """Checksums of what the bundle holds, and of what is deposited of it, by path."""
    with site.application.sessions.read() as session:
        bundle, sent = bundles.files(session, publication), bundles.deposited(session, publication)
    return {file.path: file.sha256 for file in bundle}, {file.path: file.sha256 for file in sent}


def names(depository: FakeDepository) -> list[str]:
    (deposit,) = depository.deposits()
    return [file.name for file in depository.list(deposit.id)]


def begun(site: Site, publication: str) -> list[str]:
    with site.application.sessions.read() as session:
        return [row.step for row in journal.of(session, publication)]


def scratch(site: Site) -> list[str]:
    folder = site.application.home / "scratch"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_many_outputs_travel_in_one_file_and_the_record_is_confirmed(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits(files=25, empty=False))
    site.runner.outputs = {f"results/{number:02}.csv": b"," * number for number in range(30)}
    publication = site.submit()
    assert site.go(publication) == "go"
    assert site.row(publication).state == State.PUBLISHED
    deposited = names(depository)
    assert len(deposited) <= 25
    assert {PACK, "README.md", "SHA256SUMS", "outputs/results/29.csv"} <= set(deposited)
    assert "outputs/results/00.csv" not in deposited
    bundle, sent = files(site, publication)
    assert sorted(sent) == deposited
    assert "outputs/results/00.csv" in bundle
    assert scratch(site) == []


def test_a_log_without_a_byte_is_no_obstacle(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits(empty=False))
    site.runner.log = b""
    publication = site.submit()
    assert site.go(publication) == "go"
    assert PACK in names(depository)
    assert "logs/run.log" not in names(depository)


def test_a_depository_without_limits_gets_the_bundle_as_it_is(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits())
    publication = site.submit()
    site.go(publication)
    bundle, sent = files(site, publication)
    assert bundle == sent
    assert names(depository) == sorted(bundle)


def test_an_upload_that_broke_off_goes_on_with_the_same_pack(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits(files=25, empty=False))
    site.runner.outputs = {f"results/{number:02}.csv": b"," * number for number in range(30)}
    publication = site.submit()
    site.go(publication, until=Step.UPLOAD)
    depository.fail("upload", Temporary("504", delay=0.0), times=3)
    assert site.perform(publication, Step.UPLOAD) == "retry"
    (pack,) = (site.application.home / "scratch").glob(f"*{PACK}")
    written, before = pack.stat().st_ino, files(site, publication)
    assert site.perform(publication, Step.UPLOAD, failures=1) == "go"
    assert (pack.stat().st_ino, files(site, publication)) == (written, before)
    assert site.go(publication) == "go"
    assert scratch(site) == []


def test_code_that_cannot_fit_stops_before_anything_is_built(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits(bytes=100))
    site.policy["limits"] = {"local": Limits(bytes=100)}
    publication = site.submit()
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert "the depository takes 100 B" in row.error
    assert begun(site, publication) == ["resolve"]
    assert depository.deposits() == []


def test_an_image_that_cannot_fit_stops_before_a_draft_is_made(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits(bytes=15_000))
    publication = site.submit()
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert "the depository takes 14.6 KiB" in row.error
    assert "the image (" in row.remedy
    assert "TAGSTONE_BUILDS__REGISTRY" in row.remedy
    assert begun(site, publication)[-1] == "reserve"
    assert depository.deposits() == []


def test_an_image_that_a_registry_keeps_is_left_out_and_the_record_says_so(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits(bytes=300_000))
    (site.repository / "table.csv").write_bytes(b"1,2\n" * 50_000)
    commit(site.repository, "v1.0.0")
    site.policy["image_registry"] = "registry.example/keep"
    publication = site.submit()
    assert site.go(publication) == "go"
    assert not [name for name in names(depository) if name.startswith("image/")]
    facts = site.facts(publication)
    assert not facts.image.bundled
    assert f"kept at registry.example/keep/{facts.image.image.reference}" in facts.source.warnings[-1]


def test_outputs_that_cannot_fit_stop_before_a_byte_is_sent_and_the_largest_is_named(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits(bytes=300_000))
    site.runner.outputs = {"results/small.csv": b"1,2\n", "results/cube.fits": b"f" * 400_000}
    publication = site.submit()
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert "outputs/results/cube.fits (391 KiB)" in row.remedy
    assert begun(site, publication)[-1] == "collect"
    assert depository.sent == 0


def test_a_later_version_sends_only_what_is_new(site: Site, narrow: Narrow) -> None:
    depository = narrow(Limits(files=100, empty=False))
    site.runner.outputs = {"results/cube.fits": b"f" * 400_000, "results/table.csv": b"1,2\n"}
    first = site.submit()
    assert site.go(first) == "go"
    once, depository.sent = depository.sent, 0
    (site.repository / "analysis.py").write_text("print('wobbles')\n")
    commit(site.repository, "v1.1.0")
    second = site.submit("v1.1.0")
    assert site.go(second) == "go"
    with site.application.sessions.read() as session:
        before = {(file.path, file.sha256) for file in bundles.deposited(session, first)}
        changed = [file for file in bundles.deposited(session, second) if (file.path, file.sha256) not in before]
    assert depository.sent <= 1.05 * sum(file.size for file in changed)
    assert depository.sent < once - 400_000
    assert "outputs/results/cube.fits" not in {file.path for file in changed}
    assert sum(file.path.startswith("image/blobs/") for file in changed) == 3  # the code's layer, configuration and manifest
