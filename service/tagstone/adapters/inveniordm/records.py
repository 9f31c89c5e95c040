"""InvenioRDM's drafts and records as our deposits."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tagstone.adapters.inveniordm.answers import JsonObject, clean, field_faults, objects, part, strange, word
from tagstone.domain.deposits.deposit import Deposit, DepositState
from tagstone.errors import Invalid, NotFound

_ID = re.compile(r"[A-Za-z0-9]{1,40}(?:-[A-Za-z0-9]{1,40}){0,8}")
_DOI = re.compile(r"10\.[0-9.]{2,20}/[!-~]{1,200}")
_STATES = {"in_review": DepositState.SUBMITTED, "submitted": DepositState.SUBMITTED, "declined": DepositState.DECLINED}
_HARMLESS = ("missing uploaded files", "files.default_preview:", "custom_fields.code:coderepository: unknown field")
"""What a draft has later, and what not every site has: it is left out there."""


@dataclass(frozen=True)
class Reading:
    """How one depository's records are read: its configured name, its address, and whether its DOIs are registered."""

    name: str
    root: str
    registered: bool

    def deposit(self, document: JsonObject) -> Deposit:
        """A draft or record. Raises: Permanent for what is neither."""
        identifier, parent = word(document, "id"), part(document, "parent")
        series, index = word(parent, "id"), part(document, "versions").get("index")
        if not identifier or not _ID.fullmatch(identifier) or not series or not _ID.fullmatch(series):
            raise strange("its answer is no record")
        published = document.get("is_published") is True
        status = clean(document.get("status"))
        return Deposit(
            id=identifier,
            state=DepositState.PUBLISHED if published else _STATES.get(status, DepositState.DRAFT),
            doi=_doi(document),
            concept_doi=_doi(parent),
            series=series,
            version_index=index if isinstance(index, int) else 1,
            url=self._page(document, identifier, published=published),
            registered=self.registered,
            depository=self.name,
        )

    def without(self, deposit_id: str, state: DepositState) -> Deposit:
        """What is left to say of a deposit that is missing or withdrawn."""
        url = f"{self.root}/records/{deposit_id}" if state is DepositState.WITHDRAWN else ""
        return Deposit(deposit_id, state, None, None, "", 0, url, registered=self.registered, depository=self.name)

    def _page(self, document: JsonObject, identifier: str, *, published: bool) -> str:
        said = word(part(document, "links"), "record_html" if published else "self_html") or word(
            part(document, "links"), "self_html"
        )
        if said and len(said) < 1000 and said.isprintable() and urlsplit(said).scheme in ("http", "https"):
            return said
        return f"{self.root}/{'records' if published else 'uploads'}/{identifier}"


def publications_of(document: JsonObject) -> frozenset[str]:
    """The identifiers in a draft's or record's metadata by which publications find theirs."""
    found = (word(item, "identifier") for item in objects(part(document, "metadata"), "identifiers"))
    return frozenset(text for text in found if text and text.startswith("urn:uuid:"))


def checked_id(identifier: str) -> str:
    """An identifier that may stand in an address. Raises: NotFound for what no server gives out."""
    if not _ID.fullmatch(identifier):
        raise NotFound(f"There is no deposit {identifier[:40]!r}.", remedy="Ask for an identifier that the depository gave.")
    return identifier


def refuse_faults(document: JsonObject) -> JsonObject:
    """The draft as it was saved. Raises: Invalid for what the server has saved but would not publish."""
    faults = tuple(fault for fault in field_faults(document) if not any(one in fault.lower() for one in _HARMLESS))
    if faults:
        raise Invalid(
            f"The depository does not take the metadata: {'; '.join(faults)}",
            remedy="Correct CITATION.cff or tagstone.yml in what it names, and publish again.",
            faults=faults,
        )
    return document


def _doi(document: JsonObject) -> str | None:
    doi = word(part(document, "pids", "doi"), "identifier")
    return doi if doi and _DOI.fullmatch(doi) else None
