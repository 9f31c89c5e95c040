"""Where an input's file can be had again."""

from urllib.parse import quote

from tagstone.domain.publications.record import InputFacts

_ZENODO = "10.5281/zenodo."


def address(given: InputFacts) -> str:
    """The input's address for people and programs: its own, else its record's; empty where only a path was given."""
    if given.source.startswith("https://"):
        return given.source
    return f"https://doi.org/{quote(given.doi, safe='/')}" if given.doi else ""


def download(given: InputFacts) -> str:
    """The address that a download tool can be handed, empty where there is none that we know of."""
    if given.source.startswith("https://"):
        return given.source
    record = (given.doi or "").removeprefix(_ZENODO)
    if given.doi and given.doi.startswith(_ZENODO) and record.isascii() and record.isdigit():
        return f"https://zenodo.org/records/{record}/files/{quote(file_name(given), safe='')}"
    return ""


def file_name(given: InputFacts) -> str:
    """The name of the file in the record with the input's DOI."""
    return given.source.split("/", 2)[-1] if given.source.startswith("doi:") else given.path.rpartition("/")[2]
