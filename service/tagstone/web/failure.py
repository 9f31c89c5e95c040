"""What a failed publication's page says: what happened in plain words, where, what to change, and the line of the log to read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tagstone.domain.publications.publication import Step
from tagstone.domain.runs.run import Outcome
from tagstone.store.tables import Publication

_BEFORE, _AFTER = 10, 5
# What says most comes first; of equal ones the last line counts, since what breaks is what is written last.
_TELLING = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"^\s*(?:\w+\.)*\w+(?:Error|Exception|Interrupt)(?::|$)", 0),
        (r"^(?:E: |ERROR\b|fatal\b|error\b)|\b(?:fatal )?error:", re.IGNORECASE),
        (
            r"no such file|not found|permission denied|undefined reference|segmentation fault|killed|cannot |could not ",
            re.IGNORECASE,
        ),
        (r"^Error\b|\bfailed\b|\baborted\b", re.IGNORECASE),
    )
)
# What an engine or a program says after all is over: true, but not the cause.
_ECHO = re.compile(
    r"^Error: (?:building at STEP|while running runtime|subprocess exited)|exit (?:status|code) \d+\.?$|returned a non-zero code"
)
_CHANGE = "Change it, commit, and tag the new commit: what was published once stays, what failed gives way."
_KINDS: dict[str, tuple[str, str]] = {
    Outcome.OUT_OF_MEMORY: ("It ran out of memory", "The analysis needed more memory than `run: resources: memory` asks for. Ask for more, or let it hold less at a time."),
    Outcome.TIME_LIMIT: ("It ran out of time", "The analysis was still running when `run: resources: time` was over. Ask for more, or give it less to do."),
    Outcome.DISK_LIMIT: ("It filled its disk", "The analysis wrote more than `run: resources: disk` asks for. Ask for more, or remove files on the way."),
    Outcome.FAILED: ("The analysis ended with an error", "The command came back with an exit code that is not 0. Its own words are in the log; try it on your machine with `tagstone rehearse`."),
    Outcome.STOPPED: ("The run was stopped", "Somebody or something ended it from outside."),
    Outcome.IMAGE: ("The image could not be started", "The engine did not find the program, or could not start it in this image. Look at `run: command` and at what the environment installs."),
    Outcome.UNSCHEDULABLE: ("The cluster has no room for it", "No node of the cluster has what `run: resources` asks for. `tagstone check --cluster` says what is the nearest that would fit."),
    Outcome.REFUSED: ("The cluster would not take it", "A rule of the cluster forbids the run: a quota, a limit, or what may run there. Its own words are above."),
    Outcome.HARDWARE: ("It did not get the hardware it asked for", "What was really there is less than `run: resources` asks for, so nothing that came of it would be what was meant."),
    Outcome.DISRUPTED: ("What it ran on was taken away", "It was begun again several times. The analysis did nothing wrong."),
    Outcome.ENGINE: ("The engine had trouble", "The container engine of this server broke, not the analysis."),
    "temporary": ("Something outside did not answer", "It was tried several times. When it is back, the publication can be taken up where it stopped."),
    "forbidden": ("It is not allowed here", "A rule of this site forbids it; its operator can say why."),
    "tagstoneerror": ("Tagstone itself broke", "This is a defect of the service, not of your repository. Please report it to the operator."),
}  # fmt: skip
_STEPS: dict[str, tuple[str, str]] = {
    Step.RESOLVE: ("The repository needs a correction", "Something in the tagged commit does not fit. `tagstone check` finds all of it at once on your machine."),
    Step.BUILD: ("The image could not be built", "A package or a command of the environment failed. The likely line of the log is marked below."),
    Step.COLLECT: ("The outputs could not be kept", "The run ended well, but what it left does not fit to `outputs`."),
    Step.BUNDLE: ("The bundle could not be made", "Something that would be archived for ever may not be."),
}  # fmt: skip
_OUTSIDE = frozenset(("temporary", "tagstoneerror", Outcome.ENGINE, Outcome.DISRUPTED, Outcome.STOPPED, Outcome.UNSCHEDULABLE))


@dataclass(frozen=True)
class Excerpt:
    """The lines of a log around the telling one, which is `marked` (None: no line tells more than others)."""

    title: str
    before: str
    marked: str | None
    after: str


@dataclass(frozen=True)
class Failure:
    """Everything that the page says of a failure; `again` is True where trying again may help without a change."""

    title: str
    explanation: str
    again: bool
    change: str
    excerpt: Excerpt | None


def explain(row: Publication, step: str | None, logs: Sequence[tuple[str, str, str]]) -> Failure | None:
    """What to say of `row` at its failed `step`; `logs` are source, title and last lines. None unless it failed."""
    if row.state != "failed":
        return None
    kind = row.error_kind or ""
    title, explanation = _KINDS.get(kind) or _STEPS.get(step or "") or ("It could not be published", "")
    again = kind in _OUTSIDE
    wanted = step if step in (Step.BUILD, Step.RUN) else None
    excerpt = next((_excerpt(name, text) for source, name, text in logs if wanted and source.startswith(f"{wanted}-")), None)
    return Failure(title, explanation, again, "" if again else _CHANGE, excerpt)


def telling_line(lines: Sequence[str]) -> int | None:
    """The number of the line that most likely says what broke."""
    for pattern in _TELLING:
        for number in range(len(lines) - 1, -1, -1):
            line = lines[number][:2000]
            if pattern.search(line) and not _ECHO.search(line):
                return number
    return None


def _excerpt(title: str, text: str) -> Excerpt | None:
    lines = text.split("\n")
    number = telling_line(lines)
    if number is None:
        return None
    before, after = lines[max(0, number - _BEFORE) : number], lines[number + 1 : number + 1 + _AFTER]
    return Excerpt(title, "".join(f"{line}\n" for line in before), lines[number], "".join(f"\n{line}" for line in after))
