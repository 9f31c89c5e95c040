"""A project's part of a registry, as jobs build into it."""

import pytest

from fakes.registry import FakeRegistry
from fakes.small_project import put_base
from tagstone.adapters.project_registry import ProjectRegistry
from tagstone.domain.images.oci import LAYER, ImageReference, Platform
from tagstone.errors import NotFound
from tagstone.image.manifest import read_image


@pytest.fixture
def whole() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def project(whole: FakeRegistry) -> ProjectRegistry:
    return ProjectRegistry(whole, "/Ada/Wobble", ("environments", "base/"))


def test_a_base_lies_below_the_projects_path(project: ProjectRegistry, whole: FakeRegistry):
    put_base(project)
    there = read_image(whole, "ada/wobble/base/debian", "bookworm", Platform())
    assert read_image(project, "base/debian", "bookworm", Platform()).digest == there.digest
    with pytest.raises(NotFound):
        whole.manifest("base/debian", "bookworm")


def test_the_image_lies_at_the_projects_path_itself_whatever_we_call_it(project: ProjectRegistry, whole: FakeRegistry):
    put_base(project)
    image = read_image(project, "base/debian", "bookworm", Platform())
    for blob in (image.config, *image.layers):
        with project.blob("base/debian", blob.digest) as stream:
            project.put_blob("wobble-0123abcd", [stream.read()], blob.media_type)
    digest = project.put_manifest("wobble-0123abcd", project.manifest("base/debian", image.digest), None)
    assert whole.manifest("ada/wobble", digest) == project.manifest("wobble-0123abcd", digest)


def test_engines_pull_it_from_there(project: ProjectRegistry, whole: FakeRegistry):
    put_base(project)
    image = read_image(project, "base/debian", "bookworm", Platform())
    with project.pullable(ImageReference("base/debian", image.digest)) as reference:
        assert f"ada/wobble/base/debian@{image.digest}" in reference


def test_blobs_are_looked_for_where_they_are_put(project: ProjectRegistry, whole: FakeRegistry):
    blob = project.put_blob("environments", [b"x"], LAYER)
    assert project.has_blob("environments", blob.digest)
    assert whole.has_blob("ada/wobble/environments", blob.digest)
