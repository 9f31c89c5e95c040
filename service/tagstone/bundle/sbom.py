"""`sbom.cdx.json`: what the image is made of, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/)."""

from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6

from tagstone.bundle.packages import distribution_of, image_url, package_url
from tagstone.bundle.text import plain
from tagstone.bundle.words import HOME
from tagstone.domain.environments.build import Package
from tagstone.domain.publications.record import Facts, ImageFacts

FILE = "sbom.cdx.json"
SPECIFICATION = "https://cyclonedx.org/docs/1.6/json/"


def sbom(facts: Facts, image: ImageFacts) -> bytes:
    """The SBOM of the recorded packages; equal facts, equal bytes."""
    distribution = distribution_of(image.packages)
    made, components = _image(image), [_component(package, distribution) for package in image.packages]
    bom = Bom(
        components=components,
        serial_number=uuid5(NAMESPACE_URL, f"{HOME}/{facts.publication}/{image.image.digest}"),
        metadata=BomMetaData(
            timestamp=facts.moment,
            component=made,
            tools=ToolRepository(
                components=[Component(name="tagstone", version=facts.tagstone, type=ComponentType.APPLICATION)]
            ),
        ),
    )
    bom.register_dependency(made, components)
    return JsonV1Dot6(bom).output_as_string(indent=1).encode() + b"\n"


def _component(package: Package, distribution: Package | None) -> Component:
    """A package; where two had one `bom-ref`, the library would tell them apart by random numbers."""
    system = package.kind == "os"
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.OPERATING_SYSTEM if system else ComponentType.LIBRARY,
        purl=None if system else package_url(package, distribution),
        bom_ref=":".join((package.kind, package.architecture or "", f"{package.name}@{package.version}")),
    )


def _image(image: ImageFacts) -> Component:
    purl = image_url(image.image, image.registry)
    return Component(
        name=image.image.name,
        version=image.image.digest,
        type=ComponentType.CONTAINER,
        purl=purl,
        bom_ref=purl.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=image.image.digest.removeprefix("sha256:"))],
        pedigree=Pedigree(ancestors=[_base(*base) for base in _bases(image)]) if image.bases else None,
        properties=list(_properties(image)),
    )


def _bases(image: ImageFacts) -> list[tuple[str, str]]:
    return list(dict.fromkeys((base.written, base.image.digest) for base in image.bases))


def _base(written: str, digest: str) -> Component:
    return Component(
        name=written,
        version=digest,
        type=ComponentType.CONTAINER,
        bom_ref=f"base:{written}@{digest}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))],
    )


def _properties(image: ImageFacts) -> Iterator[Property]:
    yield Property(name="tagstone:platform", value=str(image.image.platform))
    yield Property(name="tagstone:environment", value=image.environment_key)
    for archive in image.archives:
        yield Property(name="tagstone:package-archive", value=plain(f"{archive.address} {archive.suite} {archive.date}"))
