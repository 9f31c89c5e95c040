"""What goes wrong on a real cluster ends in its own reason, with the log and what was written before; or is survived."""

import secrets
import time
from dataclasses import replace

import pytest
import requests

from cluster.faults import FOR_SECONDS, SECONDS, WHOLE, apply, begin, ended, only_pod, results, through_disruptions
from cluster.rig import Bench, to_its_end
from rigs.fault_table import Record, record_end
from rigs.runs import Rig, put_image
from servers.builders import wait_for
from tagstone.domain.images.oci import ImageSettings
from tagstone.domain.runs.run import Outcome

pytestmark = pytest.mark.kubernetes


@pytest.mark.fault("pod deleted")
def test_a_pod_that_is_deleted_is_begun_again_and_what_it_wrote_is_not_mixed_in(
    rig: Rig, bench: Bench, record_property: Record
) -> None:
    script = FOR_SECONDS.format(10)
    key = begin(rig, script)

    bench.cluster.kubectl("delete", "pod", only_pod(bench), "--namespace", bench.namespace, "--wait=false")

    assert through_disruptions(rig, key, rig.spec(script), record_property).outcome is Outcome.SUCCEEDED
    assert results(rig, key) == WHOLE
    assert rig.whole_log(key) == b"begun\nover\n"
    assert len(bench.jobs()) == 1


@pytest.mark.fault("node drained")
def test_a_drained_node_is_waited_for_and_the_run_begun_again(rig: Rig, bench: Bench, record_property: Record) -> None:
    script = FOR_SECONDS.format(10)
    key = begin(rig, script)
    ours = ("--pod-selector", f"org.tagstone.run={key}", "--force", "--delete-emptydir-data", "--timeout", "150s")
    try:
        bench.cluster.kubectl("drain", "node", *ours)
    finally:
        bench.cluster.kubectl("uncordon", "node")

    assert through_disruptions(rig, key, rig.spec(script), record_property).outcome is Outcome.SUCCEEDED
    assert results(rig, key) == WHOLE
    assert rig.whole_log(key) == b"begun\nover\n"


@pytest.mark.fault("kubelet stopped and started")
def test_a_kubelet_that_is_away_for_a_while_is_survived(rig: Rig, bench: Bench, record_property: Record) -> None:
    key = begin(rig, FOR_SECONDS.format(5))

    bench.cluster.stop("kubelet")
    time.sleep(8)
    bench.cluster.start("kubelet")

    assert ended(rig, key, record_property).outcome is Outcome.SUCCEEDED
    assert results(rig, key) == WHOLE


@pytest.mark.fault("API server restarted during a run")
def test_an_api_server_that_is_restarted_is_survived(rig: Rig, bench: Bench, record_property: Record) -> None:
    key = begin(rig, FOR_SECONDS.format(5))

    bench.cluster.stop("api")
    time.sleep(2)
    bench.cluster.start("api")

    assert ended(rig, key, record_property).outcome is Outcome.SUCCEEDED
    assert len(bench.jobs()) == 1
    assert results(rig, key) == WHOLE


@pytest.mark.fault("image removed before it was pulled")
def test_an_image_that_is_removed_before_it_is_pulled_is_named(rig: Rig, bench: Bench, record_property: Record) -> None:
    never_pulled = ImageSettings(
        env=(("PATH", "/bin"), ("NUMBER", secrets.token_hex(4))), workdir="/workspace", command=("sh",)
    )
    image = put_image(bench.registry, never_pulled)
    key = rig.key()
    try:
        bench.cluster.kubectl("cordon", "node")
        rig.runner.start(key, replace(rig.spec("true"), image=image))
        address = f"http://{bench.cluster.registry}/v2/{image.name}/manifests/{image.digest}"
        requests.delete(address, timeout=30).raise_for_status()
    finally:
        bench.cluster.kubectl("uncordon", "node")

    status = ended(rig, key, record_property)
    assert status.outcome is Outcome.IMAGE
    assert "could not be pulled" in status.detail
    assert status.remedy


@pytest.mark.fault("quota too small")
def test_a_quota_that_is_too_small_for_it_is_named(rig: Rig, bench: Bench, record_property: Record) -> None:
    apply(bench, "ResourceQuota", {"hard": {"requests.memory": "64Mi"}})
    key = rig.key()
    rig.runner.start(key, rig.spec("true"))

    status = ended(rig, key, record_property)
    assert status.outcome is Outcome.REFUSED
    assert "theirs" in status.detail
    assert status.remedy


@pytest.mark.fault("quota used up by others for a while")
def test_a_quota_that_others_use_up_is_waited_for(rig: Rig, bench: Bench, record_property: Record) -> None:
    apply(bench, "ResourceQuota", {"hard": {"requests.memory": "600Mi"}})
    container = {"name": "one", "image": "example.org/never-pulled", "resources": {"requests": {"memory": "400Mi"}}}
    apply(bench, "Pod", {"nodeSelector": {"kept": "away"}, "containers": [container]})
    key = rig.key()
    rig.runner.start(key, rig.spec("true"))

    wait_for(lambda: "quota 'theirs'" in rig.runner.observe(key).detail, SECONDS)
    bench.cluster.kubectl("delete", "pod", "theirs", "--namespace", bench.namespace, "--grace-period=0", "--force")

    assert ended(rig, key, record_property, 300.0).outcome is Outcome.SUCCEEDED


@pytest.mark.fault("LimitRange in the way")
def test_a_limit_range_in_the_way_is_named(rig: Rig, bench: Bench, record_property: Record) -> None:
    apply(bench, "LimitRange", {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]})
    key = rig.key()
    rig.runner.start(key, rig.spec("true"))

    status = ended(rig, key, record_property)
    assert status.outcome is Outcome.REFUSED
    assert "memory" in status.detail


@pytest.mark.fault("SIGTERM ignored at the time limit")
def test_a_run_that_ignores_sigterm_ends_at_its_time_limit_and_keeps_what_it_wrote(rig: Rig, record_property: Record) -> None:
    script = "trap '' TERM; mkdir results; echo first > results/a.csv; echo begun; while :; do sleep 0.2; done"
    key = begin(rig, script, time=6)

    status = ended(rig, key, record_property)
    assert status.outcome is Outcome.TIME_LIMIT
    assert results(rig, key) == {"results/a.csv": b"first\n"}


@pytest.mark.fault("out of memory")
def test_too_much_memory_is_told_and_what_was_written_is_kept(rig: Rig, record_property: Record) -> None:
    script = "mkdir results; echo first > results/a.csv; echo begun; sleep 1; tail /dev/zero"
    key = begin(rig, script, memory=48 * 2**20)

    status = ended(rig, key, record_property)
    assert status.outcome is Outcome.OUT_OF_MEMORY
    assert results(rig, key) == {"results/a.csv": b"first\n"}


@pytest.mark.fault("100 MB of log")
def test_of_a_hundred_megabytes_of_log_the_beginning_is_kept_and_the_rest_counted(rig: Rig, record_property: Record) -> None:
    key, status = to_its_end(rig, rig.spec("yes 0123456789abcde | head -c 100000000", time=300))
    record_end(record_property, status)

    assert status.outcome is Outcome.SUCCEEDED
    log = rig.whole_log(key)
    assert log.startswith(b"0123456789abcde\n" * 1000)
    assert b"more were left out" in log[-200:]
    assert len(log) < 70_000_000


@pytest.mark.fault("no node has the GPU")
def test_a_request_that_no_node_has_waits_as_long_as_it_may_and_is_named(bench: Bench, record_property: Record) -> None:
    # Of a cluster that makes nodes nobody can say beforehand that there will be none.
    bench.given.update(patience=5.0, grows=True)
    began = time.monotonic()
    with bench.rig() as rig:
        _, status = to_its_end(rig, rig.spec("true", gpu=1))
        record_end(record_property, status)

    assert time.monotonic() - began >= 5.0
    assert status.outcome is Outcome.UNSCHEDULABLE
    assert "nvidia.com/gpu" in status.detail
    assert status.remedy == "Ask for at most gpu: 0 (run: resources)."


@pytest.mark.fault("a node that only promises a GPU")
def test_a_gpu_is_scheduled_onto_a_node_that_promises_one_and_missed_where_it_lied(
    rig: Rig, bench: Bench, record_property: Record
) -> None:
    bench.cluster.patch_node({"status": {"capacity": {"nvidia.com/gpu": "1"}, "allocatable": {"nvidia.com/gpu": "1"}}})
    try:
        _, status = to_its_end(rig, rig.spec("sleep 30", gpu=1))
        record_end(record_property, status)
        (pod,) = bench.pods()
    finally:
        bench.cluster.patch_node({"status": {"capacity": {"nvidia.com/gpu": None}, "allocatable": {"nvidia.com/gpu": None}}})

    wanted = {
        container["name"]: container["resources"]["limits"].get("nvidia.com/gpu") for container in pod["spec"]["containers"]
    }
    assert wanted == {"run": "1", "keeper": None}
    assert pod["spec"]["nodeName"] == "node"
    assert status.outcome is Outcome.HARDWARE
    assert "1 GPUs were asked for, 0 are there" in status.detail
