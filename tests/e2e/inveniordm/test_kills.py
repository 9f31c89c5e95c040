"""Killed before and after every call to a real server, a publication is resumed and ends with exactly one record."""

import re
from collections.abc import Callable

import pytest

from rigs.deposits import KILLED, Depositing, Observer

pytestmark = pytest.mark.inveniordm

Installation = Callable[..., Depositing]


def test_a_publication_survives_a_kill_at_every_call_boundary_one_after_the_other(
    installation: Installation, observer: Observer, record_property: Callable[[str, object], None]
) -> None:
    trial = installation()
    publication = trial.submit()
    deaths = 0
    while trial.live(fatal=None) == KILLED:
        deaths += 1
        assert deaths < 200, trial.log()[-4000:]
    assert deaths == len(trial.boundaries())
    observer.assert_whole(trial.published(publication))
    assert observer.count(trial.mark) == (1, 0)
    record_property("kills", deaths)


def test_a_publication_survives_a_single_kill_after_each_effect_on_its_draft(
    installation: Installation, observer: Observer, record_property: Callable[[str, object], None]
) -> None:
    undisturbed = installation()
    undisturbed.publish()
    chosen = [
        boundary for boundary in undisturbed.boundaries() if re.search(r"after .*(draft|reserve|describe|publish)", boundary)
    ]
    assert "after depository.publish" in chosen
    for boundary in chosen:
        trial = installation()
        publication = trial.submit()
        assert trial.live(frozenset({boundary})) == KILLED, boundary
        assert trial.live() == 0, trial.log()[-4000:]
        observer.assert_whole(trial.published(publication))
        assert observer.count(trial.mark) == (1, 0), boundary
    record_property("kills", len(chosen))
