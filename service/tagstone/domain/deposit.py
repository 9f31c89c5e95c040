"""A depository's words: series, draft, record, file."""

from dataclasses import dataclass
from enum import StrEnum


class DepositState(StrEnum):
    """Where a deposit stands at its depository."""

    DRAFT = "draft"
    PUBLISHED = "published"
    MISSING = "missing"


@dataclass(frozen=True)
class Deposit:
    """A draft or record as the depository answers it; identifiers are None until they are reserved.

    `registered` is False for test identifiers, which resolve nowhere outside this depository.
    """

    id: str
    state: DepositState
    doi: str | None
    concept_doi: str | None
    series: str
    version_index: int
    url: str
    registered: bool


@dataclass(frozen=True)
class DepositFile:
    """A file in a deposit as the depository reports it; `checksum` is `md5:…` or `sha256:…`, `size` in bytes."""

    name: str
    size: int
    checksum: str


@dataclass(frozen=True)
class Creator:
    """A person or an organisation, as citations and depositories name them; `orcid` without its URL."""

    name: str
    given: str | None = None
    family: str | None = None
    orcid: str | None = None
    affiliation: str | None = None
    organisation: bool = False


@dataclass(frozen=True)
class Related:
    """A related identifier with a relation in DataCite's words (lower case), such as `issupplementto`."""

    identifier: str
    relation: str
    scheme: str = "doi"


@dataclass(frozen=True)
class DepositMetadata:
    """Who and what a deposit is, in neutral words; `date` is ISO 8601. `publication` finds a lost draft again."""

    publication: str
    title: str
    version: str
    date: str
    creators: tuple[Creator, ...]
    licences: tuple[str, ...]
    description: str = ""
    keywords: tuple[str, ...] = ()
    related: tuple[Related, ...] = ()
    publisher: str = "Tagstone"
