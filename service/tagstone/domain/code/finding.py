"""What looks like a secret: where it stands and what it seems to be, never the secret itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tagstone.domain.reading.faults import Fault
from tagstone.errors import Invalid

_SHOWN = 20


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that looks like a secret; `path` is where it would lie in the bundle (`code/…`, `image/…`, `outputs/…`).

    `kind` is one word with hyphens; `fingerprint` tells two secrets in one place apart without saying them.
    """

    path: str
    line: int
    kind: str
    fingerprint: str

    @property
    def name(self) -> str:
        """What `waived_secrets` calls it: it stays when lines before it come and go."""
        return f"{self.path[-400:]}:{self.kind}:{self.fingerprint}"


def judged(findings: Iterable[Finding], waived: Sequence[str]) -> tuple[list[Fault], tuple[str, ...]]:
    """A fault for each finding that nobody answered for, and the names of those that somebody did."""
    known = {finding.name: finding for finding in sorted(findings, reverse=True)}
    open_ = sorted(finding for name, finding in known.items() if name not in waived)
    faults = [_fault(finding) for finding in open_[:_SHOWN]]
    if len(open_) > _SHOWN:
        more = f"There are {len(open_) - _SHOWN} more findings like these."
        faults.append(Fault(open_[_SHOWN].path, more, "Remove and revoke them, or waive each by its name."))
    return faults, tuple(sorted(name for name in known if name in waived))


def refuse_secrets(findings: Iterable[Finding], waived: Sequence[str]) -> tuple[str, ...]:
    """The names of findings that were waived. Raises: Invalid with every finding that was not."""
    faults, used = judged(findings, waived)
    if faults:
        names = ", ".join(fault.file if fault.line is None else f"{fault.file}:{fault.line}" for fault in faults[:3])
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise Invalid(
            f"What looks like a secret would be published: {names}{more}.",
            remedy="Remove each and revoke it, since others may have seen it; what is none is waived by its name in `waived_secrets`.",
            faults=faults,
        )
    return used


def _fault(finding: Finding) -> Fault:
    return Fault(
        finding.path,
        f"This looks like a secret ({finding.kind}).",
        f"Remove it and revoke it; if it is none, add {finding.name} to `waived_secrets` in tagstone.yml.",
        finding.line,
    )
