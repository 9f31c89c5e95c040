"""Running a record again: the image by digest, a fresh workspace, and every output compared by checksum."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tagstone.actions.run import failure, output_rules
from tagstone.domain.comparison import Comparison, compare
from tagstone.domain.oci import Image
from tagstone.domain.policy import Policy
from tagstone.domain.record import Facts
from tagstone.domain.run import Outcome, RunStatus
from tagstone.errors import Conflict, NotFound, Permanent
from tagstone.ports import Ports, Registry, Storage

CHUNK = 1 << 20


def reproduce(
    ports: Ports,
    policy: Policy,
    facts: Facts,
    bundle: Path | None,
    pauses: Iterator[float],
    pause: Callable[[float], None],
    follow: Callable[[bytes], None],
) -> Comparison:
    """Run a record's image again and compare the outputs; what is no longer at hand is taken from its bundle.

    `pauses` are the waits between looks (seconds), `pause` waits, `follow` is handed the log as it comes.

    Raises:
        Conflict: the record has no run.
        RunFailed: the run ended badly this time.
        NotFound: image or code are neither at hand nor in the bundle.
    """
    if facts.run is None or facts.image is None:
        raise Conflict("This record has no run that could be repeated.", remedy="Only publications whose run succeeded can be.")
    restore_image(ports.registry, facts.image.image, bundle)
    restore_code(ports.storage, facts, bundle)
    key, runner = f"{facts.publication}-again", ports.runner
    runner.remove(key)
    try:
        runner.start(key, facts.run.spec)
        status = _until_ended(ports, key, pauses, pause, follow)
        if status.outcome is not Outcome.SUCCEEDED:
            raise failure(status, facts.run.spec, facts.publication)
        return compare(facts.outputs, runner.collect(key, output_rules(facts, policy)))
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
            with _blob(bundle, descriptor.digest).open("rb") as stream:
                written = registry.put_blob(image.name, iter(lambda: stream.read(CHUNK), b""), descriptor.media_type)
            if written.digest != descriptor.digest:
                raise _damaged(descriptor.digest)
    manifest = _blob(bundle, image.digest).read_bytes()
    if registry.put_manifest(image.name, manifest, None) != image.digest:
        raise _damaged(image.digest)


def restore_code(storage: Storage, facts: Facts, bundle: Path | None) -> None:
    """Make the code archive readable in storage again, from the bundle if need be. Raises: NotFound."""
    source = facts.source
    if storage.size(source.archive_key) is not None:
        return
    if bundle is None or not (bundle / "code.tar").is_file():
        raise NotFound("The code archive is gone.", remedy="Give the folder of the record's bundle.")
    with (bundle / "code.tar").open("rb") as stream:
        stored = storage.write(source.archive_key, iter(lambda: stream.read(CHUNK), b""))
    if stored.sha256 != source.archive_sha256:
        storage.delete(source.archive_key)
        raise _damaged("code.tar")


def _until_ended(
    ports: Ports, key: str, pauses: Iterator[float], pause: Callable[[float], None], follow: Callable[[bytes], None]
) -> RunStatus:
    cursor = ""
    for seconds in pauses:
        status = ports.runner.observe(key)
        chunk = ports.runner.logs(key, cursor)
        while chunk.data:
            follow(chunk.data)
            cursor = chunk.cursor
            chunk = ports.runner.logs(key, cursor)
        if not status.running:
            return status
        pause(seconds)
    raise AssertionError("pauses never end")


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
