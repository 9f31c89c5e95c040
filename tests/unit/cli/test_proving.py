"""verify and reproduce."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository, OneDepository
from fakes.registry import FakeRegistry
from fakes.storage import FakeStorage
from tagstone.actions.pack import deposited
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.deposits.packing import PACK
from tagstone.domain.images.oci import CONFIG, LAYER, MANIFEST
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.record import Facts, dump, load
from tagstone.domain.runs.run import LogChunk, Outcome, OutputFile, OutputRules, RunSpec, RunStatus
from tagstone.store import bundles, publications
from tagstone.store.tables import Publication

OUTPUTS = {"results/table.csv": b"1,2\n", "results/plot.png": b"png"}
DOCUMENT = b'{"schemaVersion": 2, "mediaType": "%s", "config": %s, "layers": [%s]}'
BLOB = b'{"mediaType": "%s", "digest": "sha256:%s", "size": %d}'


class Runner:
    """A runner whose run leaves what it is told to, at once."""

    name = "prompt"

    def __init__(self, storage: FakeStorage) -> None:
        self.storage = storage
        self.leaves = dict(OUTPUTS)
        self.specs: list[RunSpec] = []
        self.outcome, self.exit_code = Outcome.SUCCEEDED, 0
        self.removed: list[str] = []

    def start(self, key: str, spec: RunSpec) -> None:
        """Nothing to wait for."""
        self.specs.append(spec)

    def observe(self, key: str) -> RunStatus:
        return RunStatus(1.0, 2.0, self.outcome, self.exit_code)

    def logs(self, key: str, cursor: str) -> LogChunk:
        return LogChunk(b"" if cursor else b"it ran \x1b[1magain\n", "end")

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        for data in self.leaves.values():
            self.storage.keep([data])
        return [recorded.output(path, data) for path, data in sorted(self.leaves.items())]

    def stop(self, key: str) -> None:
        """Nothing runs."""

    def remove(self, key: str) -> None:
        self.removed.append(key)


@pytest.fixture
def runner(installation) -> Runner:
    return Runner(installation.storage)


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
    parts = {"registry": registry, "runner": runner, "builder": None, "depositories": OneDepository(FakeDepository())}
    tagstone.application.__dict__.update(parts)
    return str(publication)


def facts_in(row: Publication) -> Facts:
    assert row.facts is not None
    return load(row.facts.encode())


def declare(installation, publication: str, outputs: str) -> None:
    """Let the recorded manifest declare these outputs."""
    with installation.sessions.write() as session:
        row = publications.get(session, publication)
        facts = facts_in(row)
        manifest = facts.source.manifest.replace("outputs: [results/*]", f"outputs: {outputs}")
        assert manifest != facts.source.manifest
        row.facts = dump(replace(facts, source=replace(facts.source, manifest=manifest))).decode()


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


def test_reproduce_runs_with_the_recorded_environment_and_identifier(tagstone, record, installation, runner):
    tagstone("reproduce", record)
    with installation.sessions.read() as session:
        facts = facts_in(publications.get(session, record))
    assert facts.run is not None
    assert runner.specs == [facts.run.spec]
    assert dict(runner.specs[0].env)["TAGSTONE_DOI"] == "10.5072/tagstone.abc123"


def test_reproduce_says_equivalent_when_values_are_within_the_declared_tolerance(tagstone, record, installation, runner):
    declare(installation, record, "[{path: results/*.csv, compare: numbers, rtol: 1.0e-9}, results/*]")
    runner.leaves["results/table.csv"] = b"1,2.0000000001\n"
    done = tagstone("reproduce", record)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("equivalent: 1 of 2 outputs have the recorded checksums, 1 more")
    assert "the largest difference of two numbers is 1e-10" in done.stdout
    assert tagstone.json("reproduce", record)["result"] == "equivalent"


def test_values_outside_the_tolerance_are_different_and_the_worst_is_named(tagstone, record, installation, runner):
    declare(installation, record, "[{path: results/*.csv, compare: numbers, rtol: 1.0e-9}, results/*]")
    runner.leaves["results/table.csv"] = b"1,2.1\n"
    done = tagstone("reproduce", record)
    assert done.exit_code == 10
    assert "line 1, column 2: 2 recorded, 2.1 found" in done.stdout


def test_recorded_bytes_that_were_damaged_since_are_not_compared_with(tagstone, record, installation, runner):
    declare(installation, record, "[{path: results/*.csv, compare: numbers, rtol: 0.5}, results/*]")
    (installation.home / "bundles" / record / "outputs" / "results" / "table.csv").write_bytes(b"1,2.1\n")
    runner.leaves["results/table.csv"] = b"1,2.1\n"
    done = tagstone("reproduce", record)
    assert done.exit_code == 10
    assert "could not be compared: The bundle's bytes are not the recorded ones" in done.stdout


def test_results_that_were_made_elsewhere_are_not_expected_of_a_run(tagstone, record, installation, runner):
    with installation.sessions.write() as session:
        row = publications.get(session, record)
        facts = facts_in(row)
        brought = replace(recorded.output("from-elsewhere.csv", b"3\n"), brought=True)
        row.facts = dump(replace(facts, outputs=(*facts.outputs, brought))).decode()
    assert tagstone("reproduce", record).exit_code == 0


def test_an_input_is_taken_from_the_bundle_when_storage_has_it_no_more(tagstone, record, installation):
    given = recorded.given("data/in.csv", b"1\n")
    with installation.sessions.write() as session:
        row = publications.get(session, record)
        facts = facts_in(row)
        row.facts = dump(replace(facts, source=replace(facts.source, inputs=(given,)))).decode()
    place = installation.home / "bundles" / record / "inputs" / "data" / "in.csv"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"2\n")
    assert "inputs/data/in.csv is not what was recorded" in tagstone("reproduce", record).stderr
    place.write_bytes(b"1\n")
    assert tagstone("reproduce", record).exit_code == 0
    assert installation.storage.size(given.storage_key) == 2


def test_an_analysis_that_fails_this_time_is_told_as_such(tagstone, record, runner):
    runner.outcome, runner.exit_code = Outcome.FAILED, 3
    assert tagstone("reproduce", record).exit_code == 9


def test_what_has_no_facts_yet_cannot_be_proved(tagstone, record, installation):
    with installation.sessions.write() as session:
        publications.get(session, record).facts = None
    assert tagstone("reproduce", record).exit_code == 5
    assert tagstone("verify", record).exit_code == 5


@pytest.fixture
def downloaded(record, installation, tmp_path) -> Path:
    """The record's deposit as somebody downloaded it from a depository that takes few files."""
    with installation.sessions.read() as session:
        row = publications.get(session, record)
        files, facts = bundles.files(session, record), facts_in(row)
    whole = installation.home / "bundles" / record
    folder: Path = tmp_path / "downloaded"
    texts = {"tagstone.json": dump(facts)}
    for path, data in texts.items():
        (whole / path).write_bytes(data)
    files = [Archived(f.path, f.size, f.sha256, "") for f in files if f.path not in (*texts, "SHA256SUMS")]
    files += [Archived(path, len(data), recorded.sha256(data), "") for path, data in texts.items()]
    sums = "".join(f"{file.sha256}  {file.path}\n" for file in files).encode()
    (whole / "SHA256SUMS").write_bytes(sums)
    files.append(Archived("SHA256SUMS", len(sums), recorded.sha256(sums), ""))
    deposit = deposited(files, Limits(files=5), whole, tmp_path / PACK)
    for file in deposit.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        with deposit.open(file.path) as stream:
            (folder / file.path).write_bytes(stream.read())
    return folder


def test_verify_reads_a_downloaded_deposit_with_its_pack(tagstone, downloaded):
    assert not (downloaded / "outputs").exists()
    done = tagstone("verify", str(downloaded))
    assert done.exit_code == 0, done.output
    (downloaded / "README.md").write_bytes(b"other")
    done = tagstone("verify", str(downloaded))
    assert done.exit_code == 10
    assert "README.md" in done.stdout


def test_reproduce_unpacks_a_downloaded_deposit_and_runs_it_again(tagstone, downloaded, runner):
    runner.leaves["results/table.csv"] = b"1,3\n"
    done = tagstone("reproduce", str(downloaded))
    assert done.exit_code == 10, done.output
    assert (downloaded / "outputs" / "results" / "table.csv").read_bytes() == b"1,2\n"


def test_a_hostile_pack_stops_reproduce_with_what_to_do(tagstone, downloaded):
    (downloaded / PACK).write_bytes(b"no tar" * 200)
    done = tagstone("reproduce", str(downloaded))
    assert done.exit_code == 3
    assert "more.tar is refused" in done.stderr


def leave_out(installation, publication: str, registry: str) -> None:
    """Let the record say that a registry keeps its image, and the deposit does not."""
    with installation.sessions.write() as session:
        row = publications.get(session, publication)
        facts = facts_in(row)
        assert facts.image is not None
        row.facts = dump(replace(facts, image=replace(facts.image, registry=registry, bundled=False))).decode()


def test_an_image_that_its_deposit_leaves_out_is_pulled_from_where_it_is_kept(tagstone, record, installation):
    leave_out(installation, record, "registry.example:5000/keep")
    kept = tagstone.application.registry
    elsewhere = {"registry.example:5000/keep": kept}
    tagstone.application.__dict__.update(registry=FakeRegistry(), registry_at=elsewhere.__getitem__)
    done = tagstone("reproduce", record)
    assert done.exit_code == 0, done.output
    assert tagstone.application.registry.blobs == kept.blobs


@pytest.mark.parametrize("address", ["user@registry.example", "registry.example/../v1", "http://registry.example", ""])
def test_a_record_that_names_no_registry_is_refused(tagstone, record, installation, address):
    leave_out(installation, record, address)
    tagstone.application.__dict__["registry"] = FakeRegistry()
    done = tagstone("reproduce", record)
    assert done.exit_code == 3
    assert "is no registry" in done.stderr
