"""An image built anew from the archived code: the same digest, or everything that differs by name."""

import io
import tarfile
from contextlib import contextmanager
from dataclasses import replace

import pytest

from fakes.builder import FakeBuilder
from fakes.forge import FakeForge
from fakes.registry import FakeRegistry
from fakes.some_ports import some_ports, source_of
from tagstone.actions import build
from tagstone.actions.base_image import this_platform
from tagstone.actions.code import code_files
from tagstone.actions.rebuild import rebuild
from tagstone.adapters.archived_code import ArchivedCode
from tagstone.domain.images.oci import CONFIG, LAYER, ImageSettings, Platform
from tagstone.domain.publications.record import Facts, ImageFacts
from tagstone.errors import Conflict, Invalid, NotFound, Permanent, Temporary
from tagstone.image.code import code_archive
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes, read_image
from tagstone.ports import BuiltRoot

MANIFEST = "environment: {base: 'debian:bookworm', install: install.sh}\nrun: {command: [sh, run.sh]}\noutputs: ['*.txt']\n"
FILES = {"install.sh": b"true\n", "run.sh": b"echo hello\n", "sub/data.csv": b"1,2\n"}


class ChangedBuilder(FakeBuilder):
    """A builder in a world that has moved on: its roots have another file, and a package of another version."""

    @contextmanager
    def collect(self, key):
        with super().collect(key) as built, tarfile.open(fileobj=built.tar) as old:
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new:
                for member in old:
                    content = old.extractfile(member)
                    data = content.read().replace(b"1.0-1", b"1.0-2") if content else b""
                    member.size = len(data)
                    new.addfile(member, io.BytesIO(data))
                new.addfile(tarfile.TarInfo("opt/moved-on"))
            out.seek(0)
            yield BuiltRoot(out, built.settings)


class Place:
    """An installation that has published one image, and what it takes to build it anew."""

    def __init__(self, folder):
        self.folder = folder
        self.forge, self.registry, self.upstream = FakeForge(), FakeRegistry(), None
        self.forge.create("project", FILES)
        self.base = put_base(self.registry)
        commit = self.forge.commit("project")
        source = source_of(MANIFEST, commit)
        self.archive = io.BytesIO()
        code_archive(code_files(self.forge, "project", self.forge.entries("project", commit)), commit.time, self.archive)
        self.builder = FakeBuilder(folder / "builds")
        plan = build.plan(self.ports, source)
        self.builder.start("p1", plan.recipe, lambda: build.context(self.ports, plan))
        environment = build.collect_environment(self.ports, "p1", plan, folder)
        image = build.write_image(self.ports, environment, plan, source, folder)
        made = ImageFacts(image, plan.key, plan.recipe.bases, environment.packages, "fake", built=True)
        self.facts = Facts("p1", source, "0.2.0", image=made)
        self.fresh = FakeRegistry()
        self.log = b""

    @property
    def ports(self):
        return some_ports(forge=self.forge, registry=self.registry, upstream=self.upstream, builder=self.builder)

    def rebuild(self, builder=None):
        self.archive.seek(0)
        forge = ArchivedCode(self.facts.source, self.archive, io.BytesIO())
        anew = some_ports(forge=forge, registry=self.fresh, upstream=None, builder=builder or self.builder)
        pauses = iter([0.0] * 10)
        return rebuild(self.ports, anew, self.facts, None, self.folder, pauses, lambda _: None, self.follow)

    def follow(self, data):
        self.log += data


def put_base(registry, name="base/debian", tag="bookworm"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("debian_version"))
    layer = registry.put_blob(name, [out.getvalue()], LAYER)
    history = [history_entry("base-image", 0)]
    config = registry.put_blob(name, [config_bytes(this_platform(), ImageSettings(), [layer.digest], history, 0)], CONFIG)
    registry.put_manifest(name, manifest_bytes(config, [layer], {}), tag)
    return read_image(registry, name, tag, this_platform())


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_the_archived_code_and_the_recorded_base_give_the_recorded_digest(place):
    difference = place.rebuild()
    assert difference.identical
    assert place.log == b"STEP 1\ndone\n"


def test_nothing_is_found_again_and_nothing_published_is_touched(place):
    before = dict(place.registry.blobs), dict(place.registry.manifests), dict(place.registry.tagged)
    place.rebuild()
    assert place.builder.calls["start"] == 2
    assert (place.registry.blobs, place.registry.manifests, place.registry.tagged) == before
    assert place.builder.keys() == ["p1"]


def test_what_came_out_different_is_named_by_layer_package_and_file(place):
    difference = place.rebuild(ChangedBuilder(place.folder / "later"))
    lines = difference.as_text().splitlines()
    assert "environment: 2 paths differ" in lines
    assert "    opt/moved-on: added" in lines
    assert any(line.startswith("    var/lib/dpkg/status: content at byte ") for line in lines)
    assert "package: deb fake 1.0-1 → 1.0-2" in lines
    assert [layer.name for layer in difference.layers] == ["environment"]


def test_a_tag_that_means_another_base_by_now_does_not_matter(place):
    place.registry.tagged["base/debian", "bookworm"] = "sha256:" + "0" * 64
    assert place.rebuild().identical


def test_a_base_that_is_gone_is_pulled_from_upstream_by_its_digest(place):
    place.upstream = FakeRegistry()
    put_base(place.upstream, "library/debian")
    del place.registry.manifests["base/debian", place.base.digest]
    assert place.rebuild().identical


def test_a_base_that_is_nowhere_is_told(place):
    del place.registry.manifests["base/debian", place.base.digest]
    with pytest.raises(NotFound, match=r"debian:bookworm .* is not in the registry"):
        place.rebuild()


def test_a_build_that_fails_today_is_told_with_its_last_words(place):
    later = FakeBuilder(place.folder / "later")
    later.fail("E: Unable to locate package fake")
    with pytest.raises(Permanent, match="could not be built: E: Unable to locate package fake"):
        place.rebuild(later)
    assert later.keys() == []


def test_a_build_that_was_lost_may_be_tried_again(place):
    later = FakeBuilder(place.folder / "later")
    later.lose()
    with pytest.raises(Temporary, match="gone without an answer"):
        place.rebuild(later)


def test_a_record_without_an_image_and_another_kind_of_machine_are_refused(place):
    whole = place.facts
    place.facts = replace(whole, image=None)
    with pytest.raises(Conflict, match="no image"):
        place.rebuild()
    elsewhere = replace(whole.image.image, platform=Platform("linux", "s390x"))
    place.facts = replace(whole, image=replace(whole.image, image=elsewhere))
    with pytest.raises(Conflict, match="built for linux/s390x"):
        place.rebuild()


def test_an_archive_that_no_commit_can_have_made_is_refused(place):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"))
        link = tarfile.TarInfo("b")
        link.type, link.linkname = tarfile.LNKTYPE, "a"
        tar.addfile(link)
    place.archive = out
    with pytest.raises(Invalid, match="'b' is no file of a commit"):
        place.rebuild()
