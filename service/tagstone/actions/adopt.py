"""Adopting the image that a CI job built instead of building one: looked at in the registry, and believed in nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tagstone.actions.base_image import carry
from tagstone.actions.build import Plan, image_name, packages_of
from tagstone.domain.environments.build import Package
from tagstone.domain.images.oci import Image, ImageReference
from tagstone.domain.publications.record import SourceFacts
from tagstone.errors import Invalid, NotFound
from tagstone.image.manifest import read_image
from tagstone.ports import Registry

_REVISION = "org.opencontainers.image.revision"


@dataclass(frozen=True)
class Adopted:
    """An image with its packages; `planned` says whether it stands on the base that the commit's plan names today."""

    image: Image
    packages: tuple[Package, ...]
    planned: bool


def adopt(
    registry: Registry, elsewhere: Mapping[str, Registry], plan: Plan, source: SourceFacts, handed: ImageReference
) -> Adopted:
    """The image of this digest, whole and of this commit by what it says of itself, in our registry.

    One that is kept `elsewhere`, in the registry of a forge whose name stands before its own, is copied unchanged.

    Raises:
        Invalid: it is not for this platform, or of another commit.
        NotFound: it is not there, or a part of it is not.
        Permanent: its bytes are not those of its digest.
    """
    forge, _, name = handed.name.rpartition(":")
    if forge and forge not in elsewhere:
        raise NotFound(f"The registry of {forge}, which has the image, is not set any more.", remedy="Run the pipeline again.")
    kept = elsewhere[forge] if forge else registry
    image = read_image(kept, name, handed.digest, plan.recipe.platform)
    _check_commit(image, source)
    if forge:
        image = _copied(kept, image, registry, image_name(source.project))
    gone = next((layer.digest for layer in image.layers if not registry.has_blob(image.name, layer.digest)), None)
    if gone is not None:
        raise NotFound(f"The layer {gone} of the image is not in the registry.", remedy="Push the image again.")
    below = plan.base.diff_ids if plan.base else ()
    return Adopted(image, packages_of(registry, image), planned=image.diff_ids[: len(below)] == below)


def _check_commit(image: Image, source: SourceFacts) -> None:
    said = image.annotations.get(_REVISION) or dict(image.settings.labels).get(_REVISION)
    if said != source.commit.sha:
        raise Invalid(
            f"The image says that it is of the commit {str(said)[:40]}, and the tag is at {source.commit.sha[:12]}.",
            remedy=f"Build it with `tagstone ci build`, or label it {_REVISION} with the tag's commit.",
        )


def _copied(kept: Registry, image: Image, registry: Registry, name: str) -> Image:
    """An image under another name in our registry, byte for byte."""
    for blob in (*image.layers, image.config):
        carry(kept, image.name, registry, name, blob)
    registry.put_manifest(name, kept.manifest(image.name, image.digest), None)
    return replace(image, name=name)
