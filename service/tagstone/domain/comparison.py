"""Two sets of outputs, compared by checksum: identical, or different with the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tagstone.domain.hardware import format_bytes
from tagstone.domain.run import OutputFile


class ChangeKind(StrEnum):
    """What happened to an output in the second run."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"


@dataclass(frozen=True)
class Change:
    """One output that is not the same; `recorded` is None when it was added, `found` when it is missing."""

    path: str
    kind: ChangeKind
    recorded: OutputFile | None
    found: OutputFile | None

    def __str__(self) -> str:
        return f"{self.kind}: {self.path!r} ({_sizes(self.recorded, self.found)})"


@dataclass(frozen=True)
class Comparison:
    """What a second run left, beside what was recorded; both lists are sorted by path."""

    same: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def identical(self) -> bool:
        """True when every output is there with its recorded checksum, and nothing else is."""
        return not self.changes

    def as_text(self) -> str:
        """The answer for people: one word, then one line for each output that differs."""
        if self.identical:
            return f"identical: all {len(self.same)} outputs have the recorded checksums"
        total = len(self.same) + sum(change.recorded is not None for change in self.changes)
        head = f"different: {len(self.same)} of {total} outputs have the recorded checksums"
        return "\n".join([head, *(f"  {change}" for change in self.changes)])

    def as_json(self) -> dict[str, object]:
        """The answer for programs."""
        return {
            "result": "identical" if self.identical else "different",
            "same": list(self.same),
            "changes": [
                {
                    "path": change.path,
                    "kind": change.kind.value,
                    "recorded_sha256": change.recorded.sha256 if change.recorded else None,
                    "found_sha256": change.found.sha256 if change.found else None,
                }
                for change in self.changes
            ],
        }


def compare(recorded: Sequence[OutputFile], found: Sequence[OutputFile]) -> Comparison:
    """Compare the outputs of two runs by path and sha256."""
    before = {output.path: output for output in recorded}
    after = {output.path: output for output in found}
    same, changes = [], []
    for path in sorted(before.keys() | after.keys()):
        change = _change(path, before.get(path), after.get(path))
        if change is None:
            same.append(path)
        else:
            changes.append(change)
    return Comparison(tuple(same), tuple(changes))


def _change(path: str, recorded: OutputFile | None, found: OutputFile | None) -> Change | None:
    if recorded is None:
        return Change(path, ChangeKind.ADDED, None, found)
    if found is None:
        return Change(path, ChangeKind.MISSING, recorded, None)
    if (recorded.sha256, recorded.size) == (found.sha256, found.size):
        return None
    return Change(path, ChangeKind.CHANGED, recorded, found)


def _sizes(recorded: OutputFile | None, found: OutputFile | None) -> str:
    if recorded and found:
        return f"{format_bytes(recorded.size)} recorded, {format_bytes(found.size)} found"
    one = recorded or found
    return format_bytes(one.size) if one else ""
