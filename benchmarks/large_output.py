"""A program: takes one large output through storage, bundle and depository, and prints seconds and memory as JSON.

Usage: python -m benchmarks.large_output FILE FOLDER [--deposit]

A process of its own, so that its memory is that of this work alone.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import peak_memory, seconds
from fakes import facts as recorded
from tagstone.actions.bundle import write_bundle
from tagstone.actions.deposit import deposit_files
from tagstone.adapters.folder_depository import FolderDepository
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.images.oci import CONFIG, LAYER
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.run import OutputFile
from tagstone.image.manifest import manifest_bytes

_CHUNK = 2**20


def main(file: str, place: str, *options: str) -> None:
    """Keep, bundle and, where asked for, deposit."""
    folder = Path(place)
    storage, registry = FolderStorage(folder / "storage"), OciLayout(folder / "images", 30.0)
    stored = storage.keep(_chunks(Path(file)))
    facts = _facts(storage, registry, OutputFile("results/large.bin", stored.size, stored.sha256, stored.key))
    bundle = folder / "bundle"
    files: list[Archived] = []
    metadata = recorded.metadata()
    answer = {
        "bundle": seconds(lambda: files.extend(write_bundle(facts, metadata, recorded.CITATION, registry, storage, bundle)))
    }
    if "--deposit" in options:
        depository = FolderDepository(folder / "depository", "http://127.0.0.1")
        draft = depository.draft(metadata, None)
        for _ in deposit_files(depository, draft.id, files, lambda path: (bundle / path).open("rb")):
            pass
    answer["memory"] = peak_memory()
    print(json.dumps(answer))


def _facts(storage: FolderStorage, registry: OciLayout, output: OutputFile) -> Facts:
    """What is recorded of a publication whose image is next to nothing and whose one output is this."""
    code, log = b"code", b"it ran\n"
    storage.write("code/wobble.tar", [code])
    storage.write("logs/p/run.log", [log])
    layer, config = registry.put_blob("wobble", [b"layer"], LAYER), registry.put_blob("wobble", [b"{}"], CONFIG)
    manifest = manifest_bytes(config, [layer], {})
    registry.put_manifest("wobble", manifest, None)
    facts = recorded.facts(made=recorded.image(manifest, b"{}", (b"layer",)), outputs=(output,), code=code, log=log)
    return replace(facts, deposit=recorded.deposit())


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from iter(lambda: stream.read(_CHUNK), b"")


if __name__ == "__main__":
    main(*sys.argv[1:])
