"""Every way in which a run on a cluster ends badly, told apart; the words are those of real clusters from 1.20 on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fakes import facts as recorded
from tagstone.actions.run import failure, interruption
from tagstone.domain.runs.failure import OUTCOMES, Failure, Kind
from tagstone.domain.runs.fit import fit
from tagstone.domain.runs.hardware import Granted, Resources
from tagstone.domain.runs.node import Node
from tagstone.domain.runs.placement import place
from tagstone.domain.runs.pod_verdict import never_fits, verdict, waiting
from tagstone.domain.runs.run import Outcome, RunStatus
from tagstone.domain.runs.sight import Condition, ContainerSeen, EventSeen, Inside, JobSeen, PodSeen, Sight
from tagstone.errors import Away, Temporary

GIB = 2**30
Ended = Callable[..., Sight]


def told(sight: Sight) -> Failure:
    found = verdict(sight)
    assert found is not None
    assert found.detail or found.kind is Kind.EXIT_CODE
    assert found.remedy
    return found


def changed(sight: Sight, **pod: object) -> Sight:
    assert sight.pod is not None
    return replace(sight, pod=replace(sight.pod, **pod))  # type: ignore[arg-type]


def waits(sight: Sight, name: str, reason: str, message: str = "", *, after: float = 100) -> Sight:
    container = ContainerSeen(name, "waiting", reason, message)
    return replace(changed(sight, phase="Pending", containers=(container,)), now=after)


def unscheduled(sight: Sight, message: str, *, after: float, reason: str = "Unschedulable") -> Sight:
    condition = Condition("PodScheduled", "False", reason, message)
    return replace(changed(sight, phase="Pending", node="", containers=(), conditions=(condition,)), now=after)


def test_nothing_is_wrong_while_it_runs(sight: Sight):
    assert verdict(sight) is None


def test_nothing_is_wrong_with_a_good_end(ended: Ended):
    assert verdict(ended(0, "Completed")) is None
    assert verdict(replace(ended(0, "Completed"), inside=Inside(ended=True, exit_code=0))) is None


# --- how the command itself ended


def test_an_exit_code_is_the_author_s(ended: Ended):
    found = told(ended(3))
    assert (found.kind, found.outcome, found.begun_again) == (Kind.EXIT_CODE, Outcome.FAILED, False)


@pytest.mark.parametrize(
    ("code", "word"), [(126, "may not be executed"), (127, "was not found"), (139, "SIGSEGV"), (134, "SIGABRT")]
)
def test_well_known_exit_codes_are_explained(ended: Ended, code: int, word: str):
    assert word in told(ended(code)).detail


def test_a_container_killed_for_memory(ended: Ended):
    found = told(ended(137, "OOMKilled"))
    assert (found.kind, found.reason) == (Kind.OUT_OF_MEMORY, "OOMKilled")
    assert "memory" in found.remedy


def test_a_command_killed_for_memory_inside_a_container_that_lives(sight: Sight):
    found = told(replace(sight, inside=Inside(ended=True, exit_code=137, for_memory=True, done=True)))
    assert found.kind is Kind.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [(137, "OOMKilled", Kind.OUT_OF_MEMORY), (137, "Error", Kind.EXIT_CODE), (3, "Error", Kind.EXIT_CODE)],
)
def test_of_a_container_that_went_away_without_a_word_the_cluster_s_word_counts(
    ended: Ended, code: int, reason: str, kind: Kind
):
    silent = Inside(ended=True, done=True)
    assert told(replace(ended(code, reason), inside=silent)).kind is kind
    assert verdict(replace(ended(0, "Completed"), inside=silent)) is None


def test_an_end_that_nobody_tells_is_no_good_end(sight: Sight):
    silent = replace(sight, inside=Inside(ended=True, done=True))
    assert told(silent).kind is Kind.COLLECTING
    assert told(replace(silent, pod=None, had_pod=True)).kind is Kind.DISRUPTED


def test_a_child_killed_for_memory_is_not_the_whole(sight: Sight):
    found = told(replace(sight, inside=Inside(ended=True, exit_code=1, for_memory=True, done=True)))
    assert found.kind is Kind.EXIT_CODE
    assert "child process was killed for memory" in found.detail
    assert "memory" in found.remedy


def test_a_kill_that_nobody_here_sent_is_said_to_be_one(sight: Sight):
    found = told(replace(sight, inside=Inside(ended=True, exit_code=137, done=True)))
    assert found.kind is Kind.EXIT_CODE
    assert "neither Tagstone nor the kernel's memory limit" in found.detail


@pytest.mark.parametrize(("why", "kind"), [("time", Kind.TIME_LIMIT), ("disk", Kind.DISK_LIMIT), ("stop", Kind.STOPPED)])
@pytest.mark.parametrize("code", [0, 143, 137, 1])
def test_what_we_ended_ourselves_is_known_by_why(sight: Sight, why: str, kind: Kind, code: int):
    assert told(replace(sight, inside=Inside(ended=True, exit_code=code, ended_by=why, done=True))).kind is kind


@pytest.mark.parametrize("code", [0, 143, 137])
def test_what_ended_with_its_pod_is_a_disruption_also_where_all_was_taken_before_that_was_seen(sight: Sight, code: int):
    taken = replace(sight, inside=Inside(ended=True, exit_code=code, ended_by="taken", done=True))
    assert told(taken).kind is Kind.DISRUPTED
    assert told(replace(taken, pod=None)).kind is Kind.DISRUPTED


def test_why_a_pod_was_taken_away_counts_more_than_that_it_was(sight: Sight):
    taken = replace(sight, inside=Inside(ended=True, exit_code=143, ended_by="taken", done=True))
    words = 'Usage of EmptyDir volume "workspace" exceeds the limit "1Gi".'
    assert told(changed(taken, phase="Failed", reason="Evicted", message=words)).kind is Kind.DISK_LIMIT


@pytest.mark.parametrize(("code", "reason"), [(143, "Error"), (3, "Error"), (137, "OOMKilled")])
def test_a_run_goes_on_while_what_it_left_is_taken(ended: Ended, code: int, reason: str):
    taking = ended(code, reason, keeper="running")
    assert verdict(taking) is None
    assert verdict(replace(taking, inside=Inside(ended=True, exit_code=code))) is None
    assert told(replace(taking, inside=Inside(ended=True, exit_code=code, done=True))).kind is not Kind.DISRUPTED


def test_what_happens_to_a_pod_after_all_was_taken_is_nothing(sight: Sight):
    good = replace(sight, inside=Inside(ended=True, exit_code=0, done=True))
    assert verdict(changed(good, deleting=True)) is None
    assert verdict(replace(good, pod=None, job=None)) is None


def test_what_is_lost_before_all_was_taken_is_lost(sight: Sight):
    found = told(changed(replace(sight, inside=Inside(ended=True, exit_code=0)), deleting=True))
    assert found.kind is Kind.DISRUPTED


def test_a_command_that_could_not_begin(sight: Sight, ended: Ended):
    assert told(replace(sight, inside=Inside(unstarted="exec: analysis: not found", done=True))).kind is Kind.COMMAND
    assert told(ended(128, "StartError", "exec format error")).kind is Kind.COMMAND
    assert told(ended(127, "ContainerCannotRun", "OCI runtime create failed")).kind is Kind.COMMAND


# --- what the cluster took away: begun again, not charged to anybody


DISRUPTED: list[tuple[dict[str, object], Kind]] = [
    ({"conditions": (Condition("DisruptionTarget", "True", reason, "taken"),)}, Kind.DISRUPTED)
    for reason in ("PreemptionByScheduler", "DeletionByTaintManager", "EvictionByEvictionAPI", "DeletionByPodGC", "TerminationByKubelet")
]  # fmt: skip
TAKEN: list[tuple[dict[str, object], Kind]] = [
    ({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}, Kind.EVICTED),
    ({"phase": "Failed", "reason": "Evicted", "message": "The node had condition: [DiskPressure]."}, Kind.EVICTED),
    ({"phase": "Failed", "reason": "Shutdown", "message": "Node is shutting, evicting pods"}, Kind.DISRUPTED),
    ({"phase": "Failed", "reason": "NodeShutdown", "message": "Pod was terminated in response to imminent node shutdown."}, Kind.DISRUPTED),
    ({"phase": "Failed", "reason": "Terminated", "message": "Pod was terminated in response to imminent node shutdown."}, Kind.DISRUPTED),
    ({"phase": "Failed", "reason": "Preempting", "message": "Preempted in order to admit critical pod"}, Kind.DISRUPTED),
    ({"reason": "NodeLost", "message": "Node node-1 which was running pod is unresponsive"}, Kind.NODE_LOST),
    ({"phase": "Unknown"}, Kind.NODE_LOST),
    ({"deleting": True}, Kind.DISRUPTED),
    ({"deleting": True, "node_ready": False}, Kind.NODE_LOST),
    ({"phase": "Failed", "reason": "OutOfcpu", "message": "Pod Node didn't have enough resource: cpu"}, Kind.NODE_REFUSED),
    ({"phase": "Failed", "reason": "OutOfnvidia.com/gpu", "message": "Node didn't have enough resource"}, Kind.NODE_REFUSED),
    ({"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "Allocate failed"}, Kind.NODE_REFUSED),
    ({"phase": "Failed", "reason": "NodeAffinity", "message": "Predicate NodeAffinity failed"}, Kind.NODE_REFUSED),
    *DISRUPTED,
]  # fmt: skip


@pytest.mark.parametrize(("taken", "kind"), TAKEN)
def test_what_is_taken_away_is_begun_again(sight: Sight, taken: dict[str, object], kind: Kind):
    found = told(changed(sight, **taken))
    assert (found.kind, found.outcome, found.begun_again) == (kind, Outcome.DISRUPTED, True)


@pytest.mark.parametrize(("taken", "kind"), TAKEN)
@pytest.mark.parametrize("code", [143, 137])
def test_the_signal_that_a_taken_away_pod_gets_is_not_the_author_s(
    sight: Sight, taken: dict[str, object], kind: Kind, code: int
):
    found = told(replace(changed(sight, **taken), inside=Inside(ended=True, exit_code=code)))
    assert found.kind is kind


@pytest.mark.parametrize(("taken", "_kind"), TAKEN)
def test_an_error_of_its_own_stays_the_author_s_though_the_pod_went_then(sight: Sight, taken: dict[str, object], _kind: Kind):
    assert told(replace(changed(sight, **taken), inside=Inside(ended=True, exit_code=3))).kind is Kind.EXIT_CODE


@pytest.mark.parametrize(
    "message",
    [
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
        'Container run exceeded its local ephemeral storage limit "1Gi". ',
        'Usage of EmptyDir volume "work" exceeds the limit "1Gi". ',
    ],
)
def test_eviction_for_its_own_disk_is_charged(sight: Sight, message: str):
    assert told(changed(sight, phase="Failed", reason="Evicted", message=message)).kind is Kind.DISK_LIMIT


def test_the_deadline_behind_all_is_a_time_limit(sight: Sight):
    found = told(
        changed(sight, phase="Failed", reason="DeadlineExceeded", message="Pod was active on the node longer than 60s")
    )
    assert (found.kind, found.reason) == (Kind.TIME_LIMIT, "DeadlineExceeded")


def test_a_pod_that_is_gone_was_deleted(sight: Sight):
    assert told(replace(sight, pod=None)).reason == "PodDeleted"


def test_a_job_that_is_gone_was_deleted(sight: Sight):
    assert told(replace(sight, pod=None, job=None, had_pod=False)).reason == "JobDeleted"


def test_a_container_that_the_node_lost_sight_of(ended: Ended):
    assert told(ended(137, "ContainerStatusUnknown")).kind is Kind.NODE_LOST


# --- what keeps it from beginning


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (
            "ErrImagePull",
            "rpc error: code = Unknown desc = Error response from daemon: manifest for x not found: manifest unknown",
        ),
        ("ImagePullBackOff", "pull access denied for x, repository does not exist or may require authorization"),
        ("ErrImagePull", "failed to authorize: 401 Unauthorized"),
    ],
)
def test_an_image_that_nobody_will_ever_pull(sight: Sight, reason: str, message: str):
    assert told(waits(sight, "run", reason, message)).kind is Kind.IMAGE_PULL


def test_a_registry_that_does_not_answer_is_waited_for(sight: Sight):
    message = 'Get "http://registry/v2/": dial tcp: connection refused'
    early = waits(sight, "run", "ImagePullBackOff", message)
    assert verdict(early) is None
    assert "tried again" in waiting(early)
    assert told(waits(sight, "run", "ImagePullBackOff", message, after=1000)).kind is Kind.IMAGE_PULL


def test_a_name_that_is_no_image(sight: Sight):
    found = told(waits(sight, "run", "InvalidImageName", "couldn't parse image reference"))
    assert (found.kind, found.outcome) == (Kind.IMAGE_NAME, Outcome.IMAGE)


@pytest.mark.parametrize("reason", ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"])
def test_a_container_that_cannot_be_made_is_waited_for_and_then_said(sight: Sight, reason: str):
    assert verdict(waits(sight, "keeper", reason, 'secret "x" not found')) is None
    found = told(waits(sight, "keeper", reason, 'secret "x" not found', after=1000))
    assert (found.kind, found.outcome) == (Kind.CONFIGURATION, Outcome.REFUSED)


def test_a_volume_that_is_never_there(sight: Sight):
    late = replace(
        waits(sight, "stage", "ContainerCreating", after=1000), events=(EventSeen("FailedMount", "claim not found"),)
    )
    assert told(late).kind is Kind.CONFIGURATION
    assert verdict(replace(late, now=100)) is None


def test_what_came_before_uses_nothing_up_of_the_patience_with_an_image(sight: Sight):
    trouble = ContainerSeen("run", "waiting", "ErrImagePull", "dial tcp 192.0.2.1:443: i/o timeout")
    staged = ContainerSeen("stage", "terminated", "Completed", exit_code=0, started_at=5, finished_at=605)
    late = replace(changed(sight, phase="Pending", containers=(staged, trouble)), now=606)
    assert verdict(late) is None
    assert verdict(replace(late, now=604 + 300)) is None
    assert told(replace(late, now=606 + 300)).kind is Kind.IMAGE_PULL


@pytest.mark.parametrize("after", ["making", "scheduling"])
def test_nor_does_a_wait_for_a_node_of_that_with_what_its_node_lacks(sight: Sight, after: str):
    scheduled = Condition("PodScheduled", "True", since=7200 if after == "scheduling" else None)
    created = 7200.0 if after == "making" else 0.0
    config = waits(sight, "stage", "CreateContainerConfigError", 'secret "x" not found', after=7201)
    mount = replace(
        waits(sight, "stage", "ContainerCreating", after=7201), events=(EventSeen("FailedMount", "claim not found"),)
    )
    for one in (config, mount):
        late = changed(one, created_at=created, conditions=(scheduled,))
        assert verdict(late) is None
        assert told(replace(late, now=7200 + 301)).kind is Kind.CONFIGURATION


NO_GPU = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."


def test_a_node_is_waited_for_as_long_as_the_site_says(sight: Sight):
    early = unscheduled(sight, NO_GPU, after=600)
    assert verdict(early) is None
    assert waiting(early) == "It waits for a node with enough nvidia.com/gpu; it may wait until 1970-01-01 01:00 UTC."
    found = told(unscheduled(sight, NO_GPU, after=3601))
    assert (found.kind, found.outcome) == (Kind.UNSCHEDULABLE, Outcome.UNSCHEDULABLE)
    assert "nvidia.com/gpu" in found.detail


def test_a_day_in_a_queue_of_the_cluster_uses_nothing_up_of_the_wait_for_a_node(sight: Sight):
    day = 86_400.0
    began = changed(unscheduled(sight, NO_GPU, after=day + 1), created_at=day)
    assert verdict(began) is None
    assert waiting(began) == "It waits for a node with enough nvidia.com/gpu; it may wait until 1970-01-02 01:00 UTC."
    assert told(replace(began, now=day + 3600)).kind is Kind.UNSCHEDULABLE
    refused = unscheduled(sight, NO_GPU, after=day + 1)
    since = changed(refused, conditions=(Condition("PodScheduled", "False", "Unschedulable", NO_GPU, since=day),))
    assert verdict(since) is None


FULL = "exceeded quota: site, requested: pods=1, used: pods=4, limited: pods=4"


def test_room_in_a_quota_is_waited_for_as_long_as_the_site_says(sight: Sight):
    full = replace(sight, pod=None, had_pod=False, events=(EventSeen("FailedCreate", FULL),))
    assert verdict(replace(full, now=3599)) is None
    assert told(replace(full, now=3600)).kind is Kind.QUOTA
    day = 86_400.0
    let_out = replace(full, job=JobSeen("j-1", conditions=(Condition("Suspended", "False", "JobResumed", since=day),)))
    assert verdict(replace(let_out, now=day + 1)) is None
    assert told(replace(let_out, now=day + 3600)).kind is Kind.QUOTA


def test_what_would_fit_is_said_with_it(sight: Sight):
    nodes = [Node("only", {"cpu": 64.0, "memory": 64.0 * GIB, "ephemeral-storage": 500.0 * GIB})]
    found = fit(place(replace(sight.resources, gpu=1), {}), nodes)
    late = replace(unscheduled(sight, NO_GPU, after=3601), fit=found)
    assert told(late).remedy == "Ask for at most gpu: 0 (run: resources)."
    assert "The nearest is only" in told(late).detail
    assert never_fits(found).remedy == told(late).remedy


def test_all_resources_that_are_missing_are_named(sight: Sight):
    message = "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. preemption: 0/3 nodes are available."
    assert "a node with enough cpu and memory" in waiting(unscheduled(sight, message, after=1))


@pytest.mark.parametrize("after", [1, 1e9])
def test_a_queue_of_the_cluster_may_take_its_time(sight: Sight, after: float):
    gated = unscheduled(sight, "Scheduling is blocked due to non-empty scheduling gates", after=after, reason="SchedulingGated")
    suspended = replace(sight, job=JobSeen("j-1", suspended=True), pod=None, had_pod=False, now=after)
    for one in (gated, suspended):
        assert verdict(one) is None
        assert "in the cluster's queue" in waiting(one)


# --- trouble of our own


def test_a_container_of_ours_that_fails_is_not_charged(sight: Sight, pod: PodSeen):
    stage = ContainerSeen("stage", "terminated", "Error", exit_code=1)
    found = told(changed(sight, phase="Failed", containers=(stage, ContainerSeen("run"), ContainerSeen("keeper"))))
    assert (found.kind, found.begun_again) == (Kind.STAGING, True)
    keeper = replace(pod.containers[2], state="terminated", reason="OOMKilled", exit_code=137)
    found = told(changed(sight, containers=(*pod.containers[:2], keeper)))
    assert (found.kind, found.begun_again) == (Kind.COLLECTING, True)


def test_code_that_does_not_fit_into_a_workspace_is_the_author_s(sight: Sight):
    found = told(replace(sight, inside=Inside(problem="The input data/x lies below a file.", done=True)))
    assert (found.kind, found.begun_again) == (Kind.CONTENT, False)


def test_hardware_that_is_not_there_ends_the_run(sight: Sight):
    granted = Granted("inside", None, 64, 2.0, 4 * GIB, 64 * GIB, None, "6.1", "x86_64")
    asked = replace(sight, resources=Resources(cpu=2, memory=4 * GIB, gpu=1))
    assert verdict(replace(sight, inside=Inside(granted=granted))) is None
    found = told(replace(asked, inside=Inside(granted=granted)))
    assert (found.kind, found.outcome) == (Kind.HARDWARE, Outcome.HARDWARE)
    assert "1 GPUs were asked for, 0 are there" in found.detail
    ended_for_that = Inside(ended=True, exit_code=143, ended_by="stop", done=True, granted=granted)
    assert told(replace(asked, inside=ended_for_that)).kind is Kind.HARDWARE


# --- what people are told in the end


def test_every_kind_has_an_outcome_and_every_outcome_its_words():
    run = recorded.facts().run
    assert run is not None
    spec = run.spec
    assert set(OUTCOMES) == set(Kind)
    for outcome in set(OUTCOMES.values()) - {Outcome.DISRUPTED, Outcome.ENGINE}:
        status = RunStatus(outcome=outcome, detail="Because.", remedy="Do this.")
        said = failure(status, spec, "p-1")
        assert (said.kind, said.remedy) == (str(outcome), "Do this.")
        assert failure(replace(status, remedy=""), spec, "p-1").remedy


def test_a_disruption_is_waited_out_and_trouble_of_ours_is_tried_again():
    assert isinstance(interruption(RunStatus(outcome=Outcome.DISRUPTED, detail="Gone.")), Away)
    ours = interruption(RunStatus(outcome=Outcome.ENGINE, detail="Broken."))
    assert isinstance(ours, Temporary)
    assert not isinstance(ours, Away)


def test_long_messages_of_clusters_are_cut(sight: Sight):
    assert len(told(waits(sight, "run", "InvalidImageName", "x" * 100_000)).detail) < 600
