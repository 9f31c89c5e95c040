"""What becomes of runs when a node or the API server of a real cluster is gone, or has too little left; and of runs that write without end."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cluster.faults import FOR_SECONDS, SECONDS, WHOLE, begin, ended, only_pod, results, through_disruptions
from cluster.rig import Bench, until
from rigs.fault_table import Record
from rigs.runs import Rig
from tagstone.domain.runs.run import Outcome

pytestmark = pytest.mark.kubernetes

LONG, SHORT = FOR_SECONDS.format(600), FOR_SECONDS.format(1)
GIB = 2**30
MANY = """
mkdir results scratch
echo first > results/a.csv
echo begun
for folder in $(seq 200); do
    mkdir scratch/$folder
    (cd scratch/$folder && touch $(seq 10000))
done
echo second >> results/a.csv
"""


@contextmanager
def no_node(bench: Bench, pod: str) -> Iterator[None]:
    """The node is without power while the context is open."""
    bench.cluster.stop("kubelet")
    try:
        bench.cluster.cut_power(pod)
        yield
    finally:
        bench.cluster.start("kubelet")


def again(rig: Rig, key: str, record: Record) -> None:
    """It is begun again, and comes to its end."""
    assert through_disruptions(rig, key, rig.spec(SHORT), record, 300.0).outcome is Outcome.SUCCEEDED
    assert results(rig, key) == WHOLE
    assert rig.whole_log(key) == b"begun\nover\n"


@pytest.mark.fault("node lost")
def test_a_node_that_is_lost_is_said_to_be_and_the_run_begun_again(rig: Rig, bench: Bench, record_property: Record) -> None:
    key = begin(rig, LONG, time=900)
    with no_node(bench, only_pod(bench)):
        bench.cluster.give_up_node()
        status = ended(rig, key, seconds=300.0)

    assert status.outcome is Outcome.DISRUPTED
    assert status.detail == "The node it ran on is lost."
    again(rig, key, record_property)


@pytest.mark.fault("node removed from the cluster")
def test_a_node_that_is_removed_takes_its_runs_with_it_and_they_are_begun_again(
    rig: Rig, bench: Bench, record_property: Record
) -> None:
    key = begin(rig, LONG, time=900)
    with no_node(bench, only_pod(bench)):
        bench.cluster.kubectl("delete", "node", "node")
        status = ended(rig, key, seconds=300.0)

    assert status.outcome is Outcome.DISRUPTED
    again(rig, key, record_property)


@pytest.mark.fault("node short of memory")
def test_a_run_that_its_node_ends_for_want_of_memory_is_begun_again(rig: Rig, bench: Bench, record_property: Record) -> None:
    key = begin(rig, LONG, time=900)
    with bench.cluster.short_of_memory():
        status = ended(rig, key, seconds=300.0)

    assert (status.outcome, status.reason) == (Outcome.DISRUPTED, "Evicted")
    assert "memory" in status.detail
    again(rig, key, record_property)


@pytest.mark.fault("API server restarted during a watch")
def test_a_watch_that_breaks_with_its_api_server_hears_of_what_comes_after(
    rig: Rig, bench: Bench, record_property: Record
) -> None:
    first = begin(rig, FOR_SECONDS.format(20))
    bench.cluster.stop("api")
    bench.cluster.start("api")

    until(lambda: said(rig, first, "over"), SECONDS)
    second = begin(rig, SHORT)
    for key in (first, second):
        assert ended(rig, key, record_property).outcome is Outcome.SUCCEEDED
        assert results(rig, key) == WHOLE
    assert len(bench.jobs()) == 2


def said(rig: Rig, key: str, word: str) -> bool:
    """Whether the log has it, which comes from the desk and needs no API server."""
    return word.encode() in rig.whole_log(key)


@pytest.mark.fault("2 million files, with room for them")
def test_a_run_that_writes_two_million_files_keeps_those_that_are_asked_for(rig: Rig, record_property: Record) -> None:
    key = begin(rig, MANY, cpu=1, memory=6 * GIB, disk=12 * GIB, time=900)

    assert ended(rig, key, record_property, 600.0).outcome is Outcome.SUCCEEDED
    assert results(rig, key) == WHOLE


@pytest.mark.fault("2 million files, without room for them")
def test_a_run_that_may_not_write_so_many_files_is_ended_and_keeps_what_it_had(rig: Rig, record_property: Record) -> None:
    key = begin(rig, MANY, disk=GIB // 16)

    status = ended(rig, key, record_property)
    assert status.outcome is Outcome.DISK_LIMIT
    assert results(rig, key) == {"results/a.csv": b"first\n"}
    assert rig.whole_log(key) == b"begun\n"
