"""`reproduce.sh` of records where nothing was run, where results were brought, and where inputs are kept elsewhere."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.kept import Kept
from fakes.programs import found
from tagstone.actions.bundle import write_bundle
from tagstone.domain.publications.record import Facts, InputFacts

Reproduce = Callable[..., subprocess.CompletedProcess[str]]
ALONE = 'environment: {base: "debian:bookworm"}\n'
GIVEN = b"given\n"

# Says where it was asked to fetch from and leaves what a test put beside it.
FAKE_CURL = """\
#!/bin/sh
while [ $# -gt 1 ]; do
  case $1 in --output | -O) to=$2 ; shift ;; esac
  shift
done
echo "$1" >>"$0.asked"
cat "$0.answer" >"$to"
"""


def environment_alone(facts: Facts) -> Facts:
    return replace(facts, run=None, outputs=(), source=replace(facts.source, manifest=ALONE, inputs=()))


def brought(facts: Facts) -> Facts:
    return replace(facts, outputs=tuple(replace(output, brought=True) for output in facts.outputs))


def tolerant(facts: Facts) -> Facts:
    manifest = facts.source.manifest.replace("[results/*]", "[{path: results/*, compare: numbers, rtol: 1e-9}]")
    return replace(facts, source=replace(facts.source, manifest=manifest))


def fetched(source: str, doi: str | None = None) -> Callable[[Facts], Facts]:
    elsewhere = InputFacts(source, "in/given.txt", len(GIVEN), recorded.sha256(GIVEN), "k", doi=doi, copied=False)
    return lambda facts: replace(facts, source=replace(facts.source, inputs=(elsewhere,)))


@pytest.fixture
def bundle(kept: Kept, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The bundle of facts changed by the test's parameter."""
    folder = tmp_path / "bundles" / "bundle"
    write_bundle(request.param(kept.facts), recorded.metadata(), recorded.CITATION, kept.registry, kept.storage, folder)
    return folder


@pytest.fixture
def curl(shell: Path) -> Path:
    """A curl that fetches nothing but an answer that the test writes beside it."""
    (shell / "curl").write_text(FAKE_CURL)
    (shell / "curl").chmod(0o755)
    (shell / "curl.answer").write_bytes(GIVEN)
    return shell / "curl"


@pytest.mark.parametrize("bundle", [environment_alone], indirect=True)
def test_where_nothing_was_run_the_image_is_loaded_and_that_is_said(with_fake: Reproduce, tmp_path: Path):
    done = with_fake("exit 7")
    assert (done.returncode, done.stderr) == (0, "")
    assert "loaded: podman reads the image sha256:" in done.stdout
    assert "Nothing was run for this record" in done.stdout
    assert done.stdout.splitlines()[-1] == "Start it with: podman run --rm -it an-image"
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("bundle", [brought], indirect=True)
def test_a_check_is_run_and_only_its_end_counts(with_fake: Reproduce):
    done = with_fake("set -- true")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith(
        "checked: the recorded check ended with 0, as recorded; the outputs were made"
    )
    assert with_fake("set -- false").returncode == 2


@pytest.mark.parametrize("bundle", [tolerant], indirect=True)
def test_where_limits_are_declared_different_bytes_are_no_verdict(with_fake: Reproduce):
    done = with_fake("echo more >> data.txt")
    assert done.returncode == 1
    assert "`tagstone reproduce` compares values" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("bundle", "asked"),
    [
        (fetched("https://data.example/a?b=1&c='x'"), "https://data.example/a?b=1&c='x'"),
        (fetched("doi:10.5281/zenodo.7/a b.txt", "10.5281/zenodo.7"), "https://zenodo.org/records/7/files/a%20b.txt"),
    ],
    indirect=["bundle"],
)
def test_an_input_that_is_not_in_the_bundle_is_fetched(with_fake: Reproduce, curl: Path, asked: str):
    done = with_fake()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "identical: all 2 outputs have the recorded checksums"
    assert Path(f"{curl}.asked").read_text() == f"{asked}\n"


@pytest.mark.parametrize("shell", ["dash"], indirect=True)  # busybox has a wget of its own
@pytest.mark.parametrize("bundle", [fetched("https://data.example/a")], indirect=True)
def test_wget_will_do_where_there_is_no_curl(with_fake: Reproduce, curl: Path):
    for name in ("curl", "curl.answer"):
        curl.with_name(name).rename(curl.with_name(name.replace("curl", "wget")))
    done = with_fake()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("bundle", [fetched("https://data.example/a")], indirect=True)
def test_other_bytes_than_the_recorded_ones_are_not_run_on(with_fake: Reproduce, curl: Path):
    Path(f"{curl}.answer").write_bytes(b"other\n")
    done = with_fake()
    assert done.returncode == 2
    assert "the input in/given.txt is not the recorded one" in done.stderr
    assert "Running" not in done.stdout


@pytest.mark.parametrize("bundle", [fetched("https://data.example/a")], indirect=True)
def test_a_failed_fetch_says_what_to_do(with_fake: Reproduce, curl: Path):
    Path(f"{curl}.answer").unlink()
    done = with_fake()
    assert done.returncode == 2
    assert "Get it from https://data.example/a, put it at inputs/in/given.txt, then run this again." in done.stderr


@pytest.mark.parametrize("bundle", [fetched("doi:10.17876/x.1/b.txt", "10.17876/x.1"), fetched("/data/b.txt")], indirect=True)
def test_an_input_without_an_address_may_be_put_there_by_hand(with_fake: Reproduce, bundle: Path):
    done = with_fake()
    assert done.returncode == 2
    assert "put it at inputs/in/given.txt, then run this again." in done.stderr
    (bundle / "inputs" / "in").mkdir(parents=True)
    (bundle / "inputs" / "in" / "given.txt").write_bytes(GIVEN)
    assert with_fake().returncode == 0


@pytest.mark.engines
@pytest.mark.parametrize("bundle", [environment_alone], indirect=True)
@pytest.mark.parametrize("tool", ["podman", "buildah", "umoci"])
def test_each_tool_loads_an_environment_alone(tool: str, shell: Path, reproduce: Reproduce, confined: dict[str, str]):
    for name in {"umoci": ("umoci", "skopeo", "runc")}.get(tool, (tool,)):
        (shell / name).symlink_to(found(name))
    done = reproduce("--tool", tool, **confined)
    assert (done.stderr, done.returncode) == ("", 0)
    assert f"loaded: {tool} reads the image sha256:" in done.stdout
