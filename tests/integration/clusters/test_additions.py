"""What webhooks of a cluster add to Jobs and pods: a run that it sets free is refused, every other one goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from rigs.clusters import FakeCluster
from rigs.runs import Analysis
from tagstone.domain.runs.run import Outcome

_RUN = Analysis(says="done")


def _template(job: dict[str, Any]) -> Any:
    return job["spec"]["template"]["spec"]


_ADDITIONS: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "hostNetwork": ("jobs", lambda job: _template(job).update(hostNetwork=True)),
    "containers[run].securityContext.capabilities.add": (
        "jobs",
        lambda job: _template(job)["containers"][0]["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
    ),
    "serviceAccountName": ("pods", lambda pod: pod["spec"].update(serviceAccountName="operator")),
}


@pytest.mark.parametrize("what", _ADDITIONS)
def test_a_run_that_a_webhook_sets_free_is_refused_and_nothing_of_it_is_left(faked: FakeCluster, what: str) -> None:
    plural, rewrite = _ADDITIONS[what]
    faked.api.rewrites[plural] = rewrite
    key = faked.rig.start(_RUN)
    status = faked.rig.until_ended(key)
    assert status.outcome is Outcome.REFUSED
    assert what in status.detail
    assert "webhook" in status.remedy
    assert faked.api.all("jobs") == []
    assert faked.api.all("secrets") == []


def test_a_label_and_a_toleration_of_a_webhook_are_borne(faked: FakeCluster) -> None:
    faked.api.rewrites["jobs"] = lambda job: job["metadata"]["labels"].update({"example.org/team": "science"})
    faked.api.rewrites["pods"] = lambda pod: pod["spec"]["tolerations"].append({"key": "spot", "operator": "Exists"})
    key = faked.rig.start(_RUN)
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED
