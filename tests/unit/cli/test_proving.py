"""verify and reproduce."""

import hashlib
from dataclasses import replace

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository
from fakes.registry import FakeRegistry
from tagstone.domain.archived import Archived
from tagstone.domain.oci import CONFIG, LAYER, MANIFEST
from tagstone.domain.run import LogChunk, Outcome, OutputFile, OutputRules, RunSpec, RunStatus
from tagstone.store import bundles, publications

OUTPUTS = {"results/table.csv": b"1,2\n", "results/plot.png": b"png"}
DOCUMENT = b'{"schemaVersion": 2, "mediaType": "%s", "config": %s, "layers": [%s]}'
BLOB = b'{"mediaType": "%s", "digest": "sha256:%s", "size": %d}'


class Runner:
    """A runner whose run leaves what it is told to, at once."""

    name = "prompt"

    def __init__(self) -> None:
        self.leaves = dict(OUTPUTS)
        self.outcome, self.exit_code = Outcome.SUCCEEDED, 0
        self.removed: list[str] = []

    def start(self, key: str, spec: RunSpec) -> None:
        """Nothing to wait for."""

    def observe(self, key: str) -> RunStatus:
        return RunStatus(1.0, 2.0, self.outcome, self.exit_code)

    def logs(self, key: str, cursor: str) -> LogChunk:
        return LogChunk(b"" if cursor else b"it ran \x1b[1magain\n", "end")

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        return [recorded.output(path, data) for path, data in sorted(self.leaves.items())]

    def stop(self, key: str) -> None:
        """Nothing runs."""

    def remove(self, key: str) -> None:
        self.removed.append(key)


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def record(tagstone, installation, runner) -> str:
    """A published record with image, code, bundle and deposit, all as recorded."""

    def blob(kind: str, data: bytes) -> bytes:
        return BLOB % (kind.encode(), recorded.sha256(data).encode(), len(data))

    manifest = DOCUMENT % (MANIFEST.encode(), blob(CONFIG, b"{}"), blob(LAYER, b"layer"))
    registry = FakeRegistry()
    made = recorded.image(manifest, b"{}", (b"layer",))
    for data, kind in ((b"{}", CONFIG), (b"layer", LAYER)):
        registry.put_blob(made.name, [data], kind)
    assert registry.put_manifest(made.name, manifest, None) == made.digest
    code = b"code"
    installation.storage.write("code/wobble.tar", [code])
    facts = replace(recorded.facts(made=made, code=code), deposit=None)
    publication = installation.record(OUTPUTS, facts)
    folder = installation.home / "bundles" / publication
    files = [
        Archived(path.relative_to(folder).as_posix(), path.stat().st_size, recorded.sha256(path.read_bytes()), "")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    with installation.sessions.write() as session:
        bundles.put(session, publication, f"bundles/{publication}", files)
    parts = {"registry": registry, "runner": runner, "builder": None, "depository": FakeDepository()}
    tagstone.application.__dict__.update(parts)
    return str(publication)


def test_verify_reads_all_and_says_intact(tagstone, record):
    done = tagstone("verify", record)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("intact: ")
    assert tagstone.json("verify", record)["result"] == "intact"


def test_verify_names_every_damaged_file_and_ends_with_code_10(tagstone, record, installation):
    table = installation.home / "bundles" / record / "outputs" / "results" / "table.csv"
    table.write_bytes(b"1,3\n")
    done = tagstone("verify", record)
    assert done.exit_code == 10
    assert "outputs/results/table.csv" in done.stdout


def test_verify_is_not_deceived_by_a_checksum_list_that_was_changed_too(tagstone, record, installation):
    folder = installation.home / "bundles" / record
    old, new = (hashlib.sha256(data).hexdigest() for data in (b"1,2\n", b"1,3\n"))
    (folder / "outputs" / "results" / "table.csv").write_bytes(b"1,3\n")
    (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text().replace(old, new))
    assert tagstone("verify", record).exit_code == 10


def test_verify_notices_a_damaged_image(tagstone, record):
    tagstone.application.registry.corrupt("sha256:" + recorded.sha256(b"layer"))
    assert tagstone.json("verify", record)["problems"][0]["place"] == "image"


def test_verify_notices_a_bundle_that_is_gone(tagstone, record, installation):
    (installation.home / "bundles" / record).rename(installation.home / "elsewhere")
    assert tagstone("verify", record).exit_code == 4


def test_reproduce_says_identical_and_leaves_nothing_behind(tagstone, record, runner):
    done = tagstone("reproduce", record)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("identical: all 2 outputs")
    assert "it ran \\x1b[1magain" in done.stderr
    assert runner.removed[-1] == f"{record}-again"


def test_reproduce_lists_what_is_different(tagstone, record, runner):
    runner.leaves["results/table.csv"] = b"1,3\n"
    done = tagstone("reproduce", record)
    assert done.exit_code == 10
    assert "changed: 'results/table.csv'" in done.stdout
    assert tagstone.json("reproduce", record)["changes"][0]["path"] == "results/table.csv"


def test_an_analysis_that_fails_this_time_is_told_as_such(tagstone, record, runner):
    runner.outcome, runner.exit_code = Outcome.FAILED, 3
    assert tagstone("reproduce", record).exit_code == 9


def test_what_has_no_facts_yet_cannot_be_proved(tagstone, record, installation):
    with installation.sessions.write() as session:
        publications.get(session, record).facts = None
    assert tagstone("reproduce", record).exit_code == 5
    assert tagstone("verify", record).exit_code == 5
