"""Citations of records: read once for each text, written as the page shows them and as reference managers take them."""

from dataclasses import dataclass
from functools import lru_cache

from tagstone.domain.citations.availability import availability, software_line
from tagstone.domain.citations.citation import Citation, parse_citation
from tagstone.domain.citations.citation_style import Format
from tagstone.domain.citations.citing import apa, bibtex
from tagstone.domain.deposits.deposit import DepositMetadata
from tagstone.domain.publications.record import Facts

# Formats that are saved as a file: the ending of its name, and its media type.
FILES = {
    Format.BIBTEX: (".bib", "application/x-bibtex"),
    Format.RIS: (".ris", "application/x-research-info-systems"),
    Format.CSL_JSON: (".csl.json", "application/vnd.citationstyles.csl+json"),
    Format.CFF: (".cff", "application/yaml"),
}


@dataclass(frozen=True)
class Cited:
    """One way to cite: `prose` is for people, else it is code."""

    id: str
    name: str
    text: str
    prose: bool = False


@lru_cache(maxsize=1024)
def read(text: str) -> Citation:
    """The citation in a record's facts; one that cannot be read any more is empty, so that the page still stands."""
    citation, _ = parse_citation(text)
    return citation or Citation(title="", authors=())


def cited(facts: Facts, metadata: DepositMetadata) -> list[Cited]:
    """The record cited in every way that the page shows; nothing for a rehearsal."""
    deposit = facts.deposit
    if deposit is None or deposit.doi is None or facts.rehearses:
        return []
    kind = read(facts.citation).type
    return [
        Cited("apa", "Sentence", apa(metadata, deposit, kind), prose=True),
        Cited("bibtex", "BibTeX", bibtex(metadata, deposit, kind)),
        Cited("availability", "For a paper", f"{availability(facts, metadata, deposit)}\n\n{software_line(metadata)}"),
    ]
