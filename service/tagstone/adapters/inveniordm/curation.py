"""What people and communities do with deposits, and what is asked of an account before and after the release."""

import re

from tagstone.adapters.inveniordm.answers import JsonObject, Question, objects, part, word
from tagstone.adapters.inveniordm.client import Client
from tagstone.adapters.inveniordm.depository import PUBLISHING, InvenioDepository
from tagstone.adapters.inveniordm.metadata import faults as metadata_faults
from tagstone.adapters.inveniordm.records import Reading, checked_id
from tagstone.domain.deposits.deposit import Access, Deposit, DepositMetadata, DepositState
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, TagstoneError, Temporary

_COMMUNITY = re.compile("[A-Za-z0-9_-]{1,100}")
_RETRACTED = "retracted"  # of InvenioRDM's vocabulary of reasons, the one that fits what an author says


class InvenioCuration:
    """Curation for one account; `restricted` says whether the site takes records that not everybody may see."""

    def __init__(self, client: Client, reading: Reading, depository: InvenioDepository, *, restricted: bool) -> None:
        self._client = client
        self._reading = reading
        self._depository = depository
        self._restricted = restricted

    def faults(self, metadata: DepositMetadata) -> tuple[str, ...]:
        """What the depository would refuse: the token, the metadata, the access, the community. Raises: Away."""
        try:
            self._client.get("/user/records", {"size": "1"})
        except Forbidden:
            return (f"The depository {self._reading.name} does not accept the account's token.",)
        found = list(metadata_faults(metadata))
        if metadata.access is Access.RESTRICTED and not self._restricted:
            found.append(f"{self._reading.name} takes no restricted records: use `access: embargoed`, or `open`.")
        if metadata.community:
            found += self._community_faults(metadata.community)
        return tuple(found)

    def latest(self, identifier: str) -> Deposit | None:
        """The newest record of a series, by the series' identifier or concept DOI. Raises: Forbidden for somebody else's."""
        document = self._newest(identifier.rpartition("/")[2].rpartition(".")[2] if "/" in identifier else identifier)
        if "/" in identifier and (document is None or not _is_of(document, identifier)):
            document = self._searched(identifier)
        if document is None:
            return None
        # The server tells of grants only those who may manage the record.
        if "grants" not in part(document, "parent", "access"):
            raise Forbidden(
                f"The series {identifier} is somebody else's at {self._reading.name}.",
                remedy="Ask its owner to share it with the account as a manager, or begin a series of your own.",
            )
        return self._reading.deposit(document)

    def submit(self, deposit_id: str, community: str) -> None:
        """Ask a community to take the draft. It judges a series by its first version: later ones are published at once.

        Raises: as `publish`; Invalid where there is no such community.
        """
        draft = self._depository.find(deposit_id)
        if draft.state is DepositState.SUBMITTED:
            return
        if draft.state is DepositState.MISSING:
            raise NotFound(f"There is no draft {deposit_id}.", remedy="Begin a new draft.")
        if not draft.state.open:
            raise Conflict(f"{deposit_id} is {draft.state}.", remedy="Publish a new version.")
        if draft.version_index > 1:
            self._depository.publish(deposit_id)
            return
        receiver = {"receiver": {"community": self._community(community)}, "type": "community-submission"}
        path = f"/records/{checked_id(deposit_id)}/draft"
        self._client.ask("PUT", f"{path}/review", receiver, allowed=(200,))
        self._client.ask("POST", f"{path}/actions/submit-review", allowed=(202,), patience=PUBLISHING, question=Question.ONCE)

    def amend(self, deposit_id: str, metadata: DepositMetadata) -> None:
        """Replace the metadata of a record: its edit is opened, described and published, and looked at after a lost answer.

        Raises: NotFound, Conflict for a draft, Invalid.
        """
        state = self._depository.find(deposit_id).state
        if state is not DepositState.PUBLISHED:
            raise _no_record(deposit_id, state)
        path = f"/records/{checked_id(deposit_id)}/draft"
        self._client.ask("POST", path, allowed=(200, 201))
        self._depository.describe(deposit_id, metadata)
        try:
            self._client.ask("POST", f"{path}/actions/publish", allowed=(202,), patience=PUBLISHING)
        except (Temporary, NotFound):
            # Once it is published the edit is gone.
            if self._client.get(path, allowed=(200, 404)).status == 200:
                raise

    def withdraw(self, deposit_id: str, reason: str) -> None:
        """Put a tombstone in a record's place, where the site lets its accounts do so within its time for that.

        Raises: NotFound, Conflict for a draft, Forbidden with a text for the site's people where only they may.
        """
        deposit = self._depository.find(deposit_id)
        if deposit.state is DepositState.WITHDRAWN:
            return
        if deposit.state is not DepositState.PUBLISHED:
            raise _no_record(deposit_id, deposit.state)
        question = {"reason": _RETRACTED, "comment": reason}
        try:
            answer = self._client.ask(
                "POST", f"/records/{checked_id(deposit_id)}/request-deletion", question, allowed=(200, 201), patience=PUBLISHING
            )
        except (Forbidden, NotFound):
            raise self._people_only(deposit, reason) from None
        if answer.status == 201:
            raise Forbidden(
                f"{self._reading.name} was asked to withdraw {deposit.doi or deposit_id}; its people decide.",
                remedy=f"Follow the request at {deposit.url}.",
            )

    def share(self, deposit_id: str, address: str) -> bool:
        """Let the depository's user with this address manage the record; False where none is found, or it may not be done."""
        user = self._user(address)
        if user is None:
            return False
        grant = {"permission": "manage", "subject": {"type": "user", "id": user}}
        path = f"/records/{checked_id(deposit_id)}/access/grants"
        if any(part(there, "subject").get("id") == user for there in self._grants(path)):
            return True
        try:
            self._client.ask("POST", path, {"grants": [grant]}, allowed=(200, 201))
        except (Invalid, Forbidden):
            return False
        return True

    def _grants(self, path: str) -> list[JsonObject]:
        return objects(part(self._client.get(path).document(), "hits"), "hits")

    def _user(self, address: str) -> str | None:
        """The one user who shows this address to everybody: the server finds and tells no others."""
        hits = part(self._client.get("/users", {"suggest": address, "size": "10"}).document(), "hits")
        found = [hit for hit in objects(hits, "hits") if (word(hit, "email") or "").lower() == address.lower()]
        return str(found[0].get("id")) if len(found) == 1 else None

    def _newest(self, series: str) -> JsonObject | None:
        try:
            answer = self._client.get(f"/records/{checked_id(series)}/versions/latest", allowed=(200, 404, 410))
        except NotFound:
            return None
        return answer.document() if answer.status == 200 else None

    def _searched(self, doi: str) -> JsonObject | None:
        quoted = "".join(character for character in doi if character.isprintable() and character not in '"\\')
        answer = self._client.get("/records", {"q": f'parent.pids.doi.identifier:"{quoted}"', "size": "10"})
        hits = objects(part(answer.document(), "hits"), "hits")
        found = next((hit for hit in hits if _is_of(hit, doi)), None)
        series = word(part(found, "parent"), "id") if found else None
        return self._newest(series) if series else None

    def _community(self, name: str) -> str:
        document = self._find_community(name)
        identifier = word(document, "id") if document else None
        if not identifier:
            raise Invalid(
                f"{self._reading.name} has no community {name[:100]!r}.", remedy="Correct `community` in the manifest."
            )
        return identifier

    def _community_faults(self, name: str) -> list[str]:
        document = self._find_community(name)
        if document is None:
            return [f"{self._reading.name} has no community {name[:100]!r}."]
        if part(document, "ui", "permissions").get("can_submit_record") is False:
            return [f"The community {name} takes records of its members only, and the account is none."]
        return []

    def _find_community(self, name: str) -> JsonObject | None:
        if not _COMMUNITY.fullmatch(name):
            return None
        answer = self._client.get(f"/communities/{name}", allowed=(200, 404, 410))
        return answer.document() if answer.status == 200 else None

    def _people_only(self, deposit: Deposit, reason: str) -> TagstoneError:
        return Forbidden(
            f"Only the people of {self._reading.name} can withdraw {deposit.doi or deposit.id}.",
            remedy=f"Write to their support: “Please withdraw the record {deposit.url} ({deposit.doi}), which is ours, and leave a "
            f"tombstone. Reason: {reason}”",
        )


def _is_of(document: JsonObject, doi: str) -> bool:
    return (word(part(document, "parent", "pids", "doi"), "identifier") or "").lower() == doi.lower()


def _no_record(deposit_id: str, state: DepositState) -> TagstoneError:
    if state is DepositState.MISSING:
        return NotFound(f"There is no record {deposit_id}.", remedy="Look at it with `tagstone show`.")
    return Conflict(f"{deposit_id} is no published record: it is {state}.", remedy="Look at it with `tagstone show`.")
