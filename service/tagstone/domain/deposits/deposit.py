"""A depository's words: series, draft, record, file."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote


class DepositState(StrEnum):
    """Where a deposit stands at its depository; `submitted` waits for the curators of a community, who publish it."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    DECLINED = "declined"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    MISSING = "missing"

    @property
    def open(self) -> bool:
        """True while files and metadata may still change: a draft, or one that a community declined."""
        return self in (DepositState.DRAFT, DepositState.DECLINED)


@dataclass(frozen=True)
class Deposit:
    """A draft or record as the depository answers it; identifiers are None until they are reserved.

    `registered` is False for test identifiers, which resolve nowhere outside this depository. `url` is where people see it:
    a draft's preview, a record's page. `depository` is the name that manifests call the depository by.
    """

    id: str
    state: DepositState
    doi: str | None
    concept_doi: str | None
    series: str
    version_index: int
    url: str
    registered: bool
    depository: str = "local"


@dataclass(frozen=True)
class DepositFile:
    """A file in a deposit as the depository reports it; `checksum` is `md5:…` or `sha256:…`, `size` in bytes."""

    name: str
    size: int
    checksum: str


@dataclass(frozen=True)
class Limits:
    """What one deposit may hold, sizes in bytes, None: no limit; `empty` says whether files without a byte are taken."""

    files: int | None = None
    bytes: int | None = None
    file_bytes: int | None = None
    empty: bool = True


@dataclass(frozen=True)
class Affiliation:
    """Where a person works; `ror` without its URL."""

    name: str
    ror: str | None = None


@dataclass(frozen=True)
class Creator:
    """A person or an organisation, as citations and depositories name them; `orcid` and `ror` without their URLs.

    `affiliations` are a person's, `ror` is an organisation's own; `url` is a page about the person or organisation.
    """

    name: str
    given: str | None = None
    family: str | None = None
    orcid: str | None = None
    affiliations: tuple[Affiliation, ...] = ()
    organisation: bool = False
    ror: str | None = None
    url: str | None = None

    @property
    def affiliation(self) -> str | None:
        """The names of all affiliations in one text, as CITATION.cff has them; None where there is none."""
        return "; ".join(affiliation.name for affiliation in self.affiliations) or None


@dataclass(frozen=True)
class Publisher:
    """Who publishes at this site; `ror` without its URL, `contact` an e-mail address."""

    name: str = "Tagstone"
    url: str | None = None
    ror: str | None = None
    contact: str | None = None


@dataclass(frozen=True)
class Related:
    """A related identifier with a relation in DataCite's words (lower case), such as `issupplementto`.

    `scheme` is doi, url, arxiv or swh; `kind` what it is, where that is known: software, dataset, article, preprint, …
    """

    identifier: str
    relation: str
    scheme: str = "doi"
    kind: str = ""

    @property
    def address(self) -> str:
        """Where people find it: a web address, whatever the scheme."""
        before = {"doi": "https://doi.org/", "arxiv": "https://arxiv.org/abs/", "swh": "https://archive.softwareheritage.org/"}
        kept = quote(self.identifier, safe="/:-._~") if self.scheme in before else self.identifier
        return before.get(self.scheme, "") + kept


class Access(StrEnum):
    """Who may read the files of a record; its metadata are everybody's, except where all of it is restricted."""

    OPEN = "open"
    EMBARGOED = "embargoed"
    RESTRICTED = "restricted"


@dataclass(frozen=True)
class PartLicence:
    """The SPDX licence of one part of a deposit, where it has its own: `outputs` or `image`."""

    part: str
    licence: str


@dataclass(frozen=True)
class Funding:
    """Who paid: a funder by name or ROR id (without its URL), and the award by number, title or address."""

    funder: str
    ror: str | None = None
    award: str | None = None
    title: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class DepositMetadata:
    """Who and what a deposit is, in neutral words; `date` is ISO 8601. `publication` finds a lost draft again.

    `licences` are those of the code, any of which may be chosen; `description` is text as its author wrote it. `embargo` is
    the day (ISO 8601) from which the files are open. `repository` is the address of the code. `related` are the works that its
    authors name, `stands_on` what it was made of and needs: the tag, the code in it, the image, the input data.
    """

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
    kind: str = "software"
    part_licences: tuple[PartLicence, ...] = ()
    access: Access = Access.OPEN
    embargo: str | None = None
    funding: tuple[Funding, ...] = ()
    community: str | None = None
    repository: str | None = None
    stands_on: tuple[Related, ...] = ()
