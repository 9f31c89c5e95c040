"""What is left of a withdrawn record: who withdrew what, when and why, and how to cite it. Nothing of its bundle is served."""

from dataclasses import dataclass

from tagstone.domain.citations.citing import apa
from tagstone.domain.deposits.deposit import DepositMetadata
from tagstone.domain.publications.record import Facts
from tagstone.store.tables import Publication
from tagstone.web import citations
from tagstone.web.rendering import day


@dataclass(frozen=True)
class Tombstone:
    """Everything that the template of a withdrawn record shows; `newer` are the published versions of its project."""

    row: Publication
    facts: Facts
    metadata: DepositMetadata
    newer: list[Publication]

    @property
    def cited(self) -> str:
        """How to cite what is gone, where that has to be."""
        kind = citations.read(self.facts.citation).type
        return f"{apa(self.metadata, self.facts.deposit, kind)} [Withdrawn on {day(self.row.withdrawn_at or 0.0)}]"
