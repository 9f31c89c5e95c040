"""How a publication stands, as a service tells those who are not in its database (`/api/v1/publications/ID`)."""

from dataclasses import dataclass

from tagstone.domain.publications.publication import State, Step


@dataclass(frozen=True)
class OutsideView:
    """One look at a publication; texts are None where there is nothing to say. `image` is a reference by digest.

    `address` is where people look.
    """

    id: str
    state: State
    address: str
    step: str | None = None
    waiting: str | None = None
    error: str | None = None
    remedy: str | None = None
    doi: str | None = None
    concept_doi: str | None = None
    record: str | None = None
    image: str | None = None

    @property
    def rests(self) -> bool:
        """True while it waits for a person: that may take days, and nothing is gained by looking on."""
        return self.state.active and bool(self.waiting) and self.step == Step.REVIEW

    @property
    def ended(self) -> bool:
        """True when it will not go on by itself."""
        return not self.state.active

    @property
    def line(self) -> str:
        """How it stands, in one line for people."""
        parts = [str(self.state), self.step if self.state.active else None, self.waiting if self.state.active else None]
        return ", ".join(part for part in parts if part)
