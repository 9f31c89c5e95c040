"""One line for each thing that has a limit, and the table of them."""

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("what", "ours", "peer", "ratio", "limit", "")


@dataclass(frozen=True)
class Line:
    """What was measured: ours and the peer's in `unit` (None where there is no peer), the limit in words, and whether it holds."""

    what: str
    ours: float
    peer: float | None
    unit: str
    limit: str
    ok: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as texts."""
        ratio = f"{self.ours / self.peer:.2f}" if self.peer else ""
        peer = "" if self.peer is None else _number(self.peer, self.unit)
        return self.what, _number(self.ours, self.unit), peer, ratio, self.limit, "ok" if self.ok else "MISSED"


def table(lines: Sequence[Line]) -> str:
    """The lines below their heads, each column as wide as its widest cell, and a sentence that counts."""
    rows = [COLUMNS, *(line.cells for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    missed = [f"MISSED: {line.what}" for line in lines if not line.ok]
    return "\n".join([*texts, "", *missed, f"{len(lines)} limits: {len(lines) - len(missed)} hold, {len(missed)} missed"])


def exit_code(lines: Sequence[Line]) -> int:
    """0 when every limit holds, else 1."""
    return 0 if all(line.ok for line in lines) else 1


def _number(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"
