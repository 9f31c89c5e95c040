"""Workspaces that a hostile run left: names, links, devices, sizes and races, asked for by globs."""

import os
import socket
import stat
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from hostile.judge import Case, Place, cases, judged
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.outputs import collect
from tagstone.domain.runs.run import OutputRules
from tagstone.ports import Stored

ARCHIVED = "it cannot be archived"
LINK, NO_FILE, NAME = "is a symbolic link", "is a device, pipe or socket", "another name"
Fill = Callable[[Place], object]


class Changing(FolderStorage):
    """Storage during whose writes somebody changes the workspace."""

    def __init__(self, root: Path, change: Callable[[], object]) -> None:
        super().__init__(root)
        self._change = change

    def keep(self, chunks: Iterable[bytes]) -> Stored:
        self._change()
        return super().keep(chunks)


def _made(fill: Fill, place: Place) -> Path:
    (place.work / "results").mkdir()
    fill(place)
    return place.work


def _named(name: bytes) -> Fill:
    """One file in results/ with any name of bytes."""
    return lambda place: Path(os.fsdecode(os.fsencode(place.work / "results") + b"/" + name)).write_bytes(b"x")


def _links(name: str, target: str) -> Fill:
    return lambda place: (place.work / "results" / name).symlink_to(target.format(outside=place.outside))


def _device(kind: int, major: int, minor: int) -> Fill:
    return lambda place: os.mknod(place.work / "results" / "a.csv", kind | 0o666, os.makedev(major, minor))


def _socket(place: Place) -> None:
    os.chdir(place.work / "results")  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a.csv")
    os.chdir("/")


def _nested(count: int, length: int) -> Fill:
    """Folders in each other, deeper than any path can say, with a file in the last."""

    def fill(place: Place) -> None:
        handle = os.open(place.work / "results", os.O_RDONLY)
        for _ in range(count):
            os.mkdir("d" * length, dir_fd=handle)
            inner = os.open("d" * length, os.O_RDONLY, dir_fd=handle)
            os.close(handle)
            handle = inner
        os.close(os.open("a.csv", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
        os.close(handle)

    return fill


def _many(count: int) -> Fill:
    def fill(place: Place) -> None:
        for number in range(count):
            (place.work / "results" / f"{number}.csv").touch()

    return fill


def _both(first: bytes, second: bytes) -> Fill:
    return lambda place: [_named(name)(place) for name in (first, second)]


def _sparse(size: int) -> Fill:
    def fill(place: Place) -> None:
        with (place.work / "results" / "a.csv").open("wb") as file:
            file.truncate(size)

    return fill


def _three_large(place: Place) -> None:
    for name in "abc":
        (place.work / "results" / name).write_bytes(bytes(900_000))


def _git_folder(place: Place) -> None:
    (place.work / "results" / ".git").mkdir()
    (place.work / "results" / ".git" / "config").write_text("x")


def _hard_link(place: Place) -> None:
    os.link(place.secret, place.work / "results" / "a.csv")


def _own_hard_link(place: Place) -> None:
    (place.work / "b").write_text("x")
    os.link(place.work / "b", place.work / "results" / "a.csv")


def _folder_link(place: Place) -> None:
    (place.work / "results").rmdir()
    (place.work / "results").symlink_to(place.outside)


def _collected(patterns: tuple[str, ...], place: Place, workspace: Path) -> str:
    rules = OutputRules(patterns, max_files=100, max_file_bytes=10**6, max_total_bytes=2 * 10**6)
    storage = FolderStorage(place.home)
    found = collect(workspace, rules, storage)
    for file in found:
        assert storage.size(file.storage_key) == file.size
    return repr([file.path for file in found])


def _changed(change: Callable[[Path], object], place: Place, workspace: Path) -> str:
    rules = OutputRules(("results/*",), max_file_bytes=10**6)
    return repr(collect(workspace, rules, Changing(place.home, partial(change, workspace / "results" / "a.csv"))))


def _grow(file: Path) -> None:
    with file.open("ab") as out:
        out.write(bytes(10**6 + 1))


def _swap_for_link(file: Path) -> None:
    with suppress(FileExistsError):
        file.unlink()
        file.symlink_to("/etc/passwd")


def _refused(name: str, fill: Fill, says: str, remedy: str, *patterns: str) -> Case:
    do = partial(_collected, patterns or ("results/*",))
    return Case(f"outputs: {name}", partial(_made, fill), do, says, remedy)


def _taken(name: str, fill: Fill, says: str, *patterns: str) -> Case:
    do = partial(_collected, patterns or ("results/*",))
    return Case(f"outputs: {name}", partial(_made, fill), do, says, harmless=True)


A, STAR = _named(b"a.csv"), "results/*"
TABLE = [
    # Globs
    _refused("nothing matches", A, "No file matches the output pattern 'results/*.png'", "tagstone.yml", "results/*.png"),
    _refused("an empty folder", lambda place: None, "No file matches", "tagstone.yml"),
    _refused("more files than the site takes", _many(3000), "more than 100 outputs", "Name fewer files"),
    _refused("only folders of the run's own", lambda place: (place.work / ".home").mkdir(), "No file matches", "", ".home/*"),
    _taken("a glob of many stars", _named(b"a" * 200), "aaa", "results/" + "*a" * 60),
    _refused("a glob of many stars and no match", _named(b"a" * 200), "No file matches", "", "results/" + "*a" * 60 + "b"),
    _refused("a glob of many folders", _nested(60, 3), "No file matches", "", "**/" * 30 + "nothing"),
    _refused("a glob that leaves", A, "leaves the repository", "within the workspace", "results/../../x"),
    # Names
    _refused("a name with a newline", _named(b"a\nb.csv"), ARCHIVED, NAME),
    _refused("a name with an escape character", _named(b"\x1b[2Ja.csv"), ARCHIVED, NAME),
    _refused("a name that is not UTF-8", _named(b"\xff\xfe.csv"), ARCHIVED, NAME),
    _refused("a name with a backslash", _named(b"..\\a.csv"), ARCHIVED, NAME),
    _refused("a name that is shown backwards", _named("\u202evsc.exe".encode()), "change the direction of text", NAME),
    _refused("a name with a hidden mark", _named("a\u200f.csv".encode()), "change the direction of text", NAME),
    _refused("a name with a line separator", _named("a\u2028b".encode()), ARCHIVED, NAME),
    _refused("a name in C1 controls", _named("a\x9b31m".encode()), ARCHIVED, NAME),
    _refused("a folder named .git", _git_folder, "lies in `.git`", NAME, "results/**"),
    _taken("a name of shell words", _named(b"$(touch canary); `id` & 'x' \"y\" |.csv"), "$(touch canary)"),
    _taken("a name like an option", _named(b"-rf *"), "-rf *"),
    _taken("a name of dots", _named(b"..."), "results/..."),
    _taken("a name of 255 bytes", _named(b"a" * 255), "aaa"),
    _refused("a path of 4096 bytes", _nested(20, 204), "is too long for a file system", NAME, "results/**"),
    _refused("folders nested without end", _nested(250, 2), "nested more than 200 deep", "less deep", "results/**"),
    _refused("names that differ by case alone", _both(b"a.csv", b"A.csv"), "the same name on some systems", "Rename one"),
    _refused("names that differ by composition alone",
             _both(unicodedata.normalize("NFC", "\u00e9").encode(), unicodedata.normalize("NFD", "\u00e9").encode()),
             "the same name on some systems", "Rename one"),
    # Links
    _refused("a link to a stranger's file", _links("a.csv", "{outside}/secret"), LINK, "Write the file itself"),
    _refused("a link up and out", _links("a.csv", "../../outside/secret"), LINK, "Write the file itself"),
    _refused("a link to nowhere", _links("a.csv", "nowhere"), LINK, "Write the file itself"),
    _refused("a link to itself", _links("a.csv", "a.csv"), LINK, "Write the file itself"),
    _refused("a link to an endless device", _links("a.csv", "/dev/zero"), LINK, "Write the file itself"),
    _refused("a link to our environment", _links("a.csv", "/proc/self/environ"), LINK, "Write the file itself"),
    _refused("a link to a folder", _links("a", "{outside}"), LINK, "Write the file itself", "results/**"),
    _refused("a loop of folders", _links("a", ".."), LINK, "Write the file itself", "results/**"),
    _refused("the folder itself is a link", _folder_link, "No file matches", "links are not followed"),
    _refused("a hard link to a stranger's file", _hard_link, "is a hard link: it has 2 names", "one name"),
    _refused("a hard link within", _own_hard_link, "is a hard link: it has 2 names", "one name"),
    # What is no file
    _refused("a pipe", lambda place: os.mkfifo(place.work / "results/a.csv"), NO_FILE, "plain files"),
    _refused("a socket", _socket, NO_FILE, "plain files"),
    _refused("an endless device", _device(stat.S_IFCHR, 1, 5), NO_FILE, "plain files"),
    _refused("a disk", _device(stat.S_IFBLK, 7, 0), NO_FILE, "plain files"),
    # Sizes and races
    _refused("a sparse file of 1 TB", _sparse(10**12), "977 KiB are allowed", "sparse files count in full"),
    _refused("files too large together", _three_large, "together, counted up to", "write less"),
    Case("outputs: a file that grows while it is read", partial(_made, A), partial(_changed, _grow),
         "grew while it was read", "End what writes it"),
    Case("outputs: a file that becomes a link while it is read", partial(_made, A), partial(_changed, _swap_for_link),
         "results/a.csv", harmless=True),
]  # fmt: skip


@cases(TABLE)
def test_hostile_outputs(case: Case, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    judged(case, tmp_path, record_property)
