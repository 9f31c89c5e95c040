"""Reads which packages a root filesystem has from the files that package systems leave; none of it is believed or needed."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from tagstone.domain.environments.build import Package

# A whole distribution's dpkg status is below 20 MB; beyond it, a file is not read on.
_STATUS_BYTES = 64 << 20
_HEADER_BYTES = 256 << 10
_LONGEST = 200

_DPKG = re.compile(r"var/lib/dpkg/(status|status\.d/[^/]+)")
_PYTHON = re.compile(r"(?:.+/)?[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO|egg-info)")
_OS = re.compile(r"(?:etc|usr/lib)/os-release")
_R = re.compile(r"(?:.+/)?(?:library|site-library)/[^/]+/DESCRIPTION")

_DEBIANS = ("usr/lib/python3/dist-packages/", "usr/lib/R/library/", "usr/lib/R/site-library/")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:!_-]*")
_KINDS = ("cran", "deb", "os", "pypi")
_FIELD = re.compile(r"([A-Za-z-]+):[ \t]*(.*)")
_ASSIGNED = re.compile(r"""(ID|VERSION_ID|VERSION_CODENAME)=["']?([A-Za-z0-9._-]+)["']?""")
_FIELDS = frozenset({"package", "name", "version", "architecture", "status", "built"})

Chunks = Callable[[], Iterator[bytes]]


def tells_packages(path: str) -> bool:
    """Say whether a path is one that package systems describe packages in.

    Python's and R's descriptions in Debian's own folders are not: what they describe is a package of Debian, known from dpkg.
    """
    return not path.startswith(_DEBIANS) and any(pattern.fullmatch(path) for pattern in (_DPKG, _PYTHON, _R, _OS))


def read_packages(files: Mapping[str, Chunks]) -> tuple[Package, ...]:
    """The packages that the files (path → content) tell of, sorted; what cannot be read is passed over."""
    found: set[Package] = set()
    for path, chunks in files.items():
        if _DPKG.fullmatch(path):
            found.update(_debian(chunks()))
        elif _PYTHON.fullmatch(path):
            found.update(_python(chunks()))
        elif _OS.fullmatch(path):
            found.update(_distribution(chunks()))
        else:
            found.update(_r(chunks()))
    return tuple(sorted(found, key=lambda package: (package.kind, package.name, package.version, package.architecture or "")))


def _debian(chunks: Iterable[bytes]) -> Iterator[Package]:
    for fields in _stanzas(chunks, _STATUS_BYTES):
        # Without a Status line it is a distroless image's status.d: installed.
        if fields.get("status", "install ok installed").endswith(" installed"):
            yield from sound_package("deb", fields.get("package"), fields.get("version"), fields.get("architecture"))


def _python(chunks: Iterable[bytes]) -> Iterator[Package]:
    fields = next(_stanzas(chunks, _HEADER_BYTES), {})
    name = fields.get("name", "")
    # PEP 503: spellings of one name are one package.
    yield from sound_package("pypi", re.sub(r"[-_.]+", "-", name).lower(), fields.get("version"), None)


def _distribution(chunks: Iterable[bytes]) -> Iterator[Package]:
    """The distribution itself, as os-release(5) names it; one without a version is known by its codename."""
    lines = (line.decode("utf-8", "replace").strip() for line in _lines(chunks, _HEADER_BYTES))
    told = {match[1]: match[2] for line in lines if (match := _ASSIGNED.fullmatch(line))}
    yield from sound_package("os", told.get("ID"), told.get("VERSION_ID") or told.get("VERSION_CODENAME"), None)


def _r(chunks: Iterable[bytes]) -> Iterator[Package]:
    fields = next(_stanzas(chunks, _HEADER_BYTES), {})
    if "built" in fields:  # R writes it when it installs; sources lack it
        yield from sound_package("cran", fields.get("package"), fields.get("version"), None)


def sound_package(kind: object, name: object, version: object, architecture: object) -> Iterator[Package]:
    """The package that some words of unknown origin name, nothing where they are none that a package system gives."""
    if kind not in _KINDS or not _is_word(name, _NAME) or not _is_word(version, _VERSION):
        return
    yield Package(str(kind), str(name), str(version), str(architecture) if _is_word(architecture, _NAME) else None)


def _is_word(word: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(word, str) and len(word) <= _LONGEST and pattern.fullmatch(word) is not None


def _stanzas(chunks: Iterable[bytes], limit: int) -> Iterator[dict[str, str]]:
    """Groups of `Field: value` lines between empty lines; continuation lines and unknown fields are dropped."""
    fields: dict[str, str] = {}
    for line in _lines(chunks, limit):
        text = line.decode("utf-8", "replace").rstrip("\r")
        if not text.strip():
            if fields:
                yield fields
            fields = {}
        elif (match := _FIELD.fullmatch(text)) and match[1].lower() in _FIELDS:
            fields.setdefault(match[1].lower(), match[2].strip())
    if fields:
        yield fields


def _lines(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    rest, read = b"", 0
    for chunk in chunks:
        read += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if read > limit or len(rest) > _HEADER_BYTES:
            return
    yield rest
