"""`reproduce.sh` of deposits as depositories with narrow limits have them: small files in one, the image in a registry."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.kept import Kept
from tagstone.actions.bundle import write_bundle
from tagstone.actions.fit import fitted
from tagstone.actions.pack import deposited
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.deposits.packing import PACK
from tagstone.domain.publications.record import Facts

Reproduce = Callable[..., subprocess.CompletedProcess[str]]
FEW = Limits(files=20, empty=False)


def packed(facts: Facts) -> tuple[Facts, Limits]:
    return fitted(facts, FEW), FEW


def left_out(facts: Facts) -> tuple[Facts, Limits]:
    assert facts.image is not None
    limits = Limits(bytes=100_000)
    return fitted(replace(facts, image=replace(facts.image, registry="registry.example/keep")), limits), limits


@pytest.fixture
def bundle(kept: Kept, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The deposit of facts changed by the test's parameter, downloaded file by file."""
    facts, limits = request.param(kept.facts)
    whole, folder = tmp_path / "whole", tmp_path / "downloaded"
    files = write_bundle(facts, recorded.metadata(), recorded.CITATION, kept.registry, kept.storage, whole)
    deposit = deposited(files, limits, whole, tmp_path / "scratch" / PACK)
    for file in deposit.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        with deposit.open(file.path) as source, (folder / file.path).open("wb") as sink:
            shutil.copyfileobj(source, sink)
    return folder


@pytest.mark.parametrize("bundle", [packed], indirect=True)
def test_a_packed_deposit_is_unpacked_and_run_again(with_fake: Reproduce, bundle: Path):
    assert not (bundle / "outputs").exists()
    done = with_fake()
    assert (done.returncode, done.stderr) == (0, "")
    assert "identical: all 2 outputs have the recorded checksums" in done.stdout
    again = with_fake()
    assert (again.returncode, again.stdout) == (0, done.stdout)


@pytest.mark.parametrize("bundle", [packed], indirect=True)
def test_what_was_unpacked_already_is_left_as_it_is(with_fake: Reproduce, bundle: Path):
    assert with_fake().returncode == 0
    (bundle / PACK).write_bytes(b"not read any more")
    assert with_fake().returncode == 0


@pytest.mark.parametrize("bundle", [packed], indirect=True)
def test_a_damaged_pack_is_named_and_nothing_is_run(with_fake: Reproduce, bundle: Path):
    (bundle / PACK).write_bytes(b"no tar")
    done = with_fake("touch /tmp/never")
    assert done.returncode == 2
    assert "more.tar cannot be unpacked here." in done.stderr


@pytest.mark.parametrize("bundle", [packed], indirect=True)
def test_a_pack_with_other_files_is_not_run_on(with_fake: Reproduce, bundle: Path):
    data = (bundle / PACK).read_bytes()
    (bundle / PACK).write_bytes(data.replace(b"data\ngiven\n", b"data\ntaken\n"))
    done = with_fake()
    assert done.returncode == 2
    assert "this bundle is not as it was archived" in done.stderr


@pytest.mark.parametrize("bundle", [packed], indirect=True)
def test_the_text_for_people_says_what_the_pack_is(bundle: Path):
    text = (bundle / "README.md").read_text()
    assert "takes 20 files, and no file without a byte: 3 of these came to it in one, `more.tar`" in text


@pytest.mark.parametrize("bundle", [left_out], indirect=True)
def test_an_image_that_the_deposit_leaves_out_is_pulled_by_its_digest(with_fake: Reproduce, shell: Path, bundle: Path):
    assert not (bundle / "image").exists()
    podman = (shell / "podman").read_text()
    (shell / "podman").write_text(podman.replace("  pull) ", '  pull) echo "$3" >>"$0.pulled"; echo an-image ;;\n  never) '))
    done = with_fake()
    assert (done.returncode, done.stderr) == (0, "")
    digest = next(line for line in (bundle / "reproduce.sh").read_text().splitlines() if line.startswith("recorded_digest="))
    assert (shell / "podman.pulled").read_text() == f"registry.example/keep/wobble@{digest.partition('=')[2]}\n"


@pytest.mark.parametrize("bundle", [left_out], indirect=True)
def test_an_image_that_cannot_be_pulled_is_said_to_be_where_it_is(with_fake: Reproduce):
    done = with_fake()
    assert done.returncode == 2
    assert "the image is not in this bundle, and podman cannot pull it from registry.example/keep/wobble@sha256:" in done.stderr


@pytest.mark.parametrize("bundle", [left_out], indirect=True)
def test_every_text_says_that_the_image_is_elsewhere(bundle: Path):
    address = "registry.example/keep/wobble@sha256:"
    readme = (bundle / "README.md").read_text()
    assert "**It is not in here:**" in readme
    assert f"podman run --rm -it {address}" in readme
    for name in ("README.md", "ro-crate-metadata.json", "tagstone.json", "reproduce.sh"):
        assert address in (bundle / name).read_text(), name
    assert '"image/"' not in (bundle / "ro-crate-metadata.json").read_text()
    assert "repository_url=registry.example/keep/wobble" in (bundle / "provenance.intoto.json").read_text()
