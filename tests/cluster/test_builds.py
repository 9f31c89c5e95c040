"""Builds on a real cluster: the contract of builders, the same digest as elsewhere, and what is said of builds that fail."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.building import BuildBench
from fakes.small_project import CITATION, commit, git
from rigs.pods import free_port
from servers.bases import busybox_base
from servers.builders import Builds, builds_with, wait_for
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.images import push_builder
from tagstone.actions.build import Plan, write_environment
from tagstone.adapters.buildah import Buildah
from tagstone.adapters.kubernetes.manifests import MANAGED, OURS
from tagstone.adapters.oci_layout import OciLayout
from tagstone.bootstrap import Application
from tagstone.domain.environments.build import BaseImage, BuildState, ContextFile, Recipe
from tagstone.domain.environments.containerfile import parse, rewrite
from tagstone.domain.images.oci import ImageSettings, Platform
from tagstone.domain.publications import record
from tagstone.settings import Settings
from tagstone.store import publications

pytestmark = pytest.mark.kubernetes

CA = "-----BEGIN CERTIFICATE-----\nTHE SITE'S OWN CA\n-----END CERTIFICATE-----\n"
CONTEXT = (
    ContextFile("run.sh", "1" * 40, executable=True),
    ContextFile("data/table.csv", "2" * 40),
    ContextFile("data/link.csv", "3" * 40, symlink=True),
)
CONTENTS = {"run.sh": b"#!/bin/sh\n", "data/table.csv": b"1,2\n", "data/link.csv": b"table.csv"}
EVERYTHING = (
    "ENV GREETING=hello\nWORKDIR /work\nCOPY . /app\n"
    'RUN test "$(wc -l < "$SSL_CERT_FILE")" = 3 && test "${http_proxy##*@}" = proxy.test:3128\n'
    "RUN mkdir -p /opt/deep && echo made > /opt/deep/file && ln -s file /opt/deep/link && chmod 4711 /opt/deep/file\n"
    "RUN busybox chown 100:65534 /opt && busybox mkdir -m 700 /private && busybox chown 65534 /private\n"
)


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    """A folder of this machine, which no pod can pull from."""
    return OciLayout(tmp_path / "images", 30.0)


@pytest.fixture
def bench(cluster: Cluster, namespace: str, helper: str, layout: OciLayout, tmp_path: Path) -> Iterator[BuildBench]:
    made = BuildBench(cluster, namespace, helper, push_builder(cluster), tmp_path, layout)
    with made.open():
        yield made


@pytest.fixture
def builds(bench: BuildBench, tmp_path: Path) -> Iterator[Builds]:
    (tmp_path / "ca.pem").write_text(CA)
    proxies = {"HTTP_PROXY": "http://user:pw-47119@proxy.test:3128"}
    with builds_with(bench.builder(site_ca=tmp_path / "ca.pem", proxies=proxies)) as made:
        yield made


def recipe(layout: OciLayout, containerfile: str, *context: ContextFile) -> Recipe:
    text = rewrite(parse("FROM busybox:test\n" + containerfile)).text
    base = BaseImage("busybox:test", busybox_base(layout).reference)
    return Recipe(text, (base,), 0, context, Platform(), ImageSettings(), settings_from_engine=True)


def digest(builder: Builds, layout: OciLayout, wanted: Recipe, scratch: Path) -> str:
    """The environment that a finished build becomes."""
    plan = Plan(wanted, "a" * 64, (busybox_base(layout),), "")
    with builder.builder.collect("p-0") as built:
        return write_environment(layout, built, plan, scratch).image.digest


def test_an_image_has_the_same_digest_as_from_a_builder_of_this_machine(
    bench: BuildBench, builds: Builds, layout: OciLayout, tmp_path: Path
) -> None:
    wanted = recipe(layout, EVERYTHING, *CONTEXT)
    builds.succeeded("p-0", wanted, CONTENTS)

    with builds.builder.collect("p-0") as built, tarfile.open(fileobj=built.tar, mode="r|") as tar:
        found = {member.name.removeprefix("./"): member for member in tar}
        settings = built.settings
    here = OciLayout(tmp_path / "here", 30.0)
    busybox_base(here)
    options = {"site_ca": tmp_path / "ca.pem", "proxies": {"HTTP_PROXY": "http://user:pw-47119@proxy.test:3128"}}
    with builds_with(Buildah(tmp_path / "local", here, **options)) as local:  # type: ignore[arg-type]
        local.succeeded("p-0", wanted, CONTENTS)
        expected = digest(local, here, wanted, tmp_path)

    assert digest(builds, layout, wanted, tmp_path) == expected
    assert (found["app/run.sh"].mode & 0o777, found["app/data/link.csv"].linkname) == (0o755, "table.csv")
    assert (found["opt"].uid, found["opt"].gid, found["private"].uid) == (100, 65534, 65534)
    assert (settings.workdir, dict(settings.env)["GREETING"]) == ("/work", "hello")
    assert "proxy" not in repr(settings).lower()
    assert "pw-47119" not in builds.log("p-0")


def test_a_stopped_build_leaves_nothing(bench: BuildBench, builds: Builds, layout: OciLayout) -> None:
    builds.start("p-0", recipe(layout, "RUN sleep 600\n"))
    builds.builder.stop("p-0")

    left = [one for kind in ("jobs", "secrets") for one in bench.cluster.all(kind, bench.namespace, f"{MANAGED}={OURS}")]
    assert left == []
    assert bench.storage.list("builds") == []
    assert not list((bench.folder / "builds").glob("p-0*"))
    assert not list((bench.folder / "desk").glob("p-0*"))


def test_a_step_that_fails_is_told_with_its_own_last_words(builds: Builds, layout: OciLayout) -> None:
    builds.start("p-0", recipe(layout, "RUN echo out of order; exit 120\n"))

    status = builds.ended("p-0")

    assert (status.state, status.exit_code) == (BuildState.FAILED, 1)
    assert "exit status 120" in status.detail
    assert "out of order" in builds.log("p-0")


def test_a_build_that_takes_too_long_says_so_and_what_helps(bench: BuildBench, layout: OciLayout) -> None:
    bench.resources = replace(bench.resources, time=5)
    with builds_with(bench.builder()) as builds:
        builds.start("p-0", recipe(layout, "RUN sleep 600\n"))
        status = builds.ended("p-0")

    assert status.state is BuildState.FAILED
    assert "5 seconds" in status.detail
    assert "TAGSTONE_BUILDS__TIME" in status.remedy


def test_a_build_whose_pod_is_taken_away_is_lost_and_can_be_begun_again(
    bench: BuildBench, builds: Builds, layout: OciLayout
) -> None:
    builds.start("p-0", recipe(layout, "RUN echo begun; sleep 600\n"))
    builds.logged("p-0", "begun")
    # Seen by the builder as well: a pod that comes in the place of one that nobody saw is taken for it.
    wait_for(lambda: (builds.builder.observe("p-0"), *bench.folder.glob("builds/*/begun.json"))[1:], 60.0)
    for pod in bench.pods():
        bench.cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--namespace", bench.namespace, "--wait=false")

    assert builds.ended("p-0").state is BuildState.LOST
    builds.builder.stop("p-0")
    builds.succeeded("p-0", recipe(layout, "RUN true\n"))


def test_a_cluster_that_lets_no_pod_make_user_namespaces_is_told_from_a_fault_of_the_author(
    bench: BuildBench, builds: Builds, layout: OciLayout
) -> None:
    # An image without buildah cannot either, and says so in the same way.
    bench.image = bench.helper
    with builds_with(bench.builder("elsewhere")) as without_buildah:
        without_buildah.start("p-1", recipe(layout, "RUN true\n"))
        status = without_buildah.ended("p-1")

    assert status.state is BuildState.FAILED
    assert "lets no pod build images" in status.detail
    assert "cluster's admin" in status.remedy


def test_a_publication_is_built_and_run_on_the_cluster_and_nowhere_else(
    cluster: Cluster, namespace: str, helper: str, busybox: str, tmp_path: Path
) -> None:
    runs, port = f"{namespace}-runs", free_port()
    cluster.new_namespace(runs)
    there = {
        "kubeconfig": str(cluster.kubeconfig),
        "namespace": runs,
        "desk": f"http://{cluster.machine}:{port}/desk",
        "helper": helper,
        "builds": {"namespace": namespace, "image": push_builder(cluster), "cpu": 0.5, "memory": 2**30, "disk": 4 * 2**30},
    }
    settings = {
        "TAGSTONE_HOME": str(tmp_path / "home"),
        "TAGSTONE_BUILDS__REGISTRY": cluster.registry,
        "TAGSTONE_BUILDS__REGISTRY_INSECURE": "true",
        "TAGSTONE_BUILDS__BUILDER": "kubernetes",
        "TAGSTONE_RUNS__ENGINE": "kubernetes",
        "TAGSTONE_CLUSTERS": json.dumps({"test": there}),
        "TAGSTONE_DESK__HOST": cluster.machine,
        "TAGSTONE_DESK__PORT": str(port),
    }
    repository = tmp_path / "wobble"
    repository.mkdir()
    (repository / "CITATION.cff").write_text(CITATION)
    (repository / "Containerfile").write_text("FROM busybox:test\nRUN echo made by a build > /opt/made\n")
    run = {
        "command": ["cp", "/opt/made", "made.txt"],
        "resources": {"cpu": 0.2, "memory": "64Mi", "disk": "64Mi", "time": "1m"},
    }
    manifest = {"environment": {"containerfile": "Containerfile"}, "run": run, "outputs": ["made.txt"]}
    (repository / "tagstone.yml").write_text(json.dumps(manifest))
    git(repository, "init", "--quiet")
    commit(repository, "v1.0.0")

    done = subprocess.run(
        [sys.executable, "-m", "tagstone", "publish", str(repository), "--tag", "v1.0.0", "--json"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("TAGSTONE_")} | settings,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    application = Application(Settings(home=tmp_path / "home"))
    with application.sessions.read() as session:
        recorded = publications.get(session, json.loads(done.stdout)["publication"]).facts
    application.engine.dispose()
    facts = record.load((recorded or "").encode())
    assert facts.image is not None
    assert facts.image.builder == "kubernetes"
    assert [file.path for file in facts.outputs] == ["made.txt"]
    for place in (namespace, runs):
        assert cluster.all("jobs", place) == []
    cluster.kubectl("delete", "namespace", runs, "--wait=false")
