"""Running a record again: the image by digest, a fresh workspace, and every output compared as the manifest declares."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tagstone.actions.base_image import carry
from tagstone.actions.compare_outputs import compare_outputs
from tagstone.actions.fetch_inputs import Fetching, keep_input
from tagstone.actions.run import manifest_of, output_rules, run_to_its_end
from tagstone.domain.images.oci import Image
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.record import Facts, ImageFacts, InputFacts
from tagstone.domain.reading.paths import path_problem
from tagstone.domain.runs.comparison import Comparison
from tagstone.domain.runs.run import OutputFile, RunSpec
from tagstone.errors import Conflict, Invalid, NotFound, Permanent
from tagstone.image.documents import DOCUMENT_BYTES
from tagstone.ports import Ports, Registry, Runner, Storage

CHUNK = 1 << 20
_REGISTRY = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*")


def reproduce(
    ports: Ports,
    policy: Policy,
    facts: Facts,
    bundle: Path | None,
    scratch: Path,
    pauses: Iterator[float],
    pause: Callable[[float], None],
    follow: Callable[[bytes], None],
) -> Comparison:
    """Run a record's image again, as it was run then, and compare the outputs; what is no longer at hand is taken from its bundle.

    `scratch` is for inputs that have to be fetched again, `pauses` are the waits between looks (seconds), `pause` waits,
    `follow` is handed the log as it comes.

    Raises:
        Conflict: the record has no run.
        RunFailed: the run ended badly this time.
        Temporary: the engine failed.
        NotFound: image, code or inputs are neither at hand nor in the bundle.
    """
    if facts.run is None or facts.image is None:
        raise Conflict("This record has no run that could be repeated.", remedy="Only publications whose run succeeded can be.")
    restore_image(ports.registry, facts.image.image, bundle)
    restore_code(ports.storage, facts, bundle)
    fetching = Fetching(ports.downloads, ports.storage, ports.clock, scratch)
    for given in facts.source.inputs:
        restore_input(fetching, given, bundle)
    specs = [(f"{one.combination.folder}/", one.run.spec) for one in facts.matrix] or [("", facts.run.spec)]
    found: list[OutputFile] = []
    for folder, spec in specs:
        if folder:
            follow(f"=== {folder} ===\n".encode())
        found += [
            replace(file, path=folder + file.path) for file in _again(ports.runner, policy, facts, spec, pauses, pause, follow)
        ]
    rules = manifest_of(facts).outputs.made
    if facts.matrix:
        rules = tuple(rule.model_copy(update={"path": f"*/{rule.path}"}) for rule in rules)
    return compare_outputs(ports, rules, facts.outputs, found, bundle)


def _again(
    runner: Runner,
    policy: Policy,
    facts: Facts,
    spec: RunSpec,
    pauses: Iterator[float],
    pause: Callable[[float], None],
    follow: Callable[[bytes], None],
) -> list[OutputFile]:
    """What one run leaves this time."""
    key = f"{facts.publication}-again"
    runner.remove(key)
    try:
        run_to_its_end(runner, key, spec, facts.publication, pauses, pause, follow)
        return runner.collect(key, output_rules(facts, policy))
    finally:
        runner.remove(key)


def restore_image(registry: Registry, image: Image, bundle: Path | None) -> None:
    """Make the image readable in the registry again, from the OCI layout in the bundle if need be. Raises: NotFound."""
    try:
        registry.manifest(image.name, image.digest)
    except NotFound:
        if bundle is None:
            raise
    else:
        return
    for descriptor in (*image.layers, image.config):
        if not registry.has_blob(image.name, descriptor.digest):
            path, sha256 = _blob(bundle, descriptor.digest), descriptor.digest.removeprefix("sha256:")
            chunks = _recorded(path, descriptor.size, sha256, descriptor.digest)
            registry.put_blob(image.name, chunks, descriptor.media_type)
    path = _blob(bundle, image.digest)
    if path.stat().st_size > DOCUMENT_BYTES:
        raise _damaged(image.digest)
    manifest = path.read_bytes()
    if registry.put_manifest(image.name, manifest, None) != image.digest:
        raise _damaged(image.digest)


def pull_image(registry: Registry, image: ImageFacts, at: Callable[[str], Registry]) -> None:
    """Copy an image by its digest from the registry that keeps it for everybody, unless it is here. `at` reaches a registry.

    Raises:
        NotFound: it is not there any more.
        Invalid: what is recorded of it is no registry's address, or what is there is another image.
    """
    name, digest = image.image.name, image.image.digest
    try:
        registry.manifest(name, digest)
    except NotFound:
        if _REGISTRY.fullmatch(image.registry) is None:
            raise Invalid(
                f"{image.registry[:200]!r} is no registry.", remedy="Take tagstone.json from an intact bundle."
            ) from None
    else:
        return
    published = at(image.registry)
    manifest = published.manifest(name, digest)
    for blob in (*image.image.layers, image.image.config):
        carry(published, name, registry, name, blob)
    registry.put_manifest(name, manifest, None)


def restore_code(storage: Storage, facts: Facts, bundle: Path | None) -> None:
    """Make the code archive readable in storage again, from the bundle if need be. Raises: NotFound."""
    source = facts.source
    if storage.size(source.archive_key) is not None:
        return
    if bundle is None or not (bundle / "code.tar").is_file():
        raise NotFound("The code archive is gone.", remedy="Give the folder of the record's bundle.")
    chunks = _recorded(bundle / "code.tar", source.archive_size, source.archive_sha256, "code.tar")
    storage.write(source.archive_key, chunks)


def restore_input(fetching: Fetching, given: InputFacts, bundle: Path | None) -> None:
    """Make an input readable in storage again, from the bundle or from where it came. Raises: NotFound, Permanent."""
    storage = fetching.storage
    if storage.size(given.storage_key) is not None:
        return
    path = bundle / "inputs" / given.path if bundle is not None and path_problem(given.path) is None else None
    if path is None or not path.is_file():
        keep_input(fetching, given.source, given.path, given.sha256)
        return
    storage.write(given.storage_key, _recorded(path, given.size, given.sha256, f"inputs/{given.path}"))


def _recorded(path: Path, size: int, sha256: str, what: str) -> Iterator[bytes]:
    """A file's bytes, with an error before the end when they are not what was recorded: so nothing is kept of them."""
    digest, left = hashlib.sha256(), size
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            left -= len(chunk)
            if left < 0:
                break
            yield chunk
    if left != 0 or digest.hexdigest() != sha256:
        raise _damaged(what)


def _blob(bundle: Path, digest: str) -> Path:
    path = bundle / "image" / "blobs" / "sha256" / digest.removeprefix("sha256:")
    if not path.is_file():
        raise NotFound(
            f"The bundle lacks the blob {digest}.",
            remedy="`tagstone verify` says what else is missing; fetch the bundle again.",
        )
    return path


def _damaged(what: str) -> Permanent:
    return Permanent(
        f"The bundle's {what} is not what was recorded.",
        remedy="`tagstone verify` names every damaged file; fetch the bundle again.",
    )
