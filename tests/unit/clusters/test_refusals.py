"""What a cluster's refusals mean; the texts are those of real API servers."""

import pytest

from tagstone.domain.runs.failure import Failure, Kind, Patience
from tagstone.domain.runs.refusals import beyond_quota, not_admitted, passing, refused, waits_for_quota
from tagstone.domain.runs.sight import EventSeen

OTHERS = (
    'Error creating: pods "t-1" is forbidden: exceeded quota: team, requested: limits.cpu=2,limits.memory=4Gi, '
    "used: limits.cpu=3,limits.memory=2Gi, limited: limits.cpu=4,limits.memory=8Gi"
)
TOO_MUCH = (
    'Error creating: pods "t-1" is forbidden: exceeded quota: team, requested: limits.cpu=2,requests.nvidia.com/gpu=4, '
    "used: limits.cpu=0,requests.nvidia.com/gpu=0, limited: limits.cpu=4,requests.nvidia.com/gpu=1"
)
JOBS = 'jobs.batch "t-1" is forbidden: exceeded quota: team, requested: count/jobs.batch=1, used: count/jobs.batch=5, limited: count/jobs.batch=5'
RANGE = 'Error creating: pods "t-1" is forbidden: maximum cpu usage per Container is 1, but limit is 2'
SECURITY = (
    'Error creating: pods "t-1" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
    '(container "run" must set securityContext.allowPrivilegeEscalation=false)'
)
WEBHOOK = 'admission webhook "validate.kyverno.svc-fail" denied the request: images must come from our registry'
RIGHTS = 'jobs.batch is forbidden: User "system:serviceaccount:t:x" cannot create resource "jobs" in API group "batch" in the namespace "runs"'
ACCOUNT = (
    'Error creating: pods "t-1" is forbidden: error looking up service account runs/default: serviceaccount "default" not found'
)


def told(found: Failure | None) -> Failure:
    assert found is not None
    assert found.detail
    assert found.remedy
    return found


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (403, JOBS, Kind.QUOTA),
        (403, RANGE, Kind.ADMISSION),
        (403, SECURITY, Kind.ADMISSION),
        (400, WEBHOOK, Kind.ADMISSION),
        (403, WEBHOOK, Kind.ADMISSION),
        (403, RIGHTS, Kind.PERMISSION),
        (403, "forbidden", Kind.PERMISSION),
        (404, 'namespaces "runs" not found', Kind.PERMISSION),
        (422, 'Job.batch "t" is invalid: spec.template.spec.containers[0].image: Required value', Kind.ADMISSION),
    ],
)
def test_who_refused_is_told_apart(code: int, message: str, kind: Kind):
    assert told(refused(code, message)).kind is kind


@pytest.mark.parametrize("code", [0, 401, 409, 410, 429, 500, 503, 504])
def test_what_is_no_refusal_is_none(code: int):
    assert refused(code, "whatever") is None


@pytest.mark.parametrize(
    ("code", "passes"), [(0, True), (429, True), (500, True), (503, True), (409, False), (410, False), (403, False)]
)
def test_trouble_that_passes_is_known_by_its_number(code: int, passes: bool):
    assert passing(code) is passes


def events(message: str) -> tuple[EventSeen, ...]:
    return (EventSeen("Scheduled"), EventSeen("FailedCreate", message))


def test_a_job_without_trouble_just_has_no_pod_yet():
    assert not_admitted((), 1e9, Patience()) is None
    assert waits_for_quota(()) == ""


def test_room_in_a_quota_that_others_use_is_waited_for():
    assert not beyond_quota(OTHERS)
    assert not_admitted(events(OTHERS), 60, Patience(quota=3600)) is None
    assert "'team'" in waits_for_quota(events(OTHERS))
    found = told(not_admitted(events(OTHERS), 3601, Patience(quota=3600)))
    assert found.kind is Kind.QUOTA
    assert "It waited 1 h 0 min for others to end." in found.detail


def test_what_is_larger_than_the_whole_quota_is_not_waited_for():
    assert beyond_quota(TOO_MUCH)
    found = told(not_admitted(events(TOO_MUCH), 1, Patience()))
    assert found.kind is Kind.QUOTA
    assert "even if nothing else ran" in found.detail


@pytest.mark.parametrize(
    ("message", "reason"), [(RANGE, "LimitRange"), (SECURITY, "PodSecurity"), (WEBHOOK, "Webhook"), (ACCOUNT, "Forbidden")]
)
def test_a_rule_of_the_cluster_is_said_at_once(message: str, reason: str):
    assert told(not_admitted(events(message), 1, Patience())).reason == reason


def test_words_that_nobody_knows_may_pass_for_a_while():
    unknown = events("Internal error occurred: failed calling webhook")
    assert not_admitted(unknown, 10, Patience(begin=300)) is None
    assert told(not_admitted(unknown, 301, Patience(begin=300))).kind is Kind.ADMISSION


def test_the_newest_word_counts():
    assert not_admitted((*events(RANGE), EventSeen("FailedCreate", OTHERS)), 1, Patience()) is None
