"""A commit becomes an image: environments are found again, tags never move, the first of two writers wins."""

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fakes.builder import FakeBuilder
from fakes.forge import FakeForge
from fakes.registry import FakeRegistry
from fakes.some_ports import some_ports, source_of
from tagstone.actions import base_image, build
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.environments.build import BuildState, Package
from tagstone.domain.environments.lock import Lock
from tagstone.domain.images.oci import CONFIG, LAYER, Image, ImageSettings, Platform
from tagstone.errors import Conflict, Invalid, NotFound
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes, read_image
from tagstone.ports import BuiltRoot

MANIFEST = "environment: {base: 'debian:bookworm'%s}\nrun: {command: [sh, run.sh]}\noutputs: ['*.txt']\n"
FILES = {"install.sh": b"true\n", "run.sh": b"echo hello\n", "sub/data.csv": b"1,2\n"}
FAKE = Package("deb", "fake", "1.0-1", "all")


def root(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def put_base(registry, name="base/debian", tag="bookworm", content=b"12.1\n", settings=None):
    layer = registry.put_blob(name, [root(debian_version=content)], LAYER)
    documents = config_bytes(
        base_image.this_platform(), settings or ImageSettings(), [layer.digest], [history_entry("base", 0)], 0
    )
    config = registry.put_blob(name, [documents], CONFIG)
    registry.put_manifest(name, manifest_bytes(config, [layer], {}), tag)
    return read_image(registry, name, tag, base_image.this_platform())


class Place:
    """One site: forge, registry, builder, and a repository that can change."""

    def __init__(self, folder, environment=", install: install.sh", files=None):
        self.folder = folder
        self.forge, self.registry, self.upstream = FakeForge(), FakeRegistry(), FakeRegistry()
        self.builder = FakeBuilder(folder / "builds")
        self.ports = some_ports(forge=self.forge, registry=self.registry, upstream=None, builder=self.builder)
        self.repository = self.forge.create("project", FILES | (files or {}))
        self.manifest = MANIFEST % environment
        self.source = source_of(self.manifest, self.forge.commit("project"))

    def change(self, **files: bytes) -> None:
        self.repository.files.update({name.replace("__", "."): content for name, content in files.items()})
        self.source = source_of(self.manifest, self.forge.commit("project"))

    def plan(self):
        return build.plan(self.ports, self.source)

    def environment(self, key="p1"):
        plan = self.plan()
        self.builder.start(key, plan.recipe, lambda: build.context(self.ports, plan))
        assert self.builder.observe(key).state is BuildState.SUCCEEDED
        return build.collect_environment(self.ports, key, plan, self.folder)

    def image(self):
        environment = build.find_environment(self.registry, self.plan()) or self.environment()
        return build.write_image(self.ports, environment, self.plan(), self.source, self.folder)

    def layer(self, image, number):
        with self.registry.blob(image.name, image.layers[number].digest) as blob:
            return tarfile.open(fileobj=io.BytesIO(blob.read()))

    def config(self, image):
        with self.registry.blob(image.name, image.config.digest) as blob:
            return json.loads(blob.read())


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    put_base(made.registry)
    return made


def test_an_image_is_its_base_one_environment_layer_and_one_code_layer(place):
    image = place.image()
    base = read_image(place.registry, "base/debian", "bookworm", base_image.this_platform())
    assert image.layers[0] == base.layers[0]
    assert len(image.layers) == len(image.diff_ids) == 3
    assert "opt/environment.json" in place.layer(image, 1).getnames()
    names = place.layer(image, 2).getnames()
    assert names == ["workspace", "workspace/install.sh", "workspace/run.sh", "workspace/sub", "workspace/sub/data.csv"]


def test_the_configuration_has_the_commits_time_and_a_neutral_history(place):
    config = place.config(place.image())
    assert config["created"] == "2023-11-14T22:14:20Z"
    assert [line["created_by"] for line in config["history"]] == ["tagstone base", "tagstone environment", "tagstone code"]
    assert config["config"]["WorkingDir"] == "/workspace"


def test_annotations_say_where_an_image_comes_from(place):
    place.source = source_of(place.manifest, place.source.commit, citation="cff-version: 1.2.0\n")
    annotations = place.image().annotations
    assert {key.removeprefix("org.opencontainers.image."): value for key, value in annotations.items()} == {
        "base.digest": read_image(place.registry, "base/debian", "bookworm", base_image.this_platform()).digest,
        "base.name": "debian:bookworm",
        "created": "2023-11-14T22:14:20Z",
        "revision": place.source.commit.sha,
        "source": "https://host.test/group/project",
        "title": "A title",
        "version": "1",
    }


def test_code_alone_that_changed_asks_no_engine(place):
    first = place.image()
    place.change(run__sh=b"echo more\n")
    second = place.image()
    assert place.builder.calls["start"] == 1
    assert second.layers[:2] == first.layers[:2]
    assert second.layers[2] != first.layers[2]


def test_an_environment_that_changed_is_built_anew(place):
    first = place.image()
    place.change(install__sh=b"false\n")
    place.builder.stop("p1")
    assert place.image().layers[1] != first.layers[1]


def test_an_environment_whose_layer_is_gone_is_built_anew(place):
    place.image()
    environment = build.find_environment(place.registry, place.plan())
    assert environment is not None
    del place.registry.blobs[environment.image.layers[1].digest]
    assert build.find_environment(place.registry, place.plan()) is None


def test_the_packages_of_an_environment_are_kept_with_it(place):
    made = place.environment()
    found = build.find_environment(place.registry, place.plan())
    assert found == made
    assert made.packages == (FAKE,)


def test_a_base_alone_asks_no_engine(tmp_path):
    place = Place(tmp_path, environment="")
    put_base(place.registry)
    plan = place.plan()
    assert not plan.needs_engine
    environment = build.write_bare_environment(place.ports, plan)
    image = build.write_image(place.ports, environment, plan, place.source, tmp_path)
    assert len(image.layers) == 2
    assert image.settings.workdir == "/workspace"
    assert place.builder.calls.total() == 0
    assert build.find_environment(place.registry, plan) == environment


def test_another_site_writes_the_same_image(place, tmp_path):
    other = Place(tmp_path / "other")
    (tmp_path / "other").mkdir(exist_ok=True)
    put_base(other.registry)
    assert other.image().digest == place.image().digest


def test_the_second_of_two_writers_adopts_what_the_first_wrote(place):
    plan = place.plan()
    first = place.environment()

    class Slower(FakeBuilder):
        @contextmanager
        def collect(self, key) -> Iterator[BuiltRoot]:
            with super().collect(key) as built:
                yield BuiltRoot(io.BytesIO(root(**{"opt/other": b"x"})), built.settings)

    slower = Slower(place.builder.folder)
    ports = some_ports(forge=place.forge, registry=place.registry, builder=slower)
    assert build.collect_environment(ports, "p1", plan, place.folder) == first


def test_a_lost_reply_is_found_again(place):
    place.registry.lose_reply("put_manifest")
    with pytest.raises(Exception, match="lost"):
        place.environment()
    assert build.find_environment(place.registry, place.plan()) is not None


def test_a_containerfiles_own_work_directory_and_what_is_above_it_stay_as_they_are(tmp_path):
    text = b"FROM debian:bookworm\nWORKDIR /opt/deep/app\n"
    place = Place(tmp_path, files={"C": text})
    place.manifest = "environment: {containerfile: C}\nrun: {command: [sh, run.sh]}\noutputs: ['*.txt']\n"
    place.source = source_of(place.manifest, place.source.commit)
    put_base(place.registry)
    image = place.image()
    assert image.settings.workdir == "/opt/deep/app"
    assert "opt/deep/app/run.sh" in place.layer(image, 2).getnames()


def test_a_tag_is_set_once_and_never_moved(place):
    first = place.image()
    build.name_image(place.registry, first, "v1.0")
    build.name_image(place.registry, first, "v1.0")
    place.change(run__sh=b"echo more\n")
    with pytest.raises(Conflict):
        build.name_image(place.registry, place.image(), "v1.0")


def test_tags_that_a_registry_cannot_write_stay_apart():
    assert build.image_tag("v1.0") == "v1.0"
    odd = ["release/1", "release_1", "release+1", "-x", "ü", "a" * 200, "a" * 201, ".."]
    tags = [build.image_tag(name) for name in odd]
    assert len(set(tags)) == len(odd)
    registry = FakeRegistry()
    for tag in tags:
        put_base(registry, tag=tag)


def test_projects_of_one_name_have_names_of_their_own():
    names = [build.image_name(ProjectIdentity(key, "My Project!", "/x")) for key in ("host/a", "host/b")]
    assert all(name.startswith("my-project-") for name in names)
    assert names[0] != names[1]
    assert build.image_name(ProjectIdentity("root:1", "日本", "/x")).startswith("project-")


def test_a_locks_digest_decides_which_base_is_taken(place):
    old = put_base(place.registry, tag="older", content=b"12.0\n")
    lock = f'version: 1\nbases: {{"debian:bookworm": "{old.digest}"}}\n'.encode()
    place.repository.files["tagstone.lock"] = lock
    place.change()
    assert place.plan().base.digest == old.digest


def test_a_lock_that_cannot_be_read_is_refused(place):
    place.repository.files["tagstone.lock"] = b"version: 7\n"
    place.change()
    with pytest.raises(Invalid):
        place.plan()


def resolve(registry, upstream, written, lock=None) -> Image:
    return base_image.resolve_base(registry, upstream, written, lock or Lock(), base_image.this_platform())


def test_a_base_that_is_nowhere_is_not_found_and_the_remedy_says_how_to_make_it():
    with pytest.raises(NotFound) as caught:
        resolve(FakeRegistry(), None, "debian:trixie")
    assert "tagstone base-image debian:trixie" in caught.value.remedy


@pytest.mark.parametrize("written", ["debian:bookworm", "docker.io/library/debian:bookworm", "library/debian:bookworm"])
def test_a_base_is_pulled_once_with_its_layers_unchanged_and_its_tag_never_moves(written):
    ours, upstream = FakeRegistry(), FakeRegistry()
    theirs = put_base(upstream, "library/debian")
    pulled = resolve(ours, upstream, written)
    assert (pulled.name, pulled.digest, pulled.layers) == ("base/debian", theirs.digest, theirs.layers)
    upstream.tagged.clear()
    put_base(upstream, "library/debian", content=b"12.2\n")
    assert resolve(ours, upstream, written).digest == theirs.digest


def test_a_base_by_digest_is_pulled_by_it_and_sets_no_tag():
    ours, upstream = FakeRegistry(), FakeRegistry()
    theirs = put_base(upstream, "team/tools")
    assert resolve(ours, upstream, f"team/tools@{theirs.digest}").digest == theirs.digest
    assert ours.tagged == {}


def test_a_lost_race_for_a_bases_tag_takes_what_was_recorded():
    ours, upstream = FakeRegistry(), FakeRegistry()
    put_base(upstream, "library/debian")

    class Slow(FakeRegistry):
        def manifest(self, name, reference):
            if not ours.tagged:
                put_base(ours, content=b"first\n")
            return upstream.manifest(name, reference)

        blob = upstream.blob

    found = resolve(ours, Slow(), "debian:bookworm")
    assert found.digest == ours.tagged["base/debian", "bookworm"]
    assert found.digest != upstream.tagged["library/debian", "bookworm"]


def test_a_base_for_another_platform_is_refused(place):
    with pytest.raises(Invalid, match="not for"):
        base_image.resolve_base(place.registry, None, "debian:bookworm", Lock(), Platform("linux", "other"))


@pytest.mark.parametrize("written", ["", "a b", "../x", "x:", "x@sha256:00", "x;y", "$X"])
def test_what_names_no_image_is_refused(written):
    with pytest.raises(Invalid):
        base_image.read_written(written)


@contextmanager
def some_root(distribution, suite):
    assert (distribution, suite) == ("debian", "bookworm")
    files = {"dev/null": b"", "run/x": b"", "etc/hostname": b"host", "etc/os-release": b"Debian"}
    yield io.BytesIO(root(**files))


def test_a_base_is_made_with_its_mount_points_and_nothing_of_this_machine(tmp_path):
    registry = FakeRegistry()
    image = base_image.make_base_image(registry, some_root, "debian:bookworm", tmp_path, base_image.this_platform())
    with registry.blob(image.name, image.layers[0].digest) as blob, tarfile.open(fileobj=io.BytesIO(blob.read())) as tar:
        assert tar.getnames() == ["dev", "etc", "etc/os-release", "run"]
    assert resolve(registry, None, "debian:bookworm") == image


def test_a_base_that_is_there_is_not_replaced_by_one_of_newer_packages(tmp_path):
    registry = FakeRegistry()
    put_base(registry)
    with pytest.raises(Conflict, match="made of other packages"):
        base_image.make_base_image(registry, some_root, "debian:bookworm", tmp_path, base_image.this_platform())
