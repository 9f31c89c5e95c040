"""How a publication is described to depositories and in its bundle."""

from tagstone.actions.run import manifest_of
from tagstone.domain.citations.citation import citation_with, parse_citation
from tagstone.domain.citations.cited_works import cited_works
from tagstone.domain.citations.citing import metadata_for
from tagstone.domain.deposits.deposit import DepositMetadata
from tagstone.domain.publications.record import Facts
from tagstone.domain.reading.faults import raise_faults
from tagstone.errors import Permanent


def describe(facts: Facts) -> tuple[DepositMetadata, str]:
    """The metadata of a publication, and its CITATION.cff with the identifier in it (a rehearsal's has none).

    Raises:
        Invalid: the recorded citation or manifest cannot be read.
    """
    citation, faults = parse_citation(facts.citation)
    raise_faults(faults, "The recorded citation cannot be read")
    if citation is None:
        raise Permanent("The recorded citation is empty.", remedy="Publish the tag again.")
    manifest = manifest_of(facts)
    added = tuple(work for one in reversed(facts.amendments) for work in one.related)
    works = (*added, *(work.related for work in manifest.related), *cited_works(facts.citation))
    metadata = metadata_for(facts, citation, works, manifest.deposit)
    if facts.doi is None:
        return metadata, facts.citation
    source = facts.source
    text = citation_with(facts.citation, doi=facts.doi, version=metadata.version, date=metadata.date, swhid=source.swhid)
    return metadata, text
