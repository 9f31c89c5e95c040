"""Building a record's image anew, from the archived code and the recorded base, and comparing it with the one that was published.

Nothing that an earlier build left is used, and nothing that is published is touched: the new image goes into a registry of its own.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tagstone.actions import build as building
from tagstone.actions.base_image import carry, read_written, resolve_base, this_platform
from tagstone.actions.build_here import build_environment
from tagstone.actions.reproduce import restore_image
from tagstone.domain.environments.build import BaseImage
from tagstone.domain.environments.channels import Channels
from tagstone.domain.environments.lock import Lock
from tagstone.domain.environments.snapshots import newest
from tagstone.domain.images.image_difference import ImageDifference
from tagstone.domain.images.oci import Image
from tagstone.domain.publications.record import Facts, SourceFacts
from tagstone.errors import Conflict, NotFound
from tagstone.image.difference import Layer, Side, compare_images
from tagstone.image.manifest import read_history, read_image
from tagstone.ports import Ports, Registry

_OURS = "tagstone "
_GONE = "What it needs may be gone; the published image is still there: `tagstone reproduce` runs it."

Follow = Callable[[bytes], None]
Pause = Callable[[float], None]


def rebuild(
    ports: Ports,
    anew: Ports,
    facts: Facts,
    bundle: Path | None,
    scratch: Path,
    pauses: Iterator[float],
    pause: Pause,
    follow: Follow,
    channels: Channels | None = None,
) -> ImageDifference:
    """Build a record's image again, and say what differs.

    Where the site's `channels` have snapshots of the package archive, packages are those of the recorded date.
    `anew` are ports whose forge has the archived code, whose registry is empty, and whose builder pulls from that registry.
    `pauses` are the waits between looks (seconds), `pause` waits, `follow` is handed the build's log as it comes.

    Raises:
        Conflict: nothing was built for this record, or on another kind of machine.
        NotFound: the image or its base are neither at hand nor in the bundle.
        Permanent: the environment cannot be built any more.
    """
    recorded = facts.image
    if recorded is None:
        raise Conflict("This record has no image that could be built again.", remedy="Only built publications can be.")
    if recorded.image.platform != this_platform():
        raise Conflict(
            f"The image was built for {recorded.image.platform}, and this machine is {this_platform()}.",
            remedy=f"Build it again on a machine that is {recorded.image.platform}.",
        )
    restore_image(ports.registry, recorded.image, bundle)
    for base in recorded.bases:
        bring_base(ports, anew.registry, base)
    plan = building.plan(anew, facts.source, channels, newest(recorded.archives))
    image, environment = build_anew(anew, facts.source, plan, f"{facts.publication}-anew", scratch, pauses, pause, follow)
    return compare_images(
        Side(recorded.image, _layers(ports.registry, recorded.image), recorded.packages),
        Side(image, _layers(anew.registry, image), environment.packages),
    )


def bring_base(ports: Ports, registry: Registry, base: BaseImage) -> None:
    """Put a base into another registry by its recorded digest, under the tag that the author wrote. Raises: NotFound."""
    written, platform, digest = read_written(base.written), this_platform(), base.image.digest
    try:
        image = read_image(ports.registry, base.image.name, digest, platform)
    except NotFound:
        image = resolve_base(registry, ports.upstream, base.written, Lock({base.written: digest}), platform)
        manifest = registry.manifest(image.name, image.digest)
    else:
        for blob in (image.config, *image.layers):
            carry(ports.registry, image.name, registry, written.kept_as, blob)
        manifest = ports.registry.manifest(image.name, image.digest)
    registry.put_manifest(written.kept_as, manifest, None if written.digest else written.tag)


def build_anew(
    ports: Ports,
    source: SourceFacts,
    plan: building.Plan,
    key: str,
    scratch: Path,
    pauses: Iterator[float],
    pause: Pause,
    follow: Follow,
) -> tuple[Image, building.Environment]:
    """Build environment and image of some code from nothing; what the engine left is removed.

    Raises:
        Permanent: the build failed.
        Temporary: the build's process is gone.
    """
    environment = build_environment(ports, plan, key, scratch, pauses, pause, follow, remedy=_GONE)
    return building.write_image(ports, environment, plan, source, scratch), environment


def _layers(registry: Registry, image: Image) -> list[Layer]:
    """An image's layers under names for people: ours are `environment` and `code`, all below are the base's."""
    said = [str(line.get("created_by", "")) for line in read_history(registry, image) if not line.get("empty_layer")]
    names = []
    for number, (line, _) in enumerate(zip(said, image.layers, strict=True), 1):
        ours = line.removeprefix(_OURS)
        known = ours in ("environment", "code") and line.startswith(_OURS) and ours not in names
        names.append(ours if known else f"base layer {number}")
    return [
        Layer(name, blob.digest, partial(registry.blob, image.name, blob.digest))
        for name, blob in zip(names, image.layers, strict=True)
    ]
