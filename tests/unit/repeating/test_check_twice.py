"""`check --twice`: one image, two fresh runs, and a word about every output that differs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.builder import FakeBuilder
from fakes.clock import FakeClock
from fakes.registry import FakeRegistry
from fakes.runner import FakeRunner
from fakes.small_project import commit, make_repository, put_base
from fakes.some_ports import some_ports
from fakes.storage import FakeStorage
from tagstone.actions.check_twice import Following, check_twice
from tagstone.adapters.git import GitForge
from tagstone.adapters.output_values.comparer import ProcessComparer
from tagstone.domain.publications.policy import Policy
from tagstone.domain.runs.comparison import Verdict
from tagstone.domain.runs.repeatability import Repetition
from tagstone.domain.runs.run import Outcome, RunSpec
from tagstone.errors import Invalid, Permanent, RunFailed, Temporary

TOLERANT = """\
environment: {base: "debian:bookworm", apt: [python3]}
run: {command: [python3, analysis.py]}
outputs: [{path: results/*.csv, compare: numbers, rtol: 1.0e-9}]
"""


class Wavering(FakeRunner):
    """A runner whose runs leave what they are told to, one after the other."""

    def __init__(self, folder: Path, storage: FakeStorage) -> None:
        super().__init__(folder, storage)
        self.leaves: list[dict[str, bytes]] = []
        self.specs: list[RunSpec] = []

    def start(self, key: str, spec: RunSpec) -> None:
        self.specs.append(spec)
        self.outputs = self.leaves.pop(0) if self.leaves else self.outputs
        super().start(key, spec)


class Place:
    """A repository and what it is tried with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "wobble"
        make_repository(self.repository)
        self.storage, self.registry, self.clock = FakeStorage(), FakeRegistry(), FakeClock(1000.0)
        put_base(self.registry)
        self.runner, self.builder = Wavering(folder / "runs", self.storage), FakeBuilder(folder / "builds")
        self.told: list[str] = []
        self.log = b""
        self.pauses: list[float] = []

    def check(self) -> Repetition:
        """Check the newest commit."""
        forge = GitForge()
        ports = some_ports(
            forge=forge, storage=self.storage, registry=self.registry, runner=self.runner, builder=self.builder,
            clock=self.clock, comparer=ProcessComparer(self.folder),
        )  # fmt: skip
        project, head = forge.identify(str(self.repository)), forge.resolve(str(self.repository), "v1.0.0")
        following = Following(self._polls, self.pauses.append, self.told.append, self._follow)
        return check_twice(ports, Policy(), project, head, self.folder, following)

    def left_over(self) -> list[str]:
        """What builds and runs have left."""
        return [*self.builder.keys(), *(path.name for path in (self.folder / "runs").glob("*.json"))]

    def _follow(self, data: bytes) -> None:
        self.log += data

    @staticmethod
    def _polls() -> Iterator[float]:
        while True:
            yield 0.25


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_two_equal_runs_are_identical_and_leave_nothing_behind(place):
    repetition = place.check()
    assert repetition.verdict is Verdict.IDENTICAL
    assert place.runner.begun == 2
    assert place.left_over() == []
    assert place.log.count(b"still running") == 2
    assert any("run 2 of 2" in line for line in place.told)


def test_both_runs_are_given_the_same_and_no_identifier(place):
    place.check()
    first, second = place.runner.specs
    assert first == second
    assert "TAGSTONE_DOI" not in dict(first.env)


def test_the_second_run_starts_in_another_second(place):
    place.check()
    assert max(place.pauses) > 1.0


def test_an_output_that_differs_is_named_with_a_rule_for_it(place):
    place.runner.leaves = [{"results/fit.csv": b"1.0\n"}, {"results/fit.csv": b"1.000000000003\n"}]
    repetition = place.check()
    assert repetition.verdict is Verdict.DIFFERENT
    (advice,) = repetition.advice
    assert advice.rule is not None
    assert (advice.path, advice.rule.compare, advice.rule.rtol) == ("results/fit.csv", "numbers", 1e-11)


def test_an_output_that_one_run_alone_left_is_named(place):
    place.runner.leaves = [{"results/a": b"1"}, {"results/a": b"1", "results/b": b"2"}]
    assert "only one of the two" in place.check().as_text()


def test_within_a_declared_tolerance_they_are_equivalent(place):
    (place.repository / "tagstone.yml").write_text(TOLERANT)
    commit(place.repository, "v1.0.0")
    place.runner.leaves = [{"results/fit.csv": b"1.0\n"}, {"results/fit.csv": b"1.000000000003\n"}]
    repetition = place.check()
    assert repetition.verdict is Verdict.EQUIVALENT
    assert repetition.advice == ()


def test_the_environment_is_built_once(place):
    place.check()
    place.check()
    assert place.builder.calls["start"] == 1


def test_a_build_that_fails_is_told_and_nothing_is_run(place):
    place.builder.fail("E: no such package")
    with pytest.raises(Permanent, match="no such package"):
        place.check()
    assert place.runner.begun == 0
    assert place.left_over() == []


def test_an_analysis_that_fails_ends_it(place):
    place.runner.outcome = Outcome.FAILED
    with pytest.raises(RunFailed):
        place.check()
    assert place.runner.begun == 1
    assert place.left_over() == []


def test_trouble_of_the_engine_is_no_fault_of_the_analysis(place):
    place.runner.outcome = Outcome.ENGINE
    with pytest.raises(Temporary, match="engine failed"):
        place.check()


def test_an_interruption_ends_the_run(place):
    place.runner.looks = -1
    place.pauses = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        place.check()
    assert place.left_over() == []


def test_what_a_killed_check_left_is_not_adopted(place):
    place.runner.looks = -1
    place.pauses = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        place.check()
    place.runner.looks, place.pauses = 1, []
    assert place.check().verdict is Verdict.IDENTICAL


def test_a_manifest_that_makes_nothing_cannot_be_checked(place):
    (place.repository / "tagstone.yml").write_text("environment: {base: 'debian:bookworm'}\n")
    commit(place.repository, "v1.0.0")
    with pytest.raises(Invalid, match="makes no outputs"):
        place.check()


class Interrupting(list[float]):
    """Pauses in which somebody presses Ctrl-C."""

    def append(self, seconds: float) -> None:
        raise KeyboardInterrupt
