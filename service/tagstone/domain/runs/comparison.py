"""Two runs' outputs side by side: identical by checksum, equivalent within the declared tolerances, or different."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tagstone.domain.manifests.sections import Output
from tagstone.domain.reading.globs import matches
from tagstone.domain.runs.hardware import format_bytes
from tagstone.domain.runs.run import OutputFile


class Verdict(StrEnum):
    """What is said of two sets of outputs: equal bytes, equal values within the tolerances, or neither."""

    IDENTICAL = "identical"
    EQUIVALENT = "equivalent"
    DIFFERENT = "different"


class ChangeKind(StrEnum):
    """What happened to an output in the second run."""

    EQUIVALENT = "equivalent"
    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"


@dataclass(frozen=True)
class Deviation:
    """How far apart the values of two files are.

    `beyond` is the number of places that are outside the tolerance; `largest` the largest difference of two numbers (pixels:
    on the scale 0 to 255), `relative` the largest one divided by what was recorded (infinite where that is 0); both None
    where no numbers differ. `notes` name the worst place first, for people. `problem` says why nothing could be compared.
    """

    beyond: int = 0
    largest: float | None = None
    relative: float | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def within(self) -> bool:
        """True when all values are equal within the tolerance."""
        return not self.beyond and not self.problem

    def lines(self) -> list[str]:
        """What there is to say, for people."""
        if self.problem:
            return [f"could not be compared: {self.problem}"]
        return [self._summary(), *self.notes]

    def as_json(self) -> dict[str, object]:
        """The same for programs; numbers that JSON cannot write are None."""
        numbers = {
            name: value if value is not None and math.isfinite(value) else None
            for name, value in (("largest", self.largest), ("relative", self.relative))
        }
        return {"beyond": self.beyond, **numbers, "notes": list(self.notes), "problem": self.problem or None}

    def _summary(self) -> str:
        amount = "" if self.largest is None else f"; the largest difference of two numbers is {self.largest:.3g}"
        if self.relative is not None and math.isfinite(self.relative):
            amount += f" (relative: {self.relative:.3g})"
        if not self.beyond:
            return f"all values are within the tolerance{amount}"
        return f"{self.beyond} {'value differs' if self.beyond == 1 else 'values differ'} by more than is allowed{amount}"


@dataclass(frozen=True)
class Change:
    """One output whose bytes are not the same; `recorded` is None when it was added, `found` when it is missing.

    `rule` is the declared one that the output falls under, `deviation` what comparing by value found, None for bytes.
    """

    path: str
    kind: ChangeKind
    recorded: OutputFile | None
    found: OutputFile | None
    rule: Output | None = None
    deviation: Deviation | None = None

    def __str__(self) -> str:
        how = f" by {self.rule.compare}" if self.rule and self.rule.compare != "bytes" else ""
        head = f"{self.kind}{how}: {self.path!r} ({_sizes(self.recorded, self.found)})"
        return "\n    ".join([head, *(self.deviation.lines() if self.deviation else [])])


@dataclass(frozen=True)
class Comparison:
    """What a second run left, beside what was recorded; all lists are sorted by path."""

    same: tuple[str, ...]
    equivalent: tuple[Change, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """One word for all of it."""
        if self.changes:
            return Verdict.DIFFERENT
        return Verdict.EQUIVALENT if self.equivalent else Verdict.IDENTICAL

    def as_text(self) -> str:
        """The answer for people: one word, then each output whose bytes are not the same."""
        total = len(self.same) + len(self.equivalent) + sum(change.recorded is not None for change in self.changes)
        apart = f", {len(self.equivalent)} more are equal within the declared tolerances" if self.equivalent else ""
        heads = {
            Verdict.IDENTICAL: f"all {total} outputs have the recorded checksums"
            if total
            else "the run ended well again; it has no outputs to compare",
            Verdict.EQUIVALENT: f"{len(self.same)} of {total} outputs have the recorded checksums{apart}",
            Verdict.DIFFERENT: f"{len(self.same)} of {total} outputs have the recorded checksums{apart}",
        }
        lines = [f"  {change}" for change in (*self.changes, *self.equivalent)]
        return "\n".join([f"{self.verdict}: {heads[self.verdict]}", *lines])

    def as_json(self) -> dict[str, object]:
        """The answer for programs."""
        changes = sorted((*self.changes, *self.equivalent), key=lambda change: change.path)
        return {"result": self.verdict.value, "same": list(self.same), "changes": [_change_json(change) for change in changes]}


ByValue = Callable[[OutputFile, OutputFile, Output], Deviation]
"""Compares two files by the values in them, as the rule says."""


def compare(
    recorded: Sequence[OutputFile], found: Sequence[OutputFile], rules: Sequence[Output] = (), by_value: ByValue | None = None
) -> Comparison:
    """Compare the outputs of two runs by path and sha256; where bytes differ, by the first rule that matches the path."""
    before = {output.path: output for output in recorded}
    after = {output.path: output for output in found}
    same: list[str] = []
    equivalent: list[Change] = []
    changes: list[Change] = []
    for path in sorted(before.keys() | after.keys()):
        change = _change(path, before.get(path), after.get(path))
        if change is None:
            same.append(path)
            continue
        change = _judged(change, rule_of(path, rules), by_value)
        (equivalent if change.kind is ChangeKind.EQUIVALENT else changes).append(change)
    return Comparison(tuple(same), tuple(equivalent), tuple(changes))


def rule_of(path: str, rules: Sequence[Output]) -> Output | None:
    """The first rule whose glob means this path or a folder above it; None when there is none."""
    above = [path[:at] for at, character in enumerate(path) if character == "/"]
    return next((rule for rule in rules if any(matches(place, [rule.path]) for place in (path, *above))), None)


def _judged(change: Change, rule: Output | None, by_value: ByValue | None) -> Change:
    change = replace(change, rule=rule)
    if change.recorded is None or change.found is None or rule is None or rule.compare == "bytes" or by_value is None:
        return change
    deviation = by_value(change.recorded, change.found, rule)
    return replace(change, kind=ChangeKind.EQUIVALENT if deviation.within else change.kind, deviation=deviation)


def _change(path: str, recorded: OutputFile | None, found: OutputFile | None) -> Change | None:
    if recorded is None:
        return Change(path, ChangeKind.ADDED, None, found)
    if found is None:
        return Change(path, ChangeKind.MISSING, recorded, None)
    if (recorded.sha256, recorded.size) == (found.sha256, found.size):
        return None
    return Change(path, ChangeKind.CHANGED, recorded, found)


def _change_json(change: Change) -> dict[str, object]:
    rule = change.rule
    return {
        "path": change.path,
        "kind": change.kind.value,
        "recorded_sha256": change.recorded.sha256 if change.recorded else None,
        "found_sha256": change.found.sha256 if change.found else None,
        "rule": rule.model_dump() if rule else None,
        "deviation": change.deviation.as_json() if change.deviation else None,
    }


def _sizes(recorded: OutputFile | None, found: OutputFile | None) -> str:
    if recorded and found:
        return f"{format_bytes(recorded.size)} recorded, {format_bytes(found.size)} found"
    one = recorded or found
    return format_bytes(one.size) if one else ""
