"""Builds on clusters: what they may do and runs may not, how their ends are told, and where settings let them go."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions

from fakes.kubernetes.pod_security import CONTROLS, containers, violations
from fakes.kubernetes.server import FakeKubernetes, running_kubernetes
from rigs.orders import DESK, DIGEST, SITE, order
from servers.bases import busybox_base
from tagstone.adapters.kubernetes.manifests import STORAGE, job
from tagstone.adapters.oci_layout import OciLayout
from tagstone.bootstrap import Application
from tagstone.cli import doctor_clusters
from tagstone.cli.opening import open_application
from tagstone.domain.environments.build import BaseImage, BuildState, ContextFile, Recipe
from tagstone.domain.environments.cluster_builds import NO_NAMESPACES, NOT_LAID_OUT, build_status
from tagstone.domain.environments.containerfile import parse, rewrite
from tagstone.domain.images.oci import ImageSettings, Platform
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run import Outcome, RunStatus
from tagstone.domain.runs.sight import RUN
from tagstone.errors import Invalid, NotFound
from tagstone.settings import ClusterBuildSettings, ClusterSettings, Settings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy/kubernetes"
GRANTED = Resources(cpu=2, memory=4 * 2**30, disk=20 * 2**30, time=3600)
NEEDED = {"Seccomp (baseline)", "Seccomp", "Privilege escalation", "Capabilities"}
IMAGE = f"registry.example.org/tagstone/builder@{DIGEST}"


def build() -> dict[str, Any]:
    """The Job of a build."""
    return job(order(), replace(SITE, registry="", building=True))


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = build()["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("control", CONTROLS)
def test_a_build_breaks_four_controls_of_the_restricted_standard_and_no_other(control: str) -> None:
    assert bool(CONTROLS[control](pod())) is (control in NEEDED)


def test_only_the_author_s_container_of_a_build_breaks_them() -> None:
    spec = pod()
    assert {one["name"] for one in containers(spec)} == {"stage", RUN, "keeper"}
    spec["containers"] = [one for one in spec["containers"] if one["name"] != RUN]
    assert list(violations(spec)) == []


def test_a_run_is_shown_no_volume_and_no_annotation_of_builds() -> None:
    assert "storage" not in json.dumps(job(order(), SITE)["spec"]["template"]["spec"]["volumes"])
    assert "apparmor" not in json.dumps(job(order(), SITE))


def test_a_build_is_shown_nothing_of_ours_and_has_a_read_only_root() -> None:
    (run,) = (one for one in pod()["containers"] if one["name"] == RUN)
    assert {mount["name"] for mount in run["volumeMounts"]} == {"workspace", "tools", "control", "shm", "storage"}
    assert run["securityContext"]["readOnlyRootFilesystem"] is True
    assert run["securityContext"]["runAsNonRoot"] is True
    assert DESK not in json.dumps(run)
    ours = [one for one in containers(pod()) if one["name"] != RUN]
    assert not any(mount["mountPath"] == STORAGE for one in ours for mount in one["volumeMounts"])


def test_the_job_of_a_build_is_valid_for_every_release() -> None:
    for release in dict.fromkeys(all_versions()):
        kubernetes_validate.validate(build(), release, strict=True)


def test_the_role_of_builds_is_that_of_runs_but_for_looks_at_quotas() -> None:
    runs = yaml.safe_load((DEPLOY / "runs/role.yaml").read_text(encoding="utf-8"))
    role, binding = yaml.safe_load_all((DEPLOY / "builds/role.yaml").read_text(encoding="utf-8"))
    assert role["rules"] == [rule for rule in runs["rules"] if "resourcequotas" not in rule["resources"]]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "tagstone", "namespace": "tagstone"}]
    assert ClusterBuildSettings(image=IMAGE).namespace == role["metadata"]["namespace"] == binding["metadata"]["namespace"]
    assert ClusterSettings(desk=DESK, helper=IMAGE).namespace != role["metadata"]["namespace"]


@pytest.mark.parametrize(
    ("status", "state", "said", "helps"),
    [
        (RunStatus(), BuildState.RUNNING, "the last line", ""),
        (RunStatus(detail="It waits for a node."), BuildState.RUNNING, "It waits for a node.", ""),
        (RunStatus(outcome=Outcome.SUCCEEDED, exit_code=0), BuildState.SUCCEEDED, "the last line", ""),
        (RunStatus(outcome=Outcome.FAILED, exit_code=1), BuildState.FAILED, "the last line", ""),
        (RunStatus(outcome=Outcome.FAILED, exit_code=1, oom_killed_child=True), BuildState.FAILED, "4 GiB", "__BUILDS__MEMORY"),
        (RunStatus(outcome=Outcome.OUT_OF_MEMORY), BuildState.FAILED, "killed for memory", "__BUILDS__MEMORY"),
        (RunStatus(outcome=Outcome.TIME_LIMIT), BuildState.FAILED, "3600 seconds", "TAGSTONE_BUILDS__TIME"),
        (RunStatus(outcome=Outcome.DISK_LIMIT), BuildState.FAILED, "20 GiB", "__BUILDS__DISK"),
        (
            RunStatus(outcome=Outcome.IMAGE, detail="Its image is not there."),
            BuildState.FAILED,
            "Its image",
            "doctor --cluster",
        ),
        (RunStatus(outcome=Outcome.UNSCHEDULABLE, detail="No node."), BuildState.FAILED, "No node.", "site's admin"),
        (RunStatus(outcome=Outcome.REFUSED, detail="A quota."), BuildState.FAILED, "A quota.", "site's admin"),
        (RunStatus(outcome=Outcome.DISRUPTED, detail="Its node is lost."), BuildState.LOST, "Its node is lost.", ""),
        (RunStatus(outcome=Outcome.ENGINE, detail="No answer."), BuildState.LOST, "No answer.", ""),
        (RunStatus(outcome=Outcome.STOPPED, detail="It was stopped."), BuildState.FAILED, "It was stopped.", ""),
        (RunStatus(outcome=Outcome.FAILED, exit_code=NO_NAMESPACES), BuildState.FAILED, "lets no pod build", "cluster's admin"),
        (RunStatus(outcome=Outcome.FAILED, exit_code=NOT_LAID_OUT), BuildState.FAILED, "could not be prepared", ""),
    ],
)
def test_the_end_of_a_pod_is_told_as_that_of_a_build(status: RunStatus, state: BuildState, said: str, helps: str) -> None:
    found = build_status(status, "the last line", GRANTED)
    assert (found.state, said in found.detail) == (state, True)
    assert helps in found.remedy
    assert bool(found.remedy) is bool(helps)


def test_the_program_of_builds_ends_with_the_numbers_that_are_told() -> None:
    program = (Path(doctor_clusters.__file__).parents[1] / "adapters/kubernetes/build.sh").read_text(encoding="utf-8")
    assert f"exit {NO_NAMESPACES}\n" in program
    assert f"|| exit {NOT_LAID_OUT}\n" in program


@pytest.mark.parametrize(
    ("said", "projects"),
    [
        ({"NAMESPACE": "science", "BUILDS__NAMESPACE": "science"}, "all projects"),
        ({"NAMESPACE": "tagstone-builds"}, "all projects"),
        ({"BUILDS__NAMESPACE": "tagstone-runs"}, "all projects"),
        ({"PROJECTS": '{"a.org/x": "runs-x", "a.org/y": "y", "a.org/z": "y"}', "BUILDS__NAMESPACE": "y"}, "a.org/y, a.org/z"),
        ({"PROJECTS": '{"a.org/x": "tagstone-builds"}'}, "a.org/x"),
        ({"PROJECTS": '{"a.org/x": "one"}', "NAMESPACE": "one", "BUILDS__NAMESPACE": "one"}, "all projects, a.org/x"),
    ],
)
def test_a_site_whose_builds_share_a_namespace_with_runs_is_told_with_whose(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], projects: str
) -> None:
    for name, value in ({"DESK": DESK, "HELPER": IMAGE, "BUILDS__IMAGE": IMAGE} | said).items():
        monkeypatch.setenv(f"TAGSTONE_CLUSTERS__OLD_TOWN__{name}", value)
    with pytest.raises(Invalid) as refused:
        open_application()
    (fault,) = map(str, refused.value.faults)
    assert fault.startswith("TAGSTONE_CLUSTERS__OLD_TOWN__BUILDS: Builds would share the namespace ")
    assert f"with the runs of {projects}, and may do there what runs must not. Set its __NAMESPACE to one for builds" in fault
    assert fault in refused.value.message


def test_builds_beside_projects_with_namespaces_of_their_own_are_allowed() -> None:
    builds = ClusterBuildSettings(image=IMAGE)
    projects = {"a.org/x": "runs-x", "a.org/y": "runs-y"}
    assert ClusterSettings(desk=DESK, helper=IMAGE, projects=projects, builds=builds).builds == builds


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeKubernetes]:
    with running_kubernetes(tmp_path / "cluster") as made:
        made.idle = True
        made.namespace("builds")
        yield made


@pytest.fixture
def application(cluster: FakeKubernetes, tmp_path: Path) -> Iterator[Application]:
    common = {"kubeconfig": cluster.kubeconfig, "desk": DESK, "helper": IMAGE}
    builds = ClusterBuildSettings(image=IMAGE, namespace="builds")
    clusters = {"one": ClusterSettings(**common), "two": ClusterSettings(**common, builds=builds)}
    made = Application(Settings(home=tmp_path / "home", builds={"builder": "kubernetes"}, clusters=clusters, _site=None))
    yield made
    made.clusters.close()
    for connection in made.clusters.build_connections.values():
        connection.close()


def test_the_first_cluster_that_has_a_place_for_builds_builds(application: Application) -> None:
    assert application.builder.name == "kubernetes"
    assert list(application.clusters.build_connections) == ["two"]


def test_a_site_without_such_a_place_is_told_what_to_set(tmp_path: Path) -> None:
    bare = Application(Settings(home=tmp_path, builds={"builder": "kubernetes"}, _site=None))
    with pytest.raises(Invalid) as refused:
        bare.clusters.builder(tmp_path, OciLayout(tmp_path / "images", 1.0))
    assert "TAGSTONE_CLUSTERS__<NAME>__BUILDS__IMAGE" in refused.value.remedy


def test_a_build_is_brought_once_and_a_stopped_one_leaves_nothing(application: Application, cluster: FakeKubernetes) -> None:
    cluster.node("large")
    base = busybox_base(application.registry)
    text = rewrite(parse("FROM busybox:test\nCOPY a /a\n")).text
    bases = (BaseImage("busybox:test", base.reference),)
    recipe = Recipe(text, bases, 0, (ContextFile("a", "1" * 40),), Platform(), ImageSettings(), settings_from_engine=True)
    read = []

    def context() -> Iterator[tuple[ContextFile, bytes]]:
        read.append(recipe)
        return iter([(recipe.context[0], b"a")])

    builder = application.builder
    for _ in range(2):
        builder.start("p-0", recipe, context)

    assert len(read) == len(cluster.all("jobs")) == 1
    assert builder.observe("p-0").state is BuildState.RUNNING
    kept = application.storage.list("builds")
    assert {key.rpartition("/")[2] for key in kept} == {
        "order.tar",
        *(blob.digest.removeprefix("sha256:") for blob in (base.config, *base.layers)),
    }
    with (
        application.storage.open(next(key for key in kept if key.endswith("order.tar"))) as file,
        tarfile.open(fileobj=file) as tar,
    ):
        brought = tar.getnames()
    assert {"Containerfile", "build.sh", "settings", "context.tar", "bases/0/index.json"} <= set(brought)
    assert "ca.pem" not in brought

    builder.stop("p-0")
    builder.stop("p-0")
    assert application.storage.list("builds") == []
    with pytest.raises(NotFound, match="no build p-0"):
        builder.observe("p-0")
    with pytest.raises(Invalid, match="cannot name a build"):
        builder.observe("../p-0")


def test_doctor_tries_the_job_of_a_build_and_names_what_is_missing(application: Application, cluster: FakeKubernetes) -> None:
    cluster.node("large")
    found = doctor_clusters.builds(application, "two")
    assert (found.verdict, found.text) == ("ok", f"in the namespace builds, by {IMAGE}")
    assert cluster.all("jobs") == []

    cluster.access.taken.add(("create", "secrets"))
    found = doctor_clusters.builds(application, "two")
    assert (found.verdict, found.text) == ("fault", "missing in the namespace builds: create secrets")
    assert "deploy/kubernetes/builds" in found.remedy


def test_doctor_says_that_no_node_has_room_for_a_build(application: Application, cluster: FakeKubernetes) -> None:
    cluster.node("small", cpu="1")
    found = doctor_clusters.builds(application, "two")
    assert (found.verdict, "no node has room" in found.text) == ("fault", True)
    assert "TAGSTONE_CLUSTERS__TWO__BUILDS__CPU" in found.remedy
