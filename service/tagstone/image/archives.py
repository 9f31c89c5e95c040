"""Reads how package archives stood when packages were taken from them: from the lists that apt leaves in a root.

Our layers leave the lists out; the root's stream still has them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from tagstone.domain.environments.build import PackageArchive

_LIST = re.compile(r"var/lib/apt/lists/(?P<place>[^/]+)_dists_(?P<suite>[^/]+?)_(?:In)?Release")
_SOURCES = re.compile(r"(?:etc|\.tagstone)/apt/(?:sources\.list|sources\.list\.d/[^/]+\.(?:list|sources))")
_ADDRESS = re.compile(r"\bhttps?://[^\s\]]+")
_DATE = re.compile(r"^Date:[ \t]*(\S[^\r\n]{5,60}?)[ \t]*\r?$", re.MULTILINE)
_HEAD_BYTES = 64 << 10  # the date is above the checksums

Chunks = Callable[[], Iterator[bytes]]


def tells_archives(path: str) -> bool:
    """Say whether a path is one by which apt tells where packages came from."""
    return any(pattern.fullmatch(path) for pattern in (_LIST, _SOURCES))


def read_archives(files: Mapping[str, Chunks]) -> tuple[PackageArchive, ...]:
    """The archives that the files (path → content) tell of, sorted; what cannot be read is passed over."""
    addresses: dict[str, str] = {}
    for path, chunks in files.items():
        if _SOURCES.fullmatch(path):
            for address in _ADDRESS.findall(_head(chunks)):
                scheme, _, rest = address.rstrip("/").partition("://")
                place = rest.rpartition("@")[2]  # never names and passwords
                addresses.setdefault(place, f"{scheme}://{place}")
    found: set[PackageArchive] = set()
    for path, chunks in files.items():
        match = _LIST.fullmatch(path)
        date = _date(_head(chunks)) if match else None
        if match and date:
            # apt writes slashes as underscores, and underscores as %5f.
            place = unquote(match["place"].replace("_", "/"))
            found.add(PackageArchive(addresses.get(place, f"http://{place}"), unquote(match["suite"].replace("_", "/")), date))
    return tuple(sorted(found, key=lambda archive: (archive.address, archive.suite, archive.date)))


def _head(chunks: Chunks) -> str:
    read = bytearray()
    for chunk in chunks():
        read += chunk
        if len(read) >= _HEAD_BYTES:
            break
    return bytes(read[:_HEAD_BYTES]).decode("utf-8", "replace")


def _date(text: str) -> str | None:
    match = _DATE.search(text)
    try:
        return parsedate_to_datetime(match[1]).strftime("%Y-%m-%dT%H:%M:%SZ") if match else None
    except ValueError:
        return None
