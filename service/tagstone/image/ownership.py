"""Which package a path of an image belongs to, by the lists that package systems leave; none of it is believed or needed."""

import csv
import io
import posixpath
import re
from collections.abc import Iterable
from typing import BinaryIO

from tagstone.image.packaged_files import file_heads

# The longest lists known have some 50,000 lines.
_LIST_BYTES = 16 << 20

_DPKG_LIST = re.compile(r"var/lib/dpkg/info/(?P<name>[^/:]+)(?::[^/]+)?\.list")
_DPKG_INFO = re.compile(r"var/lib/dpkg/info/(?P<name>[^/:]+?)(?::[^/.]+)?\.[a-z0-9-]+")
_RECORD = re.compile(r"(?P<site>.+)/(?P<name>[^/]+?)-[^/-]+\.dist-info/RECORD")
_R_LIBRARY = re.compile(r"(?:.+/)?(?:library|site-library)/(?P<name>[A-Za-z][A-Za-z0-9.]*)/.+")
# Since Debian 12 these are links into usr, and lists still name files by them.
_MERGED = ("bin/", "lib/", "lib32/", "lib64/", "libx32/", "sbin/")

Owner = tuple[str, str]
"""A package as (kind, name); the kinds are those of `tagstone.domain.environments.build.Package`."""


class Owners:
    """Who owns which path, by all the lists that were read."""

    def __init__(self) -> None:
        self._deb: dict[str, str] = {}
        self._pypi: dict[str, str] = {}

    def read(self, layers: Iterable[BinaryIO]) -> None:
        """Take in the lists of some layers. Raises: Invalid when a layer is damaged."""
        for layer in layers:
            for path, data in file_heads(layer, _LIST_BYTES, lambda path: _list(path) is not None):
                match = _list(path)
                if match is not None:
                    self._take(match, data.decode("utf-8", "surrogateescape"))

    def of(self, path: str) -> Owner | None:
        """The package that a path belongs to, Debian's word first; None when no list names it."""
        info = _DPKG_INFO.fullmatch(path)
        name = self._deb.get(path) or (info["name"] if info else None)
        if name:
            return "deb", name
        if path in self._pypi:
            return "pypi", self._pypi[path]
        match = _R_LIBRARY.fullmatch(path)
        return ("cran", match["name"]) if match else None

    def _take(self, match: re.Match[str], text: str) -> None:
        if match.re is _RECORD:
            # PEP 503: spellings of one name are one package.
            name = re.sub(r"[-_.]+", "-", match["name"]).lower()
            self._pypi |= {posixpath.normpath(f"{match['site']}/{path}"): name for path in _recorded(text)}
            return
        for line in text.splitlines():
            path = line.strip("/")
            self._deb[f"usr/{path}" if path.startswith(_MERGED) else path] = match["name"]
            self._deb[path] = match["name"]


def _list(path: str) -> re.Match[str] | None:
    return _DPKG_LIST.fullmatch(path) or _RECORD.fullmatch(path)


def _recorded(text: str) -> list[str]:
    """The paths of a RECORD (PyPA: recording installed projects), relative to its site-packages."""
    try:
        return [row[0] for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error:
        return []
