"""What was installed can be asked for again when the package archive has moved on."""

import io
import tarfile

import pytest

from fakes.forge import FakeForge
from fakes.some_ports import some_ports, source_of
from servers.apt import running_archive
from servers.bases import debian_base
from servers.builders import builds_with
from tagstone.actions import build
from tagstone.actions.base_image import carry
from tagstone.adapters.buildah import Buildah
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.environments import lock as locks
from tagstone.domain.environments.build import BuildState, PackageArchive
from tagstone.domain.environments.channels import Channels
from tagstone.domain.images.oci import CONFIG, LAYER
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes, read_history

FILES = {"tagstone.yml": b"environment: {base: 'small:1', apt: [tiny-tool]}\n"}


def put_base(registry, sources):
    """Debian with another sources.list, as base/small:1."""
    kept, base = debian_base()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("etc/apt/sources.list")
        info.size = len(sources)
        tar.addfile(info, io.BytesIO(sources.encode()))
    layer = registry.put_blob("base/small", [out.getvalue()], LAYER)
    layers = [*(carry(kept, base.name, registry, "base/small", blob) for blob in base.layers), layer]
    history = [*read_history(kept, base), history_entry("sources", 0)]
    config = config_bytes(base.platform, base.settings, [*base.diff_ids, layer.digest], history, 0)
    registry.put_manifest("base/small", manifest_bytes(registry.put_blob("base/small", [config], CONFIG), layers, {}), "1")


class Site:
    """One site with one builder; every build is of the repository as it is then."""

    def __init__(self, folder):
        self.folder = folder
        self.registry = OciLayout(folder / "images", 30.0)
        self.forge = FakeForge()
        self.files = self.forge.create("project", FILES).files
        self.ports = some_ports(forge=self.forge, registry=self.registry, builder=Buildah(folder / "builds", self.registry))

    def build(self, channels=None):
        source = source_of(FILES["tagstone.yml"].decode(), self.forge.commit("project"))
        plan = build.plan(self.ports, source, channels)
        with builds_with(self.ports.builder) as builds:
            builds.start("p1", plan.recipe)
            if builds.ended("p1").state is not BuildState.SUCCEEDED:
                return None, builds.log("p1")
            made = build.collect_environment(self.ports, "p1", plan, self.folder)
        return made, plan


@pytest.mark.engines
def test_a_locked_version_is_installed_again_from_the_snapshot_of_its_day(tmp_path):
    site = Site(tmp_path)
    with running_archive(tmp_path / "www") as archive:
        put_base(site.registry, archive.sources)
        archive.now_has("1.0", "Mon, 05 Jan 2026 08:00:00 UTC", kept_as="20260105T140000Z")
        first, plan = site.build()
        assert first.archives == (PackageArchive(archive.address, "stable", "2026-01-05T08:00:00Z"),)
        found = build.find_environment(site.registry, plan)
        assert found is not None
        assert found.archives == first.archives

        lock = locks.from_packages(plan.recipe.bases, first.packages, first.archives)
        assert (lock.deb["tiny-tool"], lock.snapshot) == ("1.0", "2026-01-05T08:00:00Z")
        site.files[locks.FILE] = locks.dump(lock).encode()
        archive.now_has("2.0", "Mon, 02 Feb 2026 08:00:00 UTC", kept_as="20260202T140000Z")

        gone, log = site.build()
        assert gone is None
        assert "tiny-tool" in log

        again, _ = site.build(Channels(snapshots=archive.snapshots))
        assert again.image.layers == first.image.layers
        assert again.packages == first.packages
        assert [one.date for one in again.archives] == ["2026-01-05T08:00:00Z"]
