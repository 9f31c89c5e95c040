"""What a site says of its machines and queues stands in the Job, where schedulers and queues look for it."""

from dataclasses import replace

import pytest

from rigs.orders import KINDS, pod
from tagstone.adapters.kubernetes.manifests import job

_QUEUE = "kueue.x-k8s.io/queue-name"


@pytest.mark.parametrize(("kind", "queue"), [("plain", None), ("in a queue", "all"), ("of a profile", "gpus")])
def test_a_job_goes_through_the_queue_that_is_configured(kind: str, queue: str | None) -> None:
    made = job(*KINDS[kind])
    assert made["metadata"]["labels"].get(_QUEUE) == queue
    # On the pod as well, it would be queued a second time.
    assert _QUEUE not in made["spec"]["template"]["metadata"]["labels"]


def test_the_queue_of_a_profile_goes_before_that_of_the_cluster() -> None:
    order, site = KINDS["of a profile"]
    assert job(order, replace(site, queue="all"))["metadata"]["labels"][_QUEUE] == "gpus"


def test_a_pod_of_a_profile_goes_where_the_profile_says() -> None:
    spec = pod("of a profile")
    assert (spec["runtimeClassName"], spec["priorityClassName"]) == ("nvidia", "science")
    assert spec["nodeSelector"] == {"example.org/gpu": "a100"}
    assert {"key": "dedicated", "operator": "Equal", "value": "science", "effect": "NoSchedule"} in spec["tolerations"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "of a profile"])
def test_without_a_profile_the_cluster_decides(kind: str) -> None:
    assert {"runtimeClassName", "priorityClassName", "nodeSelector"} & pod(kind).keys() == set()
