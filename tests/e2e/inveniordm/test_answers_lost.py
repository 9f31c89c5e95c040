"""Each single answer of the server is lost after the server has done what was asked: exactly one record, every byte in place.

Answers about the draft and the record are lost one in a publication. The files' calls are alike: of these several are lost in one
publication, each for a file of its own, until every answer was lost once.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from rigs.deposits import Depositing, Observer
from servers.faulty_proxy import Call, Fault, FaultyProxy, Trouble

pytestmark = pytest.mark.inveniordm

Installation = Callable[..., Depositing]
Name = tuple[str, str, int]
"""Of a call, the same in every publication: its method, its path without what is only this record's, and which of its kind it is."""
SHARDS = 3
APART = 6
"""Of the files' answers one in so many is lost in one publication."""


class Naming:
    """Names calls as they come."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()

    def name(self, call: Call) -> Name:
        path = re.sub(r"/records/[^/?]+", "/records/*", re.sub(r"[0-9a-f]{64}", "*", call.path.partition("?")[0]))
        self._seen[call.method, path] += 1
        return call.method, path, self._seen[call.method, path]


def names(calls: Iterable[Call]) -> list[Name]:
    naming = Naming()
    return [naming.name(call) for call in calls]


def rounds(calls: list[Name], shard: int) -> list[set[Name]]:
    """What is lost in each publication, so that all is lost once."""
    of_files = [call for call in calls if re.search(r"/files(/|$)", call[1])]
    alone = [{call} for call in calls if call not in of_files]
    return [*alone, *(set(of_files[start::APART]) for start in range(APART))][shard::SHARDS]


def losing(chosen: set[Name]) -> Callable[[Call], Trouble | None]:
    naming = Naming()
    return lambda call: Trouble(Fault.LOSE) if naming.name(call) in chosen else None


def version(trial: Depositing, number: int) -> str:
    trial.tag(f"v1.{number}.0", {"analysis.py": f"print('wobble {number}')\n"})
    return f"v1.{number}.0"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_first_version_survives_the_loss_of_each_answer(
    installation: Installation,
    observer: Observer,
    proxy: FaultyProxy,
    shard: int,
    record_property: Callable[[str, object], None],
) -> None:
    installation().publish()
    lost = 0
    for chosen in rounds(names(proxy.calls), shard):
        trial = installation()
        proxy.disturb(losing(chosen))
        observer.assert_whole(trial.publish())
        assert observer.count(trial.mark) == (1, 0), chosen
        assert len(proxy.struck) == len(chosen)
        lost += len(chosen)
    record_property("answers lost", lost)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_later_version_survives_the_loss_of_each_answer(
    installation: Installation,
    observer: Observer,
    proxy: FaultyProxy,
    shard: int,
    record_property: Callable[[str, object], None],
) -> None:
    trial = installation()
    first = trial.publish()
    proxy.disturb(None)
    trial.publish(version(trial, 1))
    lost = 0
    for made, chosen in enumerate(rounds(names(proxy.calls), shard), 3):
        tag = version(trial, made)
        proxy.disturb(losing(chosen))
        found = trial.publish(tag)
        observer.assert_whole(found)
        assert (found.deposit.series, found.deposit.version_index) == (first.deposit.series, made), chosen
        assert observer.count(trial.mark) == (made, 0), chosen
        lost += len(proxy.struck)
    record_property("answers lost", lost)
