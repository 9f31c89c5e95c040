"""Fetch a manifest's inputs that have no checksum yet, and write what they have into the manifest."""

from dataclasses import dataclass
from pathlib import Path

from tagstone.actions.fetch_inputs import Fetching, measure_input
from tagstone.domain.manifests import manifest as manifests
from tagstone.domain.manifests.edit import with_checksums
from tagstone.domain.manifests.manifest import Manifest
from tagstone.errors import Conflict, TagstoneError


@dataclass(frozen=True)
class FixedInput:
    """What came of one input: its size (bytes) and sha256, or the error that its source answered with."""

    to: str
    source: str
    size: int = 0
    sha256: str = ""
    error: TagstoneError | None = None


def fix_inputs(fetching: Fetching, folder: Path, manifest: Manifest) -> list[FixedInput]:
    """Fetch each input without a sha256, and write those that came into the manifest of a work tree, whole or not at all.

    Raises:
        Conflict: the manifest is no plain file, or cannot be edited without changing what it means.
    """
    wanted = [number for number, item in enumerate(manifest.inputs) if item.sha256 is None]
    fixed = {number: _measured(fetching, manifest, number) for number in wanted}
    checksums = {number: one.sha256 for number, one in fixed.items() if one.error is None}
    if checksums:
        _write(folder / manifests.FILE, checksums)
    return list(fixed.values())


def _measured(fetching: Fetching, manifest: Manifest, number: int) -> FixedInput:
    item = manifest.inputs[number]
    try:
        size, sha256 = measure_input(fetching, item.source, item.to)
    except TagstoneError as error:
        return FixedInput(item.to, item.source, error=error)
    return FixedInput(item.to, item.source, size, sha256)


def _write(target: Path, checksums: dict[int, str]) -> None:
    if target.is_symlink() or not target.is_file():
        raise Conflict(f"{target} is no plain file.", remedy="Put the file itself there, not a link to it.")
    edited = with_checksums(target.read_bytes().decode("utf-8"), checksums)
    incoming = target.with_name(f".{target.name}.incoming")
    try:
        incoming.write_bytes(edited.encode("utf-8"))
        incoming.chmod(target.stat().st_mode & 0o777)
        incoming.replace(target)
    finally:
        incoming.unlink(missing_ok=True)
