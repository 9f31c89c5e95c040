"""The same commit gives the same image, whoever builds it, wherever, without a cache."""

from pathlib import Path

import pytest

from fakes.forge import FakeForge
from fakes.some_ports import some_ports, source_of
from servers.bases import busybox_base, debian_base
from servers.builders import BUILDERS, builds_with, make_builder
from tagstone.actions import build
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.images.oci import Image
from tagstone.ports import Builder, Registry

PACKAGES = {
    "tagstone.yml": b"environment: {base: 'debian:bookworm', apt: [python3, python3-venv, iputils-ping], "
    b"pip: requirements.txt, install: install.sh}\nrun: {command: [python, analysis.py]}\noutputs: ['*.txt']\n",
    "requirements.txt": b"-r more.txt\nidna==3.7\n",
    "more.txt": b"pyyaml==6.0.2\n",
    "install.sh": b"useradd --system analyst\nmkdir /data\nln /etc/debian_version /data/linked\nrm /usr/bin/last\nchmod 700 /srv\n",
    "analysis.py": b"print('hello')\n",
}
STAGES = {
    "tagstone.yml": b"environment: {containerfile: Containerfile}\nrun: {command: [run]}\noutputs: ['*.txt']\n",
    "Containerfile": b"""# escape=\\
ARG BASE=busybox
FROM ${BASE}:test AS made
COPY src /src
RUN mkdir /out && \\
    # a comment in between
    cat /src/a.txt > /out/a && ln /out/a /out/b && ln -s a /out/c
FROM busybox:test
ENV GREETING="hello world" OTHER=$BASE
LABEL author=us
WORKDIR /home/us
COPY --from=made /out /opt/out
COPY . /whole
RUN touch /opt/here; rm /bin/wc
EXPOSE 8080
STOPSIGNAL SIGINT
USER 1000:1000
ENTRYPOINT ["sh", "-c"]
CMD ["echo $GREETING"]
""",
    "src/a.txt": b"a\n",
    ".dockerignore": b"*.log\n",
    "trace.log": b"not to be copied\n",
}


class Trial:
    """One repository, published by one builder into a registry of its own."""

    def __init__(self, files: dict[str, bytes], registry: Registry, builder: Builder, folder: Path) -> None:
        self.forge = FakeForge()
        self.forge.create("project", files)
        commit = self.forge.commit("project")
        self.source = source_of(files["tagstone.yml"].decode(), commit)
        self.ports = some_ports(forge=self.forge, registry=registry, builder=builder)
        self.folder = folder

    def image(self) -> Image:
        plan = build.plan(self.ports, self.source)
        with builds_with(self.ports.builder) as builds:
            contents = {file.path: content for file, content in build.context(self.ports, plan)}
            builds.succeeded("p1", plan.recipe, contents)
            environment = build.collect_environment(self.ports, "p1", plan, self.folder)
        return build.write_image(self.ports, environment, plan, self.source, self.folder)


@pytest.fixture
def debian() -> OciLayout:
    return debian_base()[0]


@pytest.fixture(scope="module")
def expected(tmp_path_factory, request, site_ca):
    """The digest that the first builder gives, by recipe: its own way to build is nobody's standard, but one must be first."""
    known: dict[str, Image] = {}

    def image(name: str, files: dict[str, bytes], registry: Registry) -> Image:
        if name not in known:
            folder = tmp_path_factory.mktemp(f"first-{name}")
            builder = make_builder("buildah-vfs", request, folder / "builds", registry, site_ca=site_ca)
            known[name] = Trial(files, registry, builder, folder).image()
        return known[name]

    return image


@pytest.mark.parametrize("name", BUILDERS)
def test_packages_of_debian_and_python_give_one_digest(name, request, tmp_path, debian, expected, site_ca):
    first = expected("packages", PACKAGES, debian)
    folder = tmp_path / "another" / "place"
    folder.mkdir(parents=True)
    builder = make_builder(name, request, folder / "builds", debian, site_ca=site_ca)
    again = Trial(PACKAGES, debian, builder, folder).image()
    assert again.layers == first.layers
    assert again.digest == first.digest


@pytest.mark.parametrize("name", BUILDERS)
def test_a_containerfile_gives_one_digest_with_its_settings(name, request, tmp_path, expected):
    registry = OciLayout(tmp_path / "images", 30.0)
    busybox_base(registry)
    first = expected("stages", STAGES, registry)
    again = Trial(STAGES, registry, make_builder(name, request, tmp_path / "b", registry), tmp_path).image()
    assert again.settings == first.settings
    assert again.settings.workdir == "/home/us"
    assert again.settings.entrypoint == ("sh", "-c")
    assert again.settings.command == ("echo $GREETING",)
    assert (again.settings.user, again.settings.exposed_ports) == ("1000:1000", ("8080/tcp",))
    assert again.settings.stop_signal == "SIGINT"
    assert dict(again.settings.env)["GREETING"] == "hello world"
    assert again.layers == first.layers
    assert again.digest == first.digest
