"""The pack: written once, equal for equal files, and read back believing nothing."""

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import facts as recorded
from tagstone.actions.pack import Deposited, deposited, unpack
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.deposits.packing import PACK
from tagstone.domain.publications.archived import Archived
from tagstone.errors import Invalid, Permanent, Temporary

FILES = {
    "README.md": b"read me",
    "code.tar": b"code",
    "logs/run.log": b"",
    "outputs/a b.csv": b"1,2\n",
    "outputs/deep/er/plot.png": b"png" * 400,
    "outputs/large.fits": b"f" * 5000,
    "outputs/µ.csv": b"3\n",
}
LIMITS = Limits(files=5, empty=False)
Pack = Callable[..., Deposited]


def _write(folder: Path, files: dict[str, bytes]) -> list[Archived]:
    sums = "".join(f"{recorded.sha256(data)}  {path}\n" for path, data in sorted(files.items())).encode()
    for path, data in (files | {"SHA256SUMS": sums}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [_archived(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]


def _archived(path: str, data: bytes) -> Archived:
    return Archived(path, len(data), recorded.sha256(data), hashlib.md5(data, usedforsecurity=False).hexdigest())


def _read(deposit: Deposited) -> dict[str, bytes]:
    found = {}
    for file in deposit.files:
        with deposit.open(file.path) as stream:
            found[file.path] = stream.read()
    return found


@pytest.fixture
def bundle(tmp_path: Path) -> tuple[Path, list[Archived]]:
    folder = tmp_path / "bundle"
    return folder, _write(folder, FILES)


@pytest.fixture
def pack(bundle: tuple[Path, list[Archived]], tmp_path: Path) -> Pack:
    folder, files = bundle

    def made(limits: Limits = LIMITS, known: tuple[Archived, ...] = ()) -> Deposited:
        return deposited(files, limits, folder, tmp_path / "scratch" / "p1.tar", known)

    return made


def _downloaded(deposit: Deposited, folder: Path) -> Path:
    """The deposit as somebody has it who took every file of it."""
    for path, data in _read(deposit).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_without_limits_the_bundle_is_deposited_as_it_is(pack: Pack, bundle: tuple[Path, list[Archived]]):
    assert list(pack(Limits()).files) == bundle[1]


def test_a_packed_deposit_is_within_the_limits_and_says_the_truth_of_every_file(pack: Pack):
    deposit = pack()
    assert [file.path for file in deposit.files] == ["README.md", "SHA256SUMS", "code.tar", PACK, "outputs/large.fits"]
    for path, data in _read(deposit).items():
        assert _archived(path, data) in deposit.files


def test_equal_files_make_equal_packs(pack: Pack, bundle: tuple[Path, list[Archived]], tmp_path: Path):
    first = _read(pack())[PACK]
    os.utime(bundle[0] / "outputs/a b.csv", (1, 1))
    (bundle[0] / "outputs/a b.csv").chmod(0o600)
    (tmp_path / "scratch" / "p1.tar").unlink()
    assert _read(pack())[PACK] == first


def test_a_pack_that_was_written_is_found_again(pack: Pack, tmp_path: Path):
    deposit = pack()
    written = (tmp_path / "scratch" / "p1.tar").stat()
    assert pack(known=deposit.files) == deposit
    assert (tmp_path / "scratch" / "p1.tar").stat().st_ino == written.st_ino


@pytest.mark.parametrize("left", [b"", b"half of it"])
def test_a_pack_that_is_not_as_it_was_is_written_again(left: bytes, pack: Pack, tmp_path: Path):
    deposit = pack()
    (tmp_path / "scratch" / "p1.tar").write_bytes(left)
    assert pack(known=deposit.files) == deposit
    assert _archived(PACK, _read(deposit)[PACK]) in deposit.files


def test_what_a_killed_writer_left_is_in_nobodys_way(pack: Pack, tmp_path: Path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / ".p1.tar.partial").write_bytes(b"half of it")
    assert _archived(PACK, _read(pack())[PACK]) in pack().files
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["p1.tar"]


def test_a_bundle_that_is_not_as_recorded_is_not_packed(pack: Pack, bundle: tuple[Path, list[Archived]], tmp_path: Path):
    (bundle[0] / "outputs/a b.csv").write_bytes(b"9,9\n")
    with pytest.raises(Permanent, match=r"outputs/a b\.csv is not what was recorded"):
        pack()
    assert not (tmp_path / "scratch" / "p1.tar").exists()


def test_a_pack_that_is_too_large_for_the_depository_is_refused(pack: Pack):
    with pytest.raises(Invalid, match=r"files of up to 4.9 KiB, and this is larger: more.tar"):
        pack(Limits(files=5, file_bytes=5000))


def test_trouble_with_the_disk_may_pass(bundle: tuple[Path, list[Archived]], tmp_path: Path):
    (tmp_path / "scratch").write_bytes(b"a file where a folder should be")
    with pytest.raises(Temporary, match="could not be written"):
        deposited(bundle[1], LIMITS, bundle[0], tmp_path / "scratch" / "p1.tar")


def test_unpacked_it_is_the_whole_bundle_again(pack: Pack, bundle: tuple[Path, list[Archived]], tmp_path: Path):
    folder = _downloaded(pack(), tmp_path / "downloaded")
    unpack(folder)
    (folder / PACK).unlink()
    assert _write(tmp_path / "again", {path: (folder / path).read_bytes() for path in FILES}) == bundle[1]
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)


def test_tar_unpacks_it_as_well(pack: Pack, tmp_path: Path):
    folder = _downloaded(pack(), tmp_path / "downloaded")
    said = subprocess.run(["tar", "-xf", PACK], cwd=folder, check=True, capture_output=True)
    assert said.stderr == b""
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)


def test_unpacking_twice_changes_nothing(pack: Pack, tmp_path: Path):
    folder = _downloaded(pack(), tmp_path / "downloaded")
    unpack(folder)
    before = {path: path.stat() for path in folder.rglob("*")}
    unpack(folder)
    assert {path: path.stat() for path in folder.rglob("*")} == before


def test_what_is_there_already_stays_as_it_is(pack: Pack, tmp_path: Path):
    folder = _downloaded(pack(), tmp_path / "downloaded")
    (folder / "outputs/a b.csv").write_bytes(b"mine")
    unpack(folder)
    assert (folder / "outputs/a b.csv").read_bytes() == b"mine"
    assert (folder / "outputs/µ.csv").read_bytes() == FILES["outputs/µ.csv"]


def test_a_folder_without_a_pack_is_left_alone(bundle: tuple[Path, list[Archived]]):
    unpack(bundle[0])
    assert [file.path for file in bundle[1]] == sorted([*FILES, "SHA256SUMS"])


_names = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"], exclude_characters="/\\"), min_size=1, max_size=20
)
_contents = st.dictionaries(
    _names.map(str.strip).filter(lambda name: name not in ("", ".", "..") and name.lower() != ".git"),
    st.binary(max_size=600),
    min_size=2,
    max_size=6,
)


@given(_contents)
def test_every_name_and_content_comes_back(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]):
    place = tmp_path_factory.mktemp("any")
    files = _write(place / "bundle", {f"outputs/{name}": data for name, data in contents.items()})
    folder = _downloaded(deposited(files, Limits(files=2, empty=False), place / "bundle", place / "pack"), place / "downloaded")
    unpack(folder)
    assert {name: (folder / "outputs" / name).read_bytes() for name in contents} == contents


def _tar(*infos: tarfile.TarInfo, data: bytes = b"") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def _info(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


HOSTILE = {
    "a path that climbs": (_tar(_info("../evil")), "leaves"),
    "an absolute path": (_tar(_info("/tmp/evil")), "leaves"),  # refused
    "a link": (_tar(_info("outputs/µ.csv", tarfile.SYMTYPE, link="/etc/passwd")), "no plain file"),
    "a hard link": (_tar(_info("outputs/µ.csv", tarfile.LNKTYPE, link="README.md")), "no plain file"),
    "a device": (_tar(_info("outputs/µ.csv", tarfile.BLKTYPE)), "no plain file"),
    "a pipe": (_tar(_info("outputs/µ.csv", tarfile.FIFOTYPE)), "no plain file"),
    "a file that nobody listed": (_tar(_info("evil.sh")), "is not in SHA256SUMS"),
    "another content": (_tar(_info("outputs/µ.csv", size=2), data=b"4\n"), "is not as in SHA256SUMS"),
    "no tar": (b"no tar" * 200, "damaged"),
    "half of one": (_tar(_info("outputs/µ.csv", size=2), data=b"3\n")[:700], "damaged"),
    "nothing": (b"", "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pack_is_refused(name: str, pack: Pack, tmp_path: Path):
    folder = _downloaded(pack(), tmp_path / "downloaded")
    data, why = HOSTILE[name]
    (folder / PACK).write_bytes(data)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(Invalid, match=rf"more\.tar is refused: .*{why}") as refused:
        unpack(folder)
    assert "where the record is kept" in refused.value.remedy
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_nothing_is_unpacked_through_a_link(pack: Pack, tmp_path: Path):
    folder = _downloaded(pack(), tmp_path / "downloaded")
    (tmp_path / "elsewhere").mkdir()
    (folder / "logs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Invalid, match="'logs' is a link here"):
        unpack(folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []
