"""Where a record goes, as it is known before anything is built."""

from dataclasses import dataclass, field

from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.reading.faults import Fault
from tagstone.domain.runs.hardware import format_bytes

LOCAL = "local"


@dataclass(frozen=True)
class Destination:
    """Where a record goes: `owner` is whose it and its DOI will be, `review` whether a person looks before the release.

    `asked` says whether the depository was there to be asked.
    """

    depository: str
    account: str = ""
    owner: str = ""
    registered: bool = False
    review: bool = False
    limits: Limits = field(default_factory=Limits)
    asked: bool = False
    faults: tuple[Fault, ...] = ()

    def as_text(self) -> str:
        """One or two lines for people."""
        if not self.owner:
            return f"deposit at {self.depository}: nobody knows yet who would own it"
        dois = "with a DOI that is registered for ever" if self.registered else "with a test identifier, not registered"
        named = "" if self.account == self.depository else f" (account {self.account})"
        lines = [f"deposit at {self.depository}, {dois}; its owner is {self.owner}{named}"]
        caps = [f"{self.limits.files} files"] if self.limits.files is not None else []
        caps += [f"{format_bytes(self.limits.bytes)} together"] if self.limits.bytes is not None else []
        caps += [f"{format_bytes(self.limits.file_bytes)} each"] if self.limits.file_bytes is not None else []
        lines += [f"at most {', '.join(caps)}"] if caps else []
        lines += ["a person approves before the release"] if self.review else []
        return "; ".join(lines)

    def as_json(self) -> dict[str, object]:
        """The same for programs; sizes in bytes, null where there is no limit."""
        limits = {"files": self.limits.files, "bytes": self.limits.bytes, "file_bytes": self.limits.file_bytes}
        return {
            "depository": self.depository,
            "account": self.account or None,
            "owner": self.owner or None,
            "registered": self.registered,
            "review": self.review,
            "limits": limits,
            "asked": self.asked,
        }
