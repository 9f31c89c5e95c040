"""Read what a bundle says of itself: the facts in its tagstone.json, from a folder that may come from anywhere."""

from pathlib import Path

from tagstone.domain.publications import record
from tagstone.domain.publications.record import Facts
from tagstone.errors import Invalid, NotFound

FILE = "tagstone.json"
_MAX_BYTES = 64 * 2**20


def is_bundle(path: Path) -> bool:
    """Say whether `path` is a bundle's folder, or the tagstone.json in one."""
    return (path / FILE).is_file() or (path.name == FILE and path.is_file())


def read_bundle(path: Path) -> Facts:
    """The facts of the bundle at `path`. Raises: NotFound, Invalid."""
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise NotFound(f"{path} is no bundle.", remedy=f"Give the folder that {FILE} lies in.")
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.", remedy="Look at its rights.") from None
    if len(data) > _MAX_BYTES:
        raise Invalid(f"{file} is larger than 64 MiB.", remedy="Take it from an intact bundle.")
    return record.load(data)
