"""What a run on a real cluster is: its hardware, its isolation, its outputs and log, and how it ends."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.rig import Bench, to_its_end, until
from rigs.runs import Rig
from servers.kubernetes.cluster import Cluster
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.runs.run import Outcome, OutputRules, RunStatus
from tagstone.errors import Temporary

pytestmark = pytest.mark.kubernetes


def test_a_run_leaves_its_outputs_its_log_and_what_it_was_given(rig: Rig, bench: Bench) -> None:
    script = 'echo "$GREETING from $(id -u) in $PWD, $HOME"; mkdir results; cat code.txt > results/a.csv; echo end >&2'
    key, status = to_its_end(rig, rig.spec(script))
    assert (status.outcome, status.exit_code, status.detail) == (Outcome.SUCCEEDED, 0, "")
    assert rig.whole_log(key).decode().splitlines() == ["hello from 65532 in /workspace, /workspace/.home", "end"]
    outputs = rig.runner.collect(key, OutputRules(("results/*.csv",)))
    assert [(file.path, file.size) for file in outputs] == [("results/a.csv", 5)]
    assert (status.cluster, status.engine[:12]) == ("test", "Kubernetes v")
    granted = status.granted
    assert granted is not None
    assert (granted.source, granted.cpu_limit, granted.memory_limit) == ("inside", 0.2, 128 * 2**20)
    assert (granted.node, granted.qos) == ("node", "Burstable")
    assert granted.image_id is not None
    assert granted.image_id.endswith(rig.image.digest)


def test_nothing_of_the_cluster_or_of_ours_is_in_the_environment(rig: Rig) -> None:
    key, status = to_its_end(rig, rig.spec("env; ls /tagstone; cat /proc/1/environ | tr '\\0' '\\n'"))
    said = rig.whole_log(key).decode()
    assert status.outcome is Outcome.SUCCEEDED
    found = {line.partition("=")[0] for line in said.splitlines() if "=" in line}
    assert {name for name in found if "KUBERNETES" in name and "SERVICE_ACCOUNT" in name} == set()
    assert {"GREETING", "HOME", "TMPDIR", "PATH"} <= found
    assert not any("TOKEN" in name or "TAGSTONE" in name for name in found)
    assert "desk" not in said.split()


def test_the_root_is_read_only_and_nobody_may_become_more(rig: Rig) -> None:
    script = "(echo x > /bin/x) 2>/dev/null && echo writable; echo t > /tmp/t; cat .tmp/t; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status"
    key, _ = to_its_end(rig, rig.spec(script))
    said = rig.whole_log(key).decode().split()
    assert said == ["t", "CapEff:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]


def test_a_command_that_fails_keeps_its_exit_code_and_what_it_left(rig: Rig) -> None:
    key, status = to_its_end(rig, rig.spec("echo partial > left.txt; echo no!; exit 3"))
    assert (status.outcome, status.exit_code) == (Outcome.FAILED, 3)
    assert rig.whole_log(key) == b"no!\n"
    assert [file.path for file in rig.runner.collect(key, OutputRules(("left.txt",)))] == ["left.txt"]


def test_a_program_that_is_not_there_is_the_images_fault(rig: Rig) -> None:
    key = rig.key()
    rig.runner.start(key, replace(rig.spec(), command=("analyse",)))
    status = rig.until_ended(key)
    assert status.outcome is Outcome.IMAGE
    assert "analyse" in status.detail


def test_a_run_that_takes_too_long_keeps_what_it_had_written(rig: Rig) -> None:
    key, status = to_its_end(rig, rig.spec("trap '' TERM; echo first > a.txt; while :; do sleep 1; done", time=3))
    assert status.outcome is Outcome.TIME_LIMIT
    assert [file.path for file in rig.runner.collect(key, OutputRules(("a.txt",)))] == ["a.txt"]


def test_a_run_that_fills_its_disk_keeps_what_it_had_written(rig: Rig) -> None:
    script = "for n in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=f$n bs=65536 count=160 2>/dev/null; done; sleep 60"
    key, status = to_its_end(rig, rig.spec(script))
    assert status.outcome is Outcome.DISK_LIMIT
    assert rig.runner.collect(key, OutputRules(("f1",)))


def test_a_main_process_that_takes_too_much_memory_is_out_of_memory(rig: Rig) -> None:
    key, status = to_its_end(rig, rig.spec("echo kept > a.txt; exec tail -c 400000000 /dev/zero", memory=64 * 2**20))
    assert status.outcome is Outcome.OUT_OF_MEMORY
    assert status.oom_killed_container
    assert [file.path for file in rig.runner.collect(key, OutputRules(("a.txt",)))] == ["a.txt"]


def test_a_run_that_is_stopped_keeps_what_it_had_written(rig: Rig) -> None:
    key = rig.key()
    rig.runner.start(key, rig.spec("echo now > a.txt; echo waiting; while :; do sleep 0.1; done"))
    until(lambda: rig.whole_log(key) == b"waiting\n", 120.0)
    assert rig.runner.observe(key).running
    rig.runner.stop(key)
    assert rig.until_ended(key).outcome is Outcome.STOPPED
    assert [file.path for file in rig.runner.collect(key, OutputRules(("a.txt",)))] == ["a.txt"]


def test_a_run_is_stopped_before_it_began(
    cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path
) -> None:
    bench = Bench(cluster, namespace, registry, helper, tmp_path, {"grows": True})
    with bench.rig() as rig:
        key = rig.key()
        rig.runner.start(key, rig.spec("true", memory=2**50))
        rig.runner.stop(key)
        assert rig.until_ended(key).outcome is Outcome.STOPPED
        until(lambda: not bench.jobs() and not bench.pods(), 120.0)


def test_an_image_that_is_not_there_is_the_images_fault(rig: Rig) -> None:
    key = rig.key()
    rig.runner.start(key, replace(rig.spec("true"), image=ImageReference("tests/busybox", f"sha256:{'0' * 64}")))
    assert rig.until_ended(key).outcome is Outcome.IMAGE


def test_another_process_adopts_what_the_first_one_handed_over(rig: Rig, bench: Bench) -> None:
    key, spec = rig.key(), rig.spec("echo once >> seen; while [ ! -e go ]; do sleep 0.1; [ -s seen ] && sleep 2 && break; done")
    rig.runner.start(key, spec)
    rig.runner = bench.runner()
    rig.runner.start(key, spec)
    assert rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert len(bench.jobs()) == 1
    with rig.storage.open(rig.runner.collect(key, OutputRules(("seen",)))[0].storage_key) as stream:
        assert stream.read() == b"once\n"


def test_what_was_removed_can_be_started_afresh_under_the_same_name(rig: Rig, bench: Bench) -> None:
    key = rig.key()
    rig.runner.start(key, rig.spec("echo before; while :; do sleep 0.1; done"))
    until(lambda: rig.whole_log(key) == b"before\n", 120.0)
    rig.runner.remove(key)
    until(lambda: started(rig, key), 120.0)
    assert rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert rig.whole_log(key) == b"afresh\n"
    rig.runner.remove(key)
    until(lambda: not bench.jobs() and not bench.pods(), 120.0)
    assert bench.cluster.all("secrets", bench.namespace, "app.kubernetes.io/managed-by=tagstone") == []


def started(rig: Rig, key: str) -> bool:
    """Start, which what went before may keep from being possible for a moment."""
    try:
        rig.runner.start(key, rig.spec("echo afresh"))
    except Temporary:
        return False
    return True


def test_a_run_that_no_node_has_room_for_waits_and_then_says_what_was_lacking(
    cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path
) -> None:
    bench = Bench(cluster, namespace, registry, helper, tmp_path, {"patience": 4.0, "grows": True})
    with bench.rig() as rig:
        key = rig.key()
        rig.runner.start(key, rig.spec("true", memory=2**50))
        until(lambda: "memory" in rig.runner.observe(key).detail, 120.0)
        status = rig.until_ended(key)
        assert status.outcome is Outcome.UNSCHEDULABLE
        assert "memory" in status.detail
        assert status.remedy.startswith("Ask for at most memory: ")


def test_a_run_that_no_node_could_ever_take_is_not_even_begun(rig: Rig, bench: Bench) -> None:
    _, status = to_its_end(rig, rig.spec("true", memory=2**50, gpu=1))
    assert status.outcome is Outcome.UNSCHEDULABLE
    assert "node" in status.detail
    assert status.remedy
    assert not bench.jobs()


def on_a_node(status: RunStatus) -> bool:
    """Whether the run's pod was seen: one that comes in its place before that is taken for it."""
    return status.granted is not None and bool(status.granted.node)


def test_a_pod_that_somebody_deleted_is_a_disruption_and_no_fault_of_the_run(rig: Rig, bench: Bench) -> None:
    key = rig.key()
    rig.runner.start(key, rig.spec("echo on; while :; do sleep 0.1; done"))
    until(lambda: rig.whole_log(key) == b"on\n" and on_a_node(rig.runner.observe(key)), 120.0)
    bench.cluster.kubectl("delete", "pod", "--namespace", bench.namespace, "--all", "--wait=false")
    assert rig.until_ended(key).outcome is Outcome.DISRUPTED
    until(lambda: not bench.jobs(), 120.0)


def test_a_job_that_somebody_deleted_is_a_disruption(rig: Rig, bench: Bench) -> None:
    key = rig.key()
    rig.runner.start(key, rig.spec("echo on; while :; do sleep 0.1; done"))
    until(lambda: rig.whole_log(key) == b"on\n", 120.0)
    bench.cluster.kubectl("delete", "jobs", "--namespace", bench.namespace, "--all", "--wait=false")
    assert rig.until_ended(key).outcome is Outcome.DISRUPTED


def test_a_quota_that_is_too_small_refuses_with_what_it_has(rig: Rig, bench: Bench) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": bench.namespace},
        "spec": {"hard": {"requests.memory": "100Mi"}},
    }
    bench.cluster.apply(quota)
    _, status = to_its_end(rig, rig.spec("true"))
    assert status.outcome is Outcome.REFUSED
    assert "small" in status.detail


def test_every_field_of_the_job_is_kept_or_known_to_be_dispensable(rig: Rig, bench: Bench) -> None:
    to_its_end(rig, rig.spec("true"))
    (job,) = bench.jobs()
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (spec["backoffLimit"], pod["restartPolicy"], pod["activeDeadlineSeconds"]) == (0, "Never", 660)
    assert job["metadata"]["annotations"]["org.tagstone.publication"].startswith("http://here/publications/")
    assert pod["containers"][0]["image"] == f"{bench.cluster.registry}/{rig.image}"
    policies = bench.cluster.all("networkpolicies", bench.namespace)
    assert [one["metadata"]["name"] for one in policies] == ["tagstone-runs", "tagstone-runs-open"]
