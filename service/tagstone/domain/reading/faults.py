"""What is wrong with something an author wrote: where, what, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from tagstone.errors import Invalid


@dataclass(frozen=True)
class Fault:
    """One thing to mend; `line` counts from 1 (None: the whole file). A `warning` does not stop a publication."""

    file: str
    message: str
    remedy: str
    line: int | None = None
    warning: bool = False

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.message} {self.remedy}"


def raise_faults(faults: Sequence[Fault], what: str) -> None:
    """Raise one Invalid that carries every fault which is no warning; return when there is none."""
    errors = [fault for fault in faults if not fault.warning]
    if not errors:
        return
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    raise Invalid(f"{what}: {first.file}: {first.message}{more}", remedy=first.remedy, faults=errors)
