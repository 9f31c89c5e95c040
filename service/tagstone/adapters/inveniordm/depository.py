"""Drafts, reserved DOIs, releases."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from tagstone.adapters.inveniordm.answers import JsonObject, Question, objects, part, word
from tagstone.adapters.inveniordm.client import Client
from tagstone.adapters.inveniordm.metadata import publication_identifier, record_json, wanted
from tagstone.adapters.inveniordm.records import Reading, checked_id, publications_of, refuse_faults
from tagstone.adapters.inveniordm.vocabularies import Vocabularies
from tagstone.domain.deposits.deposit import Deposit, DepositMetadata, DepositState
from tagstone.errors import Conflict, Invalid, NotFound, TagstoneError
from tagstone.ports import Clock

_PREVIEW = "README.md"  # taken once it is there: what is described after the upload has it
_PAGE = 100
_PAGES = 50
_PAUSES = (0.0, 1.0, 3.0, 6.0)  # a new draft is in the server's index a little later
PUBLISHING = 300.0  # seconds above the usual that a release may take: the server registers DOIs and copies lists


class InvenioDepository:
    """Depository of one account; `pauses` are waited before each look for a lost draft, in seconds."""

    def __init__(
        self,
        client: Client,
        reading: Reading,
        vocabularies: Vocabularies,
        clock: Clock,
        *,
        pauses: tuple[float, ...] = _PAUSES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._reading = reading
        self._vocabularies = vocabularies
        self._clock = clock
        self._pauses = pauses
        self._sleep = sleep

    @property
    def name(self) -> str:
        """What manifests and records call it."""
        return self._reading.name

    def draft(self, metadata: DepositMetadata, series: str | None, *, lost: bool = True) -> Deposit:
        """The publication's deposit: looked for where an answer may have been lost, else made.

        Raises: Conflict when the series has another's draft, NotFound for an unknown series, Invalid.
        """
        # A series hands out its one draft by itself; a look is for what has become a record, which is in the index by then.
        pauses = self._pauses if series is None else (0.0,)
        found = self._lost(metadata, pauses) if lost else None
        if found is not None:
            return found
        if series is not None:
            return self._next_version(metadata, series)
        document = self._client.ask("POST", "/records", self.json(metadata), allowed=(201,)).document()
        try:
            refuse_faults(document)
        except Invalid:
            with suppress(TagstoneError):  # what is wrong matters more than a draft too many
                self.discard(self._reading.deposit(document).id)
            raise
        return self._reading.deposit(document)

    def reserve(self, deposit_id: str) -> Deposit:
        """Reserve the draft's DOI; asked again it is the same one. Raises: NotFound, Conflict when published."""
        path = self._draft_path(deposit_id)
        with self.of_draft(deposit_id):
            answer = self._client.ask("POST", f"{path}/pids/doi", allowed=(201, 400))
            if answer.status == 400:  # it has one already: the draft says which
                answer = self._client.get(path)
        deposit = self._reading.deposit(answer.document())
        if deposit.doi is None:
            raise Conflict(
                f"The depository reserves no DOI for {deposit_id}.", remedy="Look at the draft there, then `tagstone retry`."
            )
        return deposit

    def describe(self, deposit_id: str, metadata: DepositMetadata) -> None:
        """Replace the draft's metadata; its DOI stays. Raises: NotFound, Conflict when published, Invalid with every field."""
        with self.of_draft(deposit_id):
            answer = self._client.ask("PUT", self._draft_path(deposit_id), self.json(metadata), allowed=(200,))
        refuse_faults(answer.document())

    def publish(self, deposit_id: str) -> None:
        """Ask once. Raises: whatever the server answered; only a look tells what is true."""
        path = f"{self._draft_path(deposit_id)}/actions/publish"
        self._client.ask("POST", path, allowed=(202,), patience=PUBLISHING, question=Question.ONCE)

    def find(self, deposit_id: str) -> Deposit:
        """The deposit as it stands: the record, else the draft, else `missing`."""
        try:
            identifier = checked_id(deposit_id)
        except NotFound:
            return self._reading.without(deposit_id, DepositState.MISSING)
        record = self._client.get(f"/records/{identifier}", allowed=(200, 404, 410))
        if record.status == 200:
            return self._reading.deposit(record.document())
        if record.status == 410:
            return self._reading.without(identifier, DepositState.WITHDRAWN)
        draft = self._client.get(f"/records/{identifier}/draft", allowed=(200, 404, 410))
        if draft.status == 200:
            return self._reading.deposit(draft.document())
        return self._reading.without(identifier, DepositState.MISSING)

    def discard(self, deposit_id: str) -> None:
        """Remove a draft, its reserved DOI and its question to a community; nothing there is no error. Raises: Conflict."""
        deposit = self.find(deposit_id)
        if deposit.state in (DepositState.PUBLISHED, DepositState.WITHDRAWN):
            raise _published(deposit_id)
        if deposit.state is DepositState.SUBMITTED:
            self._take_back(deposit_id)
        if deposit.state is not DepositState.MISSING:
            self._client.ask("DELETE", self._draft_path(deposit_id), allowed=(204, 404, 410))

    def json(self, metadata: DepositMetadata) -> JsonObject:
        """The metadata as this site's drafts have them."""
        known = self._vocabularies.known(self._client, wanted(metadata))
        today = datetime.fromtimestamp(self._clock.now(), UTC).date().isoformat()
        return record_json(metadata, known, today=today, preview=_PREVIEW)

    @contextmanager
    def of_draft(self, deposit_id: str) -> Iterator[None]:
        """Say Conflict instead of NotFound where what is asked of a draft is answered 404 since it is a record by now."""
        try:
            yield
        except NotFound:
            if self.find(deposit_id).state in (DepositState.PUBLISHED, DepositState.WITHDRAWN):
                raise _published(deposit_id) from None
            raise

    def _next_version(self, metadata: DepositMetadata, series: str) -> Deposit:
        """The draft after a series' newest record. The server hands out the one that is there, whoever's it is."""
        own = publication_identifier(metadata.publication)
        answer = self._client.get(f"/records/{_series(series)}/versions/latest", allowed=(200, 404, 410))
        if answer.status != 200:
            raise _no_series(series)
        latest = answer.document()
        if own in publications_of(latest):
            return self._reading.deposit(latest)
        record = self._reading.deposit(latest).id
        document = self._client.ask("POST", f"/records/{record}/versions", allowed=(201,)).document()
        # A fresh draft has its record's metadata: whoever else it names has begun to work on it.
        named = publications_of(document) - publications_of(latest)
        draft = self._reading.deposit(document)
        if own in named:
            return draft
        if named or not draft.state.open:
            raise Conflict(
                f"The series has the draft {draft.id} of another publication already.",
                remedy="Publish or discard it first: one version is made after the other.",
            )
        self.describe(draft.id, metadata)
        return draft

    def _lost(self, metadata: DepositMetadata, pauses: tuple[float, ...]) -> Deposit | None:
        """The deposit that carries the publication's identifier: of several a published one, else the oldest draft."""
        own = publication_identifier(metadata.publication)
        for pause in pauses:
            self._sleep(pause)
            there = self._mine(f'metadata.identifiers.identifier:"{own}"')
            found = [document for document in there if own in publications_of(document)]
            for document in sorted(found, key=lambda one: (one.get("is_published") is not True, word(one, "created") or "")):
                # The index may still have what was discarded, and says late what became of a draft.
                deposit = self.find(self._reading.deposit(document).id)
                if deposit.state is not DepositState.MISSING:
                    return deposit
        return None

    def _mine(self, query: str) -> Iterator[JsonObject]:
        """What the account's own drafts and records say that match, page by page."""
        for page in range(1, _PAGES + 1):
            params = {"q": query, "size": str(_PAGE), "page": str(page), "allversions": "true"}
            hits = objects(part(self._client.get("/user/records", params).document(), "hits"), "hits")
            yield from hits
            if len(hits) < _PAGE:
                return

    def _take_back(self, deposit_id: str) -> None:
        draft = self._client.get(self._draft_path(deposit_id)).document()
        request = word(part(draft, "parent", "review"), "id")
        if request:
            self._client.ask("POST", f"/requests/{checked_id(request)}/actions/cancel", allowed=(200, 400))

    @staticmethod
    def _draft_path(deposit_id: str) -> str:
        return f"/records/{checked_id(deposit_id)}/draft"


def _series(series: str) -> str:
    try:
        return checked_id(series)
    except NotFound:
        raise _no_series(series) from None


def _no_series(series: str) -> NotFound:
    return NotFound(
        f"There is no record of the series {series[:40]!r} here.", remedy="Publish its first version, or begin a new series."
    )


def _published(deposit_id: str) -> TagstoneError:
    return Conflict(f"{deposit_id} is published: nothing of it changes any more.", remedy="Publish a new version.")
