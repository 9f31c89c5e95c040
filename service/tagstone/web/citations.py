"""Citations of records, read once for each text: a page of the catalogue needs many."""

from functools import lru_cache

from tagstone.domain.citation import Citation, parse_citation


@lru_cache(maxsize=4096)
def read(text: str) -> Citation:
    """The citation in a record's facts; one that cannot be read any more is empty, so that the page still stands."""
    citation, _ = parse_citation(text)
    return citation or Citation(title="", authors=())
