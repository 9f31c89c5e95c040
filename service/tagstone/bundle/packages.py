"""Packages as Package URLs: https://github.com/package-url/purl-spec (ECMA-427)."""

from collections.abc import Iterable

from packageurl import PackageURL

from tagstone.domain.environments.build import Package
from tagstone.domain.images.oci import Image


def distribution_of(packages: Iterable[Package]) -> Package | None:
    """The distribution among the packages of an image, None where nothing tells it."""
    return next((package for package in packages if package.kind == "os"), None)


def package_url(package: Package, distribution: Package | None) -> PackageURL:
    """The purl of a package: a Debian one with architecture and distribution, `pkg:deb/debian/bash@5.2?arch=amd64&distro=debian-12`."""
    if package.kind != "deb":
        return PackageURL(package.kind, name=package.name, version=package.version)
    qualifiers = {"arch": package.architecture} if package.architecture else {}
    if distribution:
        qualifiers["distro"] = f"{distribution.name}-{distribution.version}"
    return PackageURL("deb", distribution.name if distribution else "debian", package.name, package.version, qualifiers)


def image_url(image: Image, registry: str) -> PackageURL:
    """The purl of an image by digest; `registry` is the host that keeps it, empty when nobody but a bundle does."""
    qualifiers = {"arch": image.platform.architecture}
    if registry:
        qualifiers["repository_url"] = f"{registry}/{image.name}"
    return PackageURL("oci", name=image.name.rpartition("/")[2], version=image.digest, qualifiers=qualifiers)
