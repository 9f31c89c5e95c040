"""A package archive of Debian's kind on loopback, with one package, and its earlier states as an archive of archives has them."""

import functools
import gzip
import hashlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the parent's
        """Say nothing."""


class Archive:
    """An archive below `folder`: `debian` is as it is now, `old/debian/DATE` as it was."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.address = f"http://127.0.0.1:{port}/debian"
        self.snapshots = f"http://127.0.0.1:{port}/old/{{archive}}/{{date}}"

    @property
    def sources(self) -> str:
        """The line that a base has in its sources.list; signatures are not what these tests are about."""
        return f"deb [trusted=yes] {self.address} stable main\n"

    def now_has(self, version: str, date: str, *, kept_as: str) -> None:
        """Let the archive have `tiny-tool` in one version, its Release of `date` (RFC 5322); the state is kept as of `kept_as`."""
        for place in (self._folder / "debian", self._folder / "old" / "debian" / kept_as):
            subprocess.run(["rm", "-rf", str(place)], check=True)
            _write(place, version, date)


@contextmanager
def running_archive(folder: Path) -> Iterator[Archive]:
    """An archive that is served while the context is open."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Archive(folder, server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def _write(place: Path, version: str, date: str) -> None:
    pool, lists = place / "pool", place / "dists" / "stable" / "main" / "binary-amd64"
    pool.mkdir(parents=True)
    lists.mkdir(parents=True)
    control = f"Package: tiny-tool\nVersion: {version}\nArchitecture: all\nMaintainer: Us <us@host.test>\nDescription: tiny\n"
    root = place / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(control)
    (root / "usr" / "share" / "tiny").mkdir(parents=True)
    (root / "usr" / "share" / "tiny" / "version").write_text(version)
    deb = pool / f"tiny-tool_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(root), str(deb)], check=True, capture_output=True)
    data = deb.read_bytes()
    stanza = f"{control}Filename: pool/{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n"
    packages = {"Packages": stanza.encode(), "Packages.gz": gzip.compress(stanza.encode(), mtime=0)}
    rows = []
    for name, content in packages.items():
        (lists / name).write_bytes(content)
        rows.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} main/binary-amd64/{name}\n")
    head = f"Origin: Us\nSuite: stable\nCodename: stable\nDate: {date}\nArchitectures: amd64 all\nComponents: main\nSHA256:\n"
    (place / "dists" / "stable" / "Release").write_text(head + "".join(rows))
