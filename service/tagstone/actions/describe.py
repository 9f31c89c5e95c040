"""How a publication is described to depositories and in its bundle."""

from tagstone.actions.run import manifest_of
from tagstone.domain.citation import citation_with, parse_citation
from tagstone.domain.citing import metadata_for
from tagstone.domain.deposit import DepositMetadata
from tagstone.domain.faults import raise_faults
from tagstone.domain.record import Facts
from tagstone.errors import Permanent


def describe(facts: Facts) -> tuple[DepositMetadata, str]:
    """The metadata of a publication, and its CITATION.cff with the identifier in it (a rehearsal's has none).

    Raises:
        Invalid: the recorded citation or manifest cannot be read.
    """
    citation, faults = parse_citation(facts.source.citation)
    raise_faults(faults, "The recorded citation cannot be read")
    if citation is None:
        raise Permanent("The recorded citation is empty.", remedy="Publish the tag again.")
    metadata = metadata_for(facts, citation, tuple(work.related for work in manifest_of(facts).related))
    if facts.doi is None:
        return metadata, facts.source.citation
    return metadata, citation_with(facts.source.citation, doi=facts.doi, version=metadata.version, date=metadata.date)
