"""Deliveries that are doubled, reordered, delayed and lost, of a tag that is set, moved and deleted meanwhile."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.installation import NOW, Installation
from rigs.taking import DAY, World
from tagstone.domain.forges.delivery import Delivered, Happening
from tagstone.domain.forges.registration import ImageBuilder
from tagstone.domain.publications.publication import State
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import Away
from tagstone.workflows.deliver import Deliveries

TAG = "v1.0.0"
HOUR = 3600.0


@dataclass
class Story:
    """What happens to one tag, what is told of it, and what is done about that."""

    world: World
    events: list[Delivered] = field(default_factory=list)
    untaken: list[int] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    keys: int = 0

    def set(self, version: int) -> None:
        """Set or move the tag to one of a few versions of the code."""
        self.world.forge.repositories[self.world.remote.location].files["a.py"] = b"print(%d)\n" % version
        self.commits.append(self.world.push(TAG))
        self.events.append(Delivered(Happening.TAG, 17, TAG, self.commits[-1], protected=True))

    def delete(self) -> None:
        """Delete the tag."""
        self.world.projects.tagged.clear()
        self.events.append(Delivered(Happening.TAG_DELETED, 17, TAG))

    def release(self) -> None:
        """Make a release page of it."""
        self.events.append(Delivered(Happening.RELEASE, 17, TAG, self.commits[-1] if self.commits else None))

    def deliver(self, which: int) -> None:
        """One of the events so far is delivered; each may come any number of times, or never."""
        if self.events:
            self.keys += 1
            self.untaken.append(self.world.deliver(self.events[which % len(self.events)], f"k{self.keys}"))

    def take(self, which: int) -> None:
        """One of the deliveries is taken; it stays to be taken again."""
        if self.untaken:
            self.world.taking.take(self.untaken[which % len(self.untaken)])

    def reconcile(self) -> None:
        """The tags are compared with what was asked for, and what is missing is taken."""
        before = len(self.world.queue.deliveries)
        self.world.reconciliation.all_projects()
        self.untaken += [number for number, _ in self.world.queue.deliveries[before:]]

    def live(self) -> list[str]:
        """The commits of the publications that have not given way to another."""
        return [row.commit for row in self.world.publications() if row.state != State.SUPERSEDED]


STEPS: dict[str, Callable[[Story, int], None]] = {
    "set": lambda story, which: story.set(which % 3),
    "delete": lambda story, _: story.delete(),
    "release": lambda story, _: story.release(),
    "deliver": Story.deliver,
    "take": Story.take,
    "reconcile": lambda story, _: story.reconcile(),
}


@pytest.mark.attack("deliveries")
@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*STEPS, "deliver", "take", "take"]), st.integers(0, 99)), min_size=6, max_size=25))
def test_whatever_happens_in_whatever_order_a_tag_has_one_publication_at_the_commit_that_it_has(steps: list[tuple[str, int]]):
    with tempfile.TemporaryDirectory() as home:
        installation = Installation(Path(home))
        story = Story(World(installation))
        story.set(0)
        for step, which in steps:
            STEPS[step](story, which)
            assert len(story.live()) <= 1
            assert set(story.live()) <= set(story.commits)
        story.reconcile()
        for number in story.untaken:
            story.world.taking.take(number)
        there = story.world.projects.tagged.get((17, TAG))
        assert there is None or story.live() == [there.sha]
        installation.close()


@pytest.mark.attack("deliveries")
@pytest.mark.parametrize("order", [*permutations(["pushed", "failed", "released"])], ids=" ".join)
def test_while_the_pipeline_builds_no_order_of_deliveries_makes_a_publication(tmp_path: Path, order: tuple[str, ...]):
    installation = Installation(tmp_path)
    world = World(installation)
    world.change(builder=ImageBuilder.CI)
    sha = world.push(TAG)
    told = {
        "pushed": Delivered(Happening.TAG, 17, TAG, sha, protected=True),
        "released": Delivered(Happening.RELEASE, 17, TAG, sha),
        "failed": Delivered(Happening.PIPELINE, 17, TAG, sha, pipeline=31, status="failed"),
    }
    for key in order:
        world.take(told[key], key)
    installation.clock.advance(DAY + 1)
    world.taking.expire()
    assert world.publications() == []
    installation.close()


@pytest.mark.attack("outages")
@pytest.mark.parametrize("hours", [1, 6])
def test_while_gitlab_is_down_deliveries_wait_and_then_are_taken_as_if_nothing_had_been(tmp_path: Path, hours: int):
    installation = Installation(tmp_path)
    world, clock = World(installation), installation.clock
    sha = world.push(TAG)
    number = world.deliver(Delivered(Happening.TAG, 17, TAG, sha, protected=True))
    attempts, waits = Deliveries(world.taking, Durations(), clock), 0
    world.projects.trouble = Away("The forge is away.")
    while not (tried := attempts.attempt(number, NOW, 0, waits))["done"]:
        assert (world.row(number).state, world.publications()) == ("received", [])
        assert not tried["failed"]
        clock.advance(tried["seconds"])
        waits += 1
        if clock.now() >= NOW + hours * HOUR:
            world.projects.trouble = None
    assert [row.commit for row in world.publications()] == [sha]
    assert clock.now() < NOW + hours * HOUR + 600
    assert waits < 20 * hours
    installation.close()


@pytest.mark.attack("outages")
def test_while_gitlab_is_down_nothing_is_reconciled_and_afterwards_everything(tmp_path: Path):
    installation = Installation(tmp_path)
    world = World(installation)
    world.push(TAG)
    world.projects.trouble = Away("The forge is away.")
    assert world.reconciliation.all_projects().taken == 0
    assert world.queue.deliveries == []
    world.projects.trouble = None
    assert world.reconciliation.all_projects().taken == 1
    installation.close()
