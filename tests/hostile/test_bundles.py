"""Bundles that somebody tampered with, handed to `verify` and `reproduce`; and archives whose paths lead elsewhere."""

import gzip
import hashlib
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from assets.hostile import archives, make
from fakes import facts as recorded
from hostile.judge import Case, Place, cases, judged
from tagstone.actions.pack import unpack
from tagstone.actions.reproduce import restore_code, restore_image
from tagstone.actions.verify import verify_bundle
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.workspace import stage
from tagstone.domain.deposits.packing import PACK
from tagstone.domain.images.oci import CONFIG, LAYER, Descriptor, Platform
from tagstone.domain.publications import record
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.record import Facts
from tagstone.domain.reading.faults import Fault
from tagstone.domain.runs.run import RunSpec
from tagstone.errors import Invalid
from tagstone.image.manifest import config_bytes, manifest_bytes

ASSETS = Path(make.__file__).parent
CODE = archives.Tape().add("analysis.py", b"print('wobble')\n").done()
LAYER_BYTES = archives.layers()["sound"]
AGAIN = "fetch the bundle again"
Tamper = Callable[[Path, Place], object]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _descriptor(data: bytes, kind: str) -> Descriptor:
    return Descriptor(kind, f"sha256:{_sha256(data)}", len(data))


def _contents() -> tuple[Facts, dict[str, bytes]]:
    """A small record, and its bundle's files by path."""
    layer = _descriptor(LAYER_BYTES, LAYER)
    settings = recorded.facts().image
    assert settings is not None
    config = config_bytes(Platform(), settings.image.settings, [layer.digest], [], 0)
    manifest = manifest_bytes(_descriptor(config, CONFIG), [layer], {})
    facts = recorded.facts(made=recorded.image(manifest, config, (LAYER_BYTES,)), code=CODE)
    blobs = {f"image/blobs/sha256/{_sha256(data)}": data for data in (LAYER_BYTES, config, manifest)}
    return facts, blobs | {"code.tar": CODE, "tagstone.json": record.dump(facts), "README.md": b"# Wobble\n"}


def _bundle(tamper: Tamper, place: Place) -> tuple[Path, list[Archived]]:
    _, files = _contents()
    folder = place.work / "bundle"
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    sums = "".join(sorted(f"{_sha256(data)}  {path}\n" for path, data in files.items())).encode()
    (folder / "SHA256SUMS").write_bytes(sums)
    kept = [Archived(path, len(data), _sha256(data), "") for path, data in (files | {"SHA256SUMS": sums}).items()]
    tamper(folder, place)
    return folder, kept


def _verified(_place: Place, made: tuple[Path, list[Archived]]) -> tuple[Fault, ...] | str:
    report = verify_bundle(*made)
    text = report.as_text()
    remedy = text.rpartition("→ ")[2]
    return tuple(Fault(problem.path, str(problem), remedy) for problem in report.problems) or text


def _verified_by_its_own_list(place: Place, made: tuple[Path, list[Archived]]) -> tuple[Fault, ...] | str:
    return _verified(place, (made[0], []))


def _restored(place: Place, made: tuple[Path, list[Archived]]) -> str:
    facts, _ = _contents()
    assert facts.image is not None
    restore_image(OciLayout(place.home / "images", 5.0), facts.image.image, made[0])
    restore_code(FolderStorage(place.home / "storage"), facts, made[0])
    return "restored"


def _packed(data: bytes, place: Place) -> Path:
    """A downloaded deposit that lacks a file, with this as its pack."""
    folder, _ = _bundle(_removed("README.md"), place)
    (folder / PACK).write_bytes(data)
    return folder


def _unpacked(place: Place, folder: Path) -> str:
    try:
        unpack(folder)
    except Invalid:
        assert not (folder / "README.md").exists()
        assert not list(folder.glob(".*"))
        raise
    return f"unpacked: {(folder / 'README.md').read_text()}"


def _loaded(_place: Place, data: bytes) -> str:
    return f"loaded: {record.load(data)}"


def _fetched_by_key(place: Place, data: bytes) -> str:
    """Facts whose storage keys lead out of storage."""
    facts = record.load(data)
    with FolderStorage(place.home / "storage").open(facts.source.archive_key) as stream:
        return stream.read().decode()


def _staged(place: Place, data: bytes) -> str:
    storage = FolderStorage(place.home / "storage")
    storage.write(f"sha256/{_sha256(data)}", [data])
    spec = RunSpec(None, f"sha256/{_sha256(data)}", "/w", (), (), None)  # type: ignore[arg-type]  # neither is looked at
    try:
        stage(place.scratch / "w", spec, storage)
    except Invalid:
        assert not (place.scratch / "w").exists()
        for path in sorted((place.scratch / "w.partial").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        (place.scratch / "w.partial").rmdir()
        raise
    return "staged"


def _written(path: str, data: bytes) -> Tamper:
    return lambda folder, place: (folder / path).write_bytes(data.replace(b"OUTSIDE", bytes(place.outside)))


def _removed(path: str) -> Tamper:
    return lambda folder, place: (folder / path).unlink()


def _linked(path: str) -> Tamper:
    def tamper(folder: Path, place: Place) -> None:
        (folder / path).unlink()
        (folder / path).symlink_to(place.secret)

    return tamper


def _pipe(path: str) -> Tamper:
    def tamper(folder: Path, _place: Place) -> None:
        (folder / path).unlink()
        os.mkfifo(folder / path)

    return tamper


def _sparse(path: str) -> Tamper:
    return lambda folder, place: os.truncate(folder / path, 10**12)


def _appended(path: str, data: bytes) -> Tamper:
    def tamper(folder: Path, _place: Place) -> None:
        with (folder / path).open("ab") as file:
            file.write(data)

    return tamper


def _link_beside(folder: Path, place: Place) -> None:
    (folder / "more").symlink_to(place.outside)


def _changed_facts(**changes: object) -> Callable[[Place], bytes]:
    def make_facts(_place: Place) -> bytes:
        facts, _ = _contents()
        return record.dump(replace(facts, source=replace(facts.source, **changes)))  # type: ignore[arg-type]  # a test's own

    return make_facts


_BLOB = f"image/blobs/sha256/{_sha256(LAYER_BYTES)}"
NOT_RECORDED, NO_RECORD, NO_FILE = "not as in recorded", "This is not a Tagstone record", "is no plain file"


def _verify(name: str, tamper: Tamper, says: str, where: str) -> Case:
    return Case(f"bundles: verify, {name}", partial(_bundle, tamper), _verified, says, "Take what is damaged anew", where=where)


def _reproduce(name: str, tamper: Tamper, says: str) -> Case:
    return Case(f"bundles: reproduce, {name}", partial(_bundle, tamper), _restored, says, AGAIN, leaves=("images/index.json",))


TABLE = [
    Case("bundles: verify, untouched", partial(_bundle, lambda folder, place: None), _verified, "intact: 7 files", harmless=True),
    _verify("a changed file", _written("README.md", b"other"), NOT_RECORDED, "README.md"),
    _verify("a longer file", _appended("code.tar", b"x"), NOT_RECORDED, "code.tar"),
    _verify("a file of 1 TB", _sparse("code.tar"), NOT_RECORDED, "code.tar"),
    _verify("a missing file", _removed("code.tar"), "missing", "code.tar"),
    _verify("a file too many", _written("evil.sh", b"#!/bin/sh\n"), "bundle: extra", "evil.sh"),
    _verify("a tampered record", _written("tagstone.json", b"{}"), NOT_RECORDED, "tagstone.json"),
    Case("bundles: verify, a list that leads elsewhere",
         partial(_bundle, _appended("SHA256SUMS", b"0" * 64 + b"  ../../outside/secret\n")), _verified_by_its_own_list,
         "bundle: missing", "Take what is damaged anew", where="../../outside/secret"),
    Case("bundles: verify, a list of 1 TB", partial(_bundle, _sparse("SHA256SUMS")), _verified_by_its_own_list,
         "is no checksum", "Take what is damaged anew", memory=400 * 2**20),
    Case("bundles: verify, a name of escapes", partial(_bundle, _written("\x1b[2J\u202egnp", b"x")), _verified,
         r"\x1b[2J\u202egnp", "Take what is damaged anew"),
    Case("bundles: verify, no folder", lambda place: (place.work / "none", []), _verified, "is not here", "verify the deposit"),
    Case("bundles: reproduce, untouched", partial(_bundle, lambda folder, place: None), _restored, "restored",
         leaves=("images/index.json", "storage/code/"), harmless=True),
    _reproduce("another layer", _written(_BLOB, b"other"), "is not what was recorded"),
    _reproduce("a layer of 1 TB", _sparse(_BLOB), "is not what was recorded"),
    _reproduce("a layer that is a link", _linked(_BLOB), "is not what was recorded"),
    _reproduce("a layer that is a pipe", _pipe(_BLOB), "lacks the blob"),
    _reproduce("no layer", _removed(_BLOB), "lacks the blob"),
    _reproduce("other code", _written("code.tar", CODE.replace(b"wobble", b"wabble")), "code.tar is not what was recorded"),
    _reproduce("code of 1 TB", _sparse("code.tar"), "code.tar is not what was recorded"),
    _reproduce("code that is a link", _linked("code.tar"), "code.tar is not what was recorded"),
    Case("bundles: reproduce, code that is a pipe", partial(_bundle, _pipe("code.tar")), _restored, "code archive is gone",
         "the record's bundle", leaves=("images/index.json",)),
    Case("packs: untouched", partial(_packed, archives.Tape().add("README.md", b"# Wobble\n").done()), _unpacked,
         "unpacked: # Wobble", harmless=True),
    *(
        Case(f"packs: {name}", partial(_packed, data), _unpacked, "more.tar is refused", "where the record is kept")
        for name, data in {
            **archives.layers(),
            "another content": archives.Tape().add("README.md", b"# Wabble\n").done(),
            "a link in a file's place": archives.Tape().add("README.md", kind=tarfile.SYMTYPE, link="/etc/passwd").done(),
            "a bomb": gzip.compress(archives.Tape().add("README.md", bytes(64 * 2**20)).done()),
        }.items()
    ),
    Case("bundles: a record that is no JSON", lambda place: b"\xff\xfe{", _loaded, NO_RECORD, "intact bundle"),
    Case("bundles: a record of brackets", lambda place: b"[" * 10**6, _loaded, NO_RECORD, "intact bundle"),
    Case("bundles: a record of another kind", lambda place: b'{"publication": 1}', _loaded, NO_RECORD, "intact bundle"),
    Case("bundles: a record with endless numbers", lambda place: b'{"schema": ' + b"9" * 10**5 + b"}", _loaded, NO_RECORD, "intact"),
    Case("bundles: a record whose code is elsewhere", _changed_facts(archive_key="../../outside/secret"), _fetched_by_key,
         "is no storage key", "relative path"),
    Case("bundles: a record whose code is anywhere", _changed_facts(archive_key="/etc/passwd"), _fetched_by_key,
         "is no storage key", "relative path"),
    *(
        Case(f"workspaces: {name}", lambda place, name=name: (ASSETS / "layers" / f"{name}.tar").read_bytes(),  # type: ignore[misc]
             _staged, says, remedy)
        for name, says, remedy in (
            ("absolute-path", "leaves the workspace", "relative to the repository"),
            ("climbing-path", "leaves the workspace", "relative to the repository"),
            ("hard-link-absolute", "is no file, folder or link", "Remove it"),
            ("block-device", "is no file, folder or link", "Remove it"),
            ("file-through-a-link", "would be a file, but is a folder", "another place"),
            ("file-below-a-file", "has to be a folder", "another place"),
        )
    ),
]  # fmt: skip


@cases(TABLE)
def test_hostile_bundles(case: Case, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    judged(case, tmp_path, record_property)
