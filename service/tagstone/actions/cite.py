"""Cite a published record: for reference managers and for journals, always by the DOI of this very version."""

import json

from tagstone.actions.describe import describe
from tagstone.domain.citations.availability import availability, software_line
from tagstone.domain.citations.citation import parse_citation
from tagstone.domain.citations.citation_style import Format, Style
from tagstone.domain.citations.citing import NOT_REGISTERED, apa, bibtex
from tagstone.domain.citations.citing_formats import csl, ris
from tagstone.domain.deposits.deposit import Deposit
from tagstone.domain.publications.record import Facts
from tagstone.errors import Conflict


def cite(facts: Facts, wanted: Format | Style) -> str:
    """The citation as text. Raises: Conflict for a rehearsal, which has nothing to be cited by."""
    deposit = _deposit(facts)
    metadata, cff = describe(facts)
    citation, _ = parse_citation(facts.citation)
    kind = citation.type if citation else "software"
    match wanted:
        case Format.BIBTEX:
            return bibtex(metadata, deposit, kind)
        case Format.APA:
            return apa(metadata, deposit, kind) + "\n"
        case Format.CSL_JSON:
            return json.dumps([csl(metadata, deposit, kind)], indent=2, ensure_ascii=False) + "\n"
        case Format.RIS:
            return ris(metadata, deposit, kind)
        case Format.CFF:
            return cff if deposit.registered else f"# The DOI is a {NOT_REGISTERED}.\n{cff}"
        case Style.AVAILABILITY:
            paragraph = availability(facts, metadata, deposit)
            return f"{paragraph}\n\n{software_line(metadata)}\n\n{bibtex(metadata, deposit, kind)}"


def _deposit(facts: Facts) -> Deposit:
    if facts.deposit is None or facts.deposit.doi is None or facts.rehearses:
        raise Conflict(
            f"{facts.publication} has no identifier that stays: a rehearsal cannot be cited.",
            remedy="Publish a tag with `tagstone publish REPO --tag TAG`, and cite that.",
        )
    return facts.deposit
