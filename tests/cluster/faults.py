"""Runs that something happens to: begun, disturbed, followed to their ends, and looked at."""

import time
from typing import Any

from cluster.rig import Bench
from rigs.fault_table import Record, record_end
from rigs.runs import Rig
from servers.builders import wait_for
from tagstone.domain.runs.run import Outcome, OutputRules, RunSpec, RunStatus
from tagstone.errors import Away, Temporary

FOR_SECONDS = "mkdir results; echo first > results/a.csv; echo begun; sleep {}; echo second >> results/a.csv; echo over"
WHOLE = {"results/a.csv": b"first\nsecond\n"}
SECONDS = 120.0


def begin(rig: Rig, script: str, **resources: float) -> str:
    """Start a script, and wait until it has written something."""
    key = rig.key()
    rig.runner.start(key, rig.spec(script, **resources))
    wait_for(lambda: b"begun" in rig.whole_log(key) or not rig.runner.observe(key).running, SECONDS)
    assert rig.runner.observe(key).running, rig.runner.observe(key)
    return key


def ended(rig: Rig, key: str, record: Record | None = None, seconds: float = SECONDS) -> RunStatus:
    """How a run ended, which the table of faults is told."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            status = rig.runner.observe(key)
        except Away:  # as a workflow waits it out
            status = RunStatus()
        if not status.running:
            if record is not None:
                record_end(record, status)
            return status
        time.sleep(0.2)
    raise AssertionError(status)


def through_disruptions(rig: Rig, key: str, spec: RunSpec, record: Record, seconds: float = SECONDS) -> RunStatus:
    """The end of a run that is begun again, as the workflow does, each time that it is disrupted."""
    while (status := ended(rig, key, record, seconds)).outcome is Outcome.DISRUPTED:
        rig.runner.remove(key)
        wait_for(lambda: _started(rig, key, spec), SECONDS)
    return status


def results(rig: Rig, key: str) -> dict[str, bytes]:
    """The outputs that are kept, with what is in them."""
    kept = {}
    for file in rig.runner.collect(key, OutputRules(("results/*.csv",))):
        with rig.storage.open(file.storage_key) as stream:
            kept[file.path] = stream.read()
    return kept


def only_pod(bench: Bench) -> str:
    """The name of the namespace's one pod."""
    (pod,) = bench.pods()
    name: str = pod["metadata"]["name"]
    return name


def apply(bench: Bench, kind: str, spec: dict[str, Any]) -> None:
    """Make an object of somebody else's in the namespace."""
    names = {"name": "theirs", "namespace": bench.namespace}
    bench.cluster.apply({"apiVersion": "v1", "kind": kind, "metadata": names, "spec": spec})


def _started(rig: Rig, key: str, spec: RunSpec) -> bool:
    try:
        rig.runner.start(key, spec)
    except Temporary:
        return False
    return True
