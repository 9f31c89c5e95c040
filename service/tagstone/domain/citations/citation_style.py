"""The ways in which a record can be cited, by name."""

from enum import StrEnum


class Format(StrEnum):
    """How a citation is written."""

    BIBTEX = "bibtex"
    APA = "apa"
    CSL_JSON = "csl-json"
    RIS = "ris"
    CFF = "cff"


class Style(StrEnum):
    """A text for a purpose; `availability` is what journals ask for."""

    AVAILABILITY = "availability"
