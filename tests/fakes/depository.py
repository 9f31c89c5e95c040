"""A depository that behaves like Zenodo where it matters, in memory or in one file that several processes share.

Like Zenodo it reports md5, knows a concept DOI only after the first release, and answers a second `publish` with
NotFound, since the draft is gone by then. Told to, it refuses before an effect (`fail`) or forgets to answer after it (`lose`; with `lossy`, by the number of the call).
"""

import base64
import fcntl
import hashlib
import io
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pydantic import TypeAdapter

from tagstone.domain.deposits.deposit import Deposit, DepositFile, DepositMetadata, DepositState, Limits
from tagstone.errors import Conflict, Invalid, NotFound, TagstoneError, Temporary
from tagstone.ports import Curation, DepositAccount, DepositFiles, Depository

State = dict[str, Any]
_METADATA = TypeAdapter(DepositMetadata)
LIMITS = Limits(files=100, bytes=50 * 10**9, file_bytes=50 * 10**9, empty=False)
"""Zenodo's."""


class Both(Depository, DepositFiles, Curation, Protocol):
    """A depository, its files and its curation in one object, as the contract's tests want it."""


@dataclass(frozen=True)
class OneDepository:
    """The depositories of a site that has only this one, under every name."""

    depository: Both
    limits: Limits = LIMITS
    registered: bool = False

    def account(self, depository: str, name: str, token: str | None) -> DepositAccount:
        one = self.depository
        return DepositAccount(name, f"{name} at {depository}", one, one, one, self.limits, registered=self.registered)


class FakeDepository:
    """Depository and DepositFiles; with `folder`, its state is shared by all processes that name the same folder."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        name: str = "fake",
        registered: bool = False,
        lossy: Callable[[int], bool] | None = None,
    ) -> None:
        self.name = name
        self._lossy = lossy
        self._file = folder / "depository.json" if folder else None
        self._text = json.dumps({"deposits": {}, "calls": [], "next": 1000})
        self._registered = registered
        self._failing: dict[str, deque[TagstoneError]] = {}
        self._losing: dict[str, int] = {}

    def fail(self, call: str, error: TagstoneError, times: int = 1) -> None:
        """Have the next calls answer this error and do nothing."""
        self._failing.setdefault(call, deque()).extend([error] * times)

    def lose(self, call: str, times: int = 1) -> None:
        """Have the next calls do their work and lose the answer."""
        self._losing[call] = self._losing.get(call, 0) + times

    def calls(self, call: str) -> int:
        """How often something was asked, in all processes."""
        with self._state("calls") as state:
            return sum(name == call for name in state["calls"])

    def deposits(self) -> list[Deposit]:
        """Everything there is, drafts and records."""
        with self._state("deposits") as state:
            return [self._deposit(state, deposit_id) for deposit_id in state["deposits"]]

    def metadata(self, deposit_id: str) -> DepositMetadata:
        """What the deposit was last described as."""
        with self._state("metadata") as state:
            return _METADATA.validate_python(_entry(state, deposit_id)["metadata"])

    def draft(self, metadata: DepositMetadata, series: str | None, *, lost: bool = True) -> Deposit:
        with self._state("draft") as state:
            deposits = state["deposits"]
            for deposit_id, entry in deposits.items():
                if entry["metadata"]["publication"] == metadata.publication:
                    assert lost, "a draft that an earlier call made was not looked for"
                    return self._deposit(state, deposit_id)
            earlier = [entry for entry in deposits.values() if entry["series"] == series]
            if series is not None and not earlier:
                raise NotFound("No such series.", remedy="Begin one.")
            for deposit_id, entry in deposits.items():
                if series is not None and entry["series"] == series and entry["state"] in {"draft", "submitted", "declined"}:
                    if entry["metadata"]["publication"] or entry["state"] == "submitted":
                        raise Conflict("The series has a draft.", remedy="Publish or discard it.")
                    entry["metadata"] = asdict(metadata)
                    return self._deposit(state, deposit_id)
            deposit_id, state["next"] = str(state["next"]), state["next"] + 2
            deposits[deposit_id] = {
                "series": series or str(int(deposit_id) + 1),
                "version": len(earlier) + 1,
                "metadata": asdict(metadata),
                "state": "draft",
                "reserved": False,
                "files": {},
            }
            return self._deposit(state, deposit_id)

    def reserve(self, deposit_id: str) -> Deposit:
        with self._state("reserve") as state:
            _draft(_entry(state, deposit_id))["reserved"] = True
            return self._deposit(state, deposit_id)

    def describe(self, deposit_id: str, metadata: DepositMetadata) -> None:
        with self._state("describe") as state:
            _draft(_entry(state, deposit_id))["metadata"] = asdict(metadata)

    def publish(self, deposit_id: str) -> None:
        with self._state("publish") as state:
            entry = _entry(state, deposit_id)
            if entry["state"] == "published":
                raise NotFound("Not found.", remedy="Look at the record.")
            if not entry["files"]:
                raise Invalid("Missing uploaded files.", remedy="Upload files.")
            entry["state"] = "published"

    def find(self, deposit_id: str) -> Deposit:
        with self._state("find") as state:
            if deposit_id not in state["deposits"]:
                return Deposit(deposit_id, DepositState.MISSING, None, None, "", 0, "", registered=False)
            return self._deposit(state, deposit_id)

    def discard(self, deposit_id: str) -> None:
        with self._state("discard") as state:
            if deposit_id in state["deposits"]:
                if _entry(state, deposit_id)["state"] != "submitted":
                    _draft(_entry(state, deposit_id))
                del state["deposits"][deposit_id]

    def list(self, deposit_id: str) -> list[DepositFile]:
        with self._state("list") as state:
            files = _entry(state, deposit_id)["files"]
            return [_file(name, base64.b64decode(files[name])) for name in sorted(files)]

    def carry_over(self, deposit_id: str) -> None:
        with self._state("carry_over") as state:
            entry = _draft(_entry(state, deposit_id))
            earlier = [e for e in state["deposits"].values() if e["series"] == entry["series"] and e["state"] == "published"]
            if earlier and not entry["files"]:
                entry["files"] = dict(max(earlier, key=lambda e: e["version"])["files"])

    def upload(self, deposit_id: str, name: str, stream: BinaryIO, size: int) -> DepositFile:
        data = stream.read()
        with self._state("upload") as state:
            entry = _draft(_entry(state, deposit_id))
            if ".." in name.split("/") or name.startswith("/"):
                raise Invalid("Bad name.", remedy="Use another.")
            if len(data) != size:
                raise Invalid("The body was cut off.", remedy="Send it again.")
            if not data:
                raise Invalid("The file is empty.", remedy="Leave it out.")
            if name not in entry["files"] and len(entry["files"]) == LIMITS.files:
                raise Invalid("There are too many files.", remedy="Pack them.")
            entry["files"][name] = base64.b64encode(data).decode()
            return _file(name, data)

    def delete(self, deposit_id: str, name: str) -> None:
        with self._state("delete") as state:
            _draft(_entry(state, deposit_id))["files"].pop(name, None)

    def open(self, deposit_id: str, name: str) -> BinaryIO:
        with self._state("open") as state:
            files = _entry(state, deposit_id)["files"]
            if name not in files:
                raise NotFound("No such file.", remedy="List them.")
            return io.BytesIO(base64.b64decode(files[name]))

    def faults(self, metadata: DepositMetadata) -> tuple[str, ...]:
        with self._state("faults") as state:
            return tuple(state.get("faults", ()))

    def latest(self, identifier: str) -> Deposit | None:
        with self._state("latest") as state:
            series = identifier.removeprefix("10.5072/fake.")
            found = [
                (entry["version"], deposit_id)
                for deposit_id, entry in state["deposits"].items()
                if entry["series"] == series and entry["state"] == "published"
            ]
            return self._deposit(state, max(found)[1]) if found else None

    def submit(self, deposit_id: str, community: str) -> None:
        with self._state("submit") as state:
            entry = _entry(state, deposit_id)
            if entry["state"] not in {"draft", "declined", "submitted"}:
                raise Conflict("It is published.", remedy="Make a new version.")
            entry["state"], entry["community"] = "submitted" if entry["version"] == 1 else "published", community

    def amend(self, deposit_id: str, metadata: DepositMetadata) -> None:
        with self._state("amend") as state:
            _record(_entry(state, deposit_id))["metadata"] = asdict(metadata)

    def withdraw(self, deposit_id: str, reason: str) -> None:
        with self._state("withdraw") as state:
            entry = _entry(state, deposit_id)
            if entry["state"] != "withdrawn":
                _record(entry).update(state="withdrawn", files={}, tombstone=reason)

    def share(self, deposit_id: str, address: str) -> bool:
        with self._state("share") as state:
            _record(_entry(state, deposit_id)).setdefault("shared", []).append(address)
            return True

    def curate(self, deposit_id: str, *, accept: bool) -> None:
        """Have the community's curators publish or decline what was submitted to them."""
        with self._state("curate") as state:
            entry = _entry(state, deposit_id)
            assert entry["state"] == "submitted"
            entry["state"] = "published" if accept else "declined"

    def draft_by_hand(self, series: str) -> str:
        """Leave a draft with a file in a series, as somebody did at the site itself who forgot about it."""
        draft = self.draft(DepositMetadata("", "by hand", "", "2026-01-01", (), ()), series)
        self.upload(draft.id, "by-hand.txt", io.BytesIO(b"by hand"), 7)
        return draft.id

    def spoil(self, deposit_id: str, name: str, data: bytes) -> None:
        """Change a file's bytes behind everybody's back."""
        with self._state("spoil") as state:
            _entry(state, deposit_id)["files"][name] = base64.b64encode(data).decode()

    def _deposit(self, state: State, deposit_id: str) -> Deposit:
        entry = _entry(state, deposit_id)
        series, published = entry["series"], DepositState.PUBLISHED
        released = any(e["series"] == series and e["state"] == published for e in state["deposits"].values())
        deposit = Deposit(
            id=deposit_id,
            state=DepositState(entry["state"]),
            doi=f"10.5072/fake.{deposit_id}" if entry["reserved"] else None,
            concept_doi=None,
            series=series,
            version_index=entry["version"],
            url=f"https://depository.example/{deposit_id}",
            registered=self._registered,
            depository=self.name,
        )
        return replace(deposit, concept_doi=f"10.5072/fake.{series}") if released else deposit

    @contextmanager
    def _state(self, call: str) -> Iterator[State]:
        """The state for one call, kept when it ends without an error; then the answer may be lost."""
        if self._failing.get(call):
            raise self._failing[call].popleft()
        if self._file is None:
            state = json.loads(self._text)
            yield from self._kept(state, call)
            self._text = json.dumps(state)
        else:
            with self._file.with_suffix(".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                state = json.loads(self._file.read_text() if self._file.exists() else self._text)
                yield from self._kept(state, call)
                partial = self._file.with_suffix(".partial")
                partial.write_text(json.dumps(state))
                partial.replace(self._file)
        if self._losing.get(call) or (self._lossy and self._lossy(len(state["calls"]))):
            self._losing[call] = max(self._losing.get(call, 0) - 1, 0)
            raise Temporary(f"504 after {call}: nobody knows whether it happened.", delay=0.0)

    def _kept(self, state: State, call: str) -> Iterator[State]:
        state["calls"].append(call)
        yield state


def _entry(state: State, deposit_id: str) -> State:
    if deposit_id not in state["deposits"]:
        raise NotFound("No such deposit.", remedy="Begin a draft.")
    entry: State = state["deposits"][deposit_id]
    return entry


def _draft(entry: State) -> State:
    if entry["state"] not in {"draft", "declined"}:
        raise Conflict(f"It is {entry['state']}.", remedy="Make a new version.")
    return entry


def _record(entry: State) -> State:
    if entry["state"] != "published":
        raise Conflict(f"It is {entry['state']}.", remedy="Publish it first.")
    return entry


def _file(name: str, data: bytes) -> DepositFile:
    return DepositFile(name, len(data), "md5:" + hashlib.md5(data, usedforsecurity=False).hexdigest())
