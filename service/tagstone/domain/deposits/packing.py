"""Which files of a bundle are deposited by themselves, which travel in one pack, and what does not fit at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.runs.hardware import format_bytes
from tagstone.errors import Invalid

PACK = "more.tar"
"""The pack's name in a deposit; it unpacks in the folder of the other files, and the bundle is whole again."""

IMAGE = "image/"
_RESULTS = ("outputs/", "brought/", "inputs/")
_SHOWN = 10
_IN_REGISTRY = " An image may be left out where a registry keeps it for everybody: TAGSTONE_BUILDS__REGISTRY."


class Sized(Protocol):
    """Anything with a path in the bundle and a size in bytes."""

    @property
    def path(self) -> str:
        """Its path in the bundle."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...


@dataclass(frozen=True)
class Part:
    """A file that a bundle will hold, before it is written; `size` in bytes."""

    path: str
    size: int


_File = TypeVar("_File", bound=Sized)


def packed_paths(files: Sequence[Sized], limits: Limits) -> frozenset[str]:
    """The paths of the files that travel in the pack; none where every file is taken by itself.

    Files without a byte do where the depository refuses them, and of the results the smallest where there are too many.
    What describes the deposit, and the image's blobs, are always files of their own: people and later versions look for them.
    """
    packed = {file.path for file in files if file.size == 0 and not limits.empty}
    if limits.files is None:
        return frozenset(packed)
    results = [file for file in files if file.path.startswith(_RESULTS) and file.path not in packed]
    too_many = len(files) - len(packed) + bool(packed) - limits.files
    if too_many > 0:
        wanted = too_many if packed else too_many + 1  # the pack itself is one more
        # A few more than needed: a later version with some more files has the same pack, which need not be sent again.
        wanted += -wanted % max(limits.files // 10, 1)
        packed.update(file.path for file in sorted(results, key=lambda file: (file.size, file.path))[:wanted])
    return frozenset(packed)


def split(files: Iterable[_File], packed: frozenset[str]) -> tuple[list[_File], list[_File]]:
    """The files that stay alone and those that travel in the pack, each in the order they came in."""
    alone, together = list[_File](), list[_File]()
    for file in files:
        (together if file.path in packed else alone).append(file)
    return alone, together


def excess(files: Sequence[Sized], limits: Limits) -> Invalid | None:
    """Why a deposit with these limits cannot hold the files, with what to leave out, the largest first; None: it can."""
    found = _large_files(files, limits) or _large_bundle(files, limits) or _many_files(files, limits)
    return Invalid(found[0], remedy=found[1]) if found else None


def refuse_excess(files: Sequence[Sized], limits: Limits) -> None:
    """Refuse what a deposit cannot hold. Raises: Invalid, naming what to leave out."""
    error = excess(files, limits)
    if error is not None:
        raise error


def _large_files(files: Sequence[Sized], limits: Limits) -> tuple[str, str] | None:
    if limits.file_bytes is None:
        return None
    large = sorted((file for file in files if file.size > limits.file_bytes), key=lambda file: (-file.size, file.path))
    if not large:
        return None
    listed = _listed((file.path, file.size) for file in large)
    message = f"The depository takes files of up to {format_bytes(limits.file_bytes)}, and this is larger: {listed}."
    return message, _remedy("Write it in smaller parts, or deposit it where it fits and name its DOI.", large)


def _large_bundle(files: Sequence[Sized], limits: Limits) -> tuple[str, str] | None:
    total = sum(file.size for file in files)
    if limits.bytes is None or total <= limits.bytes:
        return None
    message = f"The deposit would have {format_bytes(total)}; the depository takes {format_bytes(limits.bytes)}."
    enough, over = list[tuple[str, int]](), total - limits.bytes
    for name, size in _together(files):
        enough.append((name, size))
        over -= size
        if over <= 0:
            break
    remedy = (
        f"Leave out at least {format_bytes(total - limits.bytes)}, or deposit it by itself and name its DOI: {_listed(enough)}."
    )
    return message, _remedy(remedy, files)


def _many_files(files: Sequence[Sized], limits: Limits) -> tuple[str, str] | None:
    if limits.files is None:
        return None
    packed = packed_paths(files, limits)
    count = len(files) - len(packed) + bool(packed)
    if count <= limits.files:
        return None
    layers = sum(file.path.startswith(IMAGE) for file in files)
    message = f"The deposit would have {count} files even with all results in one; the depository takes {limits.files}."
    return message, _remedy(f"Of these, {layers} are the image's: use a base with fewer layers.", files)


def _remedy(text: str, files: Iterable[Sized]) -> str:
    return text + (_IN_REGISTRY if any(file.path.startswith(IMAGE) for file in files) else "")


def _together(files: Iterable[Sized]) -> list[tuple[str, int]]:
    """What may be left out with its size, the largest first: files, and the image as a whole."""
    sizes: dict[str, int] = {}
    for file in files:
        name = "the image" if file.path.startswith(IMAGE) else file.path
        sizes[name] = sizes.get(name, 0) + file.size
    return sorted(sizes.items(), key=lambda item: (-item[1], item[0]))


def _listed(items: Iterable[tuple[str, int]]) -> str:
    told = [f"{name[:200]} ({format_bytes(size)})" for name, size in items]
    more = [f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    return ", ".join([*told[:_SHOWN], *more])
