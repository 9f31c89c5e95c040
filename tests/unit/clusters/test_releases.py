"""What is rendered is valid for every current release, and comes back from each as it was sent, but for what the release has not."""

import copy
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate.utils import all_versions

from fakes.kubernetes.admission import check
from fakes.kubernetes.fields import fill_in_job, pruned
from fakes.kubernetes.pods import expanded
from fakes.kubernetes.state import RESOURCES
from rigs.orders import KINDS, rendered
from tagstone.adapters.kubernetes.readback import differences, essential

_RELEASES = list(dict.fromkeys(all_versions()))
_PLURALS = {resource.kind: resource for resource in RESOURCES.values()}


def _kept(document: dict[str, Any], release: tuple[int, int]) -> dict[str, Any]:
    """What a server of a release makes of a Job."""
    kept = pruned(_PLURALS["Job"], copy.deepcopy(document), release)
    check(_PLURALS["Job"], kept)
    kept["metadata"]["uid"] = "0"
    fill_in_job(kept, release)
    return kept


@pytest.mark.parametrize("release", _RELEASES)
def test_every_object_is_valid_for_each_release(release: str) -> None:
    for document in rendered("of a profile"):
        kubernetes_validate.validate(document, release, strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_of_every_kind_is_valid_for_the_oldest_and_the_newest(kind: str) -> None:
    for release in (_RELEASES[0], _RELEASES[-1]):
        kubernetes_validate.validate(rendered(kind)[0], release, strict=True)


@pytest.mark.parametrize(("place", "value"), [("spec.backoffLimmit", 0), ("spec.backoffLimit", "none")])
def test_a_field_that_nobody_knows_or_of_another_type_is_not_valid(place: str, value: Any) -> None:
    document = rendered("plain")[0]
    document["spec"][place.removeprefix("spec.")] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, _RELEASES[-1], strict=True)


@pytest.mark.parametrize("release", _RELEASES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_comes_back_from_current_releases_as_it_was_sent(kind: str, release: str) -> None:
    major, minor, *_ = map(int, release.split("."))
    sent = rendered(kind)[0]
    assert differences(sent, _kept(sent, (major, minor))) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_release_drops_the_failure_policy_and_nothing_that_a_run_needs(kind: str) -> None:
    sent = rendered(kind)[0]
    found = differences(sent, _kept(sent, (1, 20)))
    assert found == ("spec.podFailurePolicy",)
    assert essential(found) == ()


def test_a_field_that_a_run_needs_is_missed() -> None:
    sent = rendered("plain")[0]
    kept = _kept(sent, (1, 31))
    del kept["spec"]["template"]["spec"]["activeDeadlineSeconds"]
    kept["spec"]["template"]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    assert len(essential(differences(sent, kept))) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_kubelet_hands_every_word_and_variable_on_as_it_was_written(kind: str) -> None:
    order, _ = KINDS[kind]
    run = next(one for one in rendered(kind)[0]["spec"]["template"]["spec"]["containers"] if one["name"] == "run")
    env: dict[str, str] = {"B": "expanded", "date": "expanded", "x": "expanded"}
    said = {one["name"]: expanded(one["value"], env) for one in run["env"]}
    assert said == order.spec.variables
    command = [expanded(word, env) for word in run["command"]]
    assert command[command.index("--") + 1 :] == list(order.argv)
