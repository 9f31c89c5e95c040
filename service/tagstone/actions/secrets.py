"""Search what is about to be published for secrets: code, what an environment adds to its base, outputs, inputs, logs."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tagstone.adapters.secrets import MAX_BYTES, RULES, find_secrets
from tagstone.domain.code.finding import Finding
from tagstone.domain.code.source import EntryKind, ProjectIdentity, SourceEntry
from tagstone.domain.images.oci import Image
from tagstone.errors import NotFound
from tagstone.ports import Forge, Registry, Storage

if TYPE_CHECKING:
    from tagstone.domain.publications.record import Facts

CODE = "code/"
_HEAD = 8 * 2**20  # bytes of an output or input that are searched: what programs write begins with what they were told


def in_code(forge: Forge, project: ProjectIdentity, entries: Iterable[SourceEntry]) -> list[Finding]:
    """Findings in a commit's files; those larger than 32 MiB are data, and not searched."""
    files = [entry for entry in entries if entry.kind is not EntryKind.SUBMODULE and 0 < entry.size <= MAX_BYTES]
    contents = forge.read(project.location, [entry.object_id for entry in files])
    pairs = zip(files, contents, strict=True)
    return [found for entry, content in pairs for found in find_secrets(CODE + _shown(entry.path), content)]


def in_image(registry: Registry, storage: Storage, image: Image, below: int) -> list[Finding]:
    """Findings in an environment's settings and in its layers above the `below` ones of its base.

    What was found in a layer is kept, by its digest: the same environment is searched once.
    """
    settings = "\n".join(f"{name}={value}" for name, value in image.settings.env)
    found = find_secrets("image/environment", settings.encode("utf-8", "surrogateescape"))
    for layer in image.layers[below:]:
        found += _in_layer(registry, storage, image.name, layer.digest)
    return found


def in_results(storage: Storage, facts: "Facts") -> list[Finding]:
    """Findings in outputs, in inputs that are copied into the bundle, and in the run's log."""
    files = [(f"{'brought' if file.brought else 'outputs'}/{file.path}", file.storage_key, _HEAD) for file in facts.outputs]
    files += [(f"inputs/{file.path}", file.storage_key, _HEAD) for file in facts.source.inputs if file.copied]
    if facts.run is not None:
        files.append(("logs/run.log", facts.run.log_key, MAX_BYTES))
    found = []
    for path, key, limit in files:
        with storage.open(key) as stream:
            found += find_secrets(_shown(path), stream.read(limit))
    return found


def _in_layer(registry: Registry, storage: Storage, name: str, digest: str) -> list[Finding]:
    key = f"secrets/{RULES}/{digest.removeprefix('sha256:')}.json"
    try:
        with storage.open(key) as stream:
            return [Finding(*entry) for entry in json.load(stream)]
    except NotFound:
        pass
    # Only here: `tagstone check` reads no layers and must be quick.
    from tagstone.image.packaged_files import PackagedFiles, file_heads

    with registry.blob(name, digest) as layer:
        packaged = PackagedFiles(layer)
    found = []
    with registry.blob(name, digest) as layer:
        for path, head in file_heads(layer, MAX_BYTES, lambda path: path not in packaged):
            found += find_secrets(f"image/{_shown(path)}", head)
    entries = [(finding.path, finding.line, finding.kind, finding.fingerprint) for finding in found]
    storage.write(key, [json.dumps(entries).encode()])
    return found


def _shown(path: str) -> str:
    """A path as messages and waivers can carry it: what cannot be printed is written with a backslash."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path)
