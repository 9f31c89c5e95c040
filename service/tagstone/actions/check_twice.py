"""Running an analysis twice before anything is published, to see which of its outputs are the same again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tagstone import __version__
from tagstone.actions import build as building
from tagstone.actions.build_here import build_environment
from tagstone.actions.compare_outputs import compare_outputs, deviation_of
from tagstone.actions.resolve import resolve
from tagstone.actions.run import manifest_of, output_rules, run_spec, run_to_its_end
from tagstone.actions.run_matrix import plan
from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.environments.channels import Channels
from tagstone.domain.manifests.sections import Output
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.publication import Kind
from tagstone.domain.publications.record import Facts, ImageFacts, SourceFacts
from tagstone.domain.runs.comparison import Change
from tagstone.domain.runs.hardware import format_seconds
from tagstone.domain.runs.repeatability import Advice, Repetition, advise, advise_missing
from tagstone.domain.runs.run import OutputFile, RunSpec
from tagstone.errors import Invalid
from tagstone.ports import Ports

_MEND = "Its log above says why: mend `environment` in tagstone.yml, or the files that it names."
_APART = 1.1
"""Seconds between the two starts at least, so that a time in an output cannot be the same by chance."""


@dataclass(frozen=True)
class Following:
    """How a person follows: `polls` gives the waits between looks (seconds), `pause` waits, `tell` is handed a line of
    progress, and `log` the bytes of a log as they come.
    """

    polls: Callable[[], Iterator[float]]
    pause: Callable[[float], None]
    tell: Callable[[str], None]
    log: Callable[[bytes], None]


def check_twice(
    ports: Ports, policy: Policy, project: ProjectIdentity, commit: Commit, scratch: Path, following: Following
) -> Repetition:
    """Build or find the image of a commit, run it twice in fresh workspaces, and compare what the two runs left.

    Nothing is published or rehearsed; whatever ends this ends its runs too.

    Raises:
        Invalid: something in the commit would stop a publication, or it runs nothing.
        RunFailed: the analysis ended badly.
        Permanent, Temporary: what the engines answered.
    """
    source, _ = resolve(ports, policy, project, commit, Kind.REHEARSAL, scratch, following.tell)
    key = f"twice-{commit.sha[:16]}"
    facts = Facts(publication=key, source=source, tagstone=__version__)
    rules = manifest_of(facts).outputs.made
    if not rules:
        raise Invalid("This manifest makes no outputs that could be compared.", remedy="Add `run` and `outputs` to it.")
    facts = replace(facts, image=_image(ports, source, key, scratch, following, policy.channels))
    several = plan(facts, key)
    if several:
        following.tell(f"of {len(several)} runs the first is tried: {several[0].combination}")
    spec = several[0].spec if several else run_spec(facts)
    began = ports.clock.now()
    first = _run(ports, policy, facts, spec, f"{key}-1", following)
    following.pause(max(0.0, _APART - (ports.clock.now() - began)))
    second = _run(ports, policy, facts, spec, f"{key}-2", following)
    return _compared(ports, rules, first, second)


def _image(ports: Ports, source: SourceFacts, key: str, scratch: Path, following: Following, channels: Channels) -> ImageFacts:
    plan = building.plan(ports, source, channels)
    environment = building.find_environment(ports.registry, plan)
    if environment is None:
        following.tell("building the environment; what it says:")
        polls, pause, log = following.polls(), following.pause, following.log
        environment = build_environment(ports, plan, key, scratch, polls, pause, log, remedy=_MEND)
    image = building.write_image(ports, environment, plan, source, scratch)
    return ImageFacts(image, plan.key, plan.recipe.bases, environment.packages, builder="none", built=False)


def _run(ports: Ports, policy: Policy, facts: Facts, spec: RunSpec, key: str, following: Following) -> list[OutputFile]:
    runner, began = ports.runner, ports.clock.now()
    following.tell(f"run {key[-1]} of 2; what it says:")
    runner.remove(key)
    try:
        run_to_its_end(runner, key, spec, facts.publication, following.polls(), following.pause, following.log)
        found = runner.collect(key, output_rules(facts, policy))
    finally:
        runner.remove(key)
    left = "1 output" if len(found) == 1 else f"{len(found)} outputs"
    following.tell(f"run {key[-1]} of 2 left {left} after {format_seconds(ports.clock.now() - began)}")
    return found


def _compared(ports: Ports, rules: Sequence[Output], first: list[OutputFile], second: list[OutputFile]) -> Repetition:
    comparison = compare_outputs(ports, rules, first, second, None)
    advised = [_advised(ports, change) for change in comparison.changes]
    changes = tuple(change for change, _ in advised)
    return Repetition(replace(comparison, changes=changes), tuple(advice for _, advice in advised))


def _advised(ports: Ports, change: Change) -> tuple[Change, Advice]:
    one, two = change.recorded, change.found
    if one is None or two is None:
        return change, advise_missing(change)
    return advise(change, lambda rule: deviation_of(ports, one, two, rule, None))
