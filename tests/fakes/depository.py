"""A depository that behaves like Zenodo where it matters, in memory or in one file that several processes share.

Like Zenodo it reports md5, knows a concept DOI only after the first release, and answers a second `publish` with
NotFound, since the draft is gone by then. Told to, it refuses before an effect (`fail`) or forgets to answer after it (`lose`).
"""

import base64
import fcntl
import hashlib
import io
import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pydantic import TypeAdapter

from tagstone.domain.deposit import Deposit, DepositFile, DepositMetadata, DepositState
from tagstone.errors import Conflict, Invalid, NotFound, TagstoneError, Temporary
from tagstone.ports import DepositFiles, Depository

State = dict[str, Any]
_METADATA = TypeAdapter(DepositMetadata)


class Both(Depository, DepositFiles, Protocol):
    """A depository and its files in one object, as the contract's tests want it."""


class FakeDepository:
    """Depository and DepositFiles; with `folder`, its state is shared by all processes that name the same folder."""

    name = "fake"

    def __init__(self, folder: Path | None = None, *, registered: bool = False) -> None:
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

    def draft(self, metadata: DepositMetadata, series: str | None) -> Deposit:
        with self._state("draft") as state:
            deposits = state["deposits"]
            for deposit_id, entry in deposits.items():
                if entry["metadata"]["publication"] == metadata.publication:
                    _draft(entry)
                    return self._deposit(state, deposit_id)
            earlier = [entry for entry in deposits.values() if entry["series"] == series]
            if series is not None and not earlier:
                raise NotFound("No such series.", remedy="Begin one.")
            if any(entry["state"] == "draft" for entry in earlier):
                raise Conflict("The series has a draft.", remedy="Publish or discard it.")
            deposit_id, state["next"] = str(state["next"]), state["next"] + 2
            deposits[deposit_id] = {
                "series": series or str(int(deposit_id) + 1),
                "version": len(earlier) + 1,
                "metadata": asdict(metadata),
                "state": "draft",
                "files": {},
            }
            return self._deposit(state, deposit_id)

    def describe(self, deposit_id: str, metadata: DepositMetadata) -> None:
        with self._state("describe") as state:
            entry = _draft(_entry(state, deposit_id))
            others = [other for name, other in state["deposits"].items() if name != deposit_id]
            if any(other["metadata"]["publication"] == metadata.publication for other in others):
                raise Conflict("The publication has another deposit.", remedy="Go on with that one.")
            entry["metadata"] = asdict(metadata)

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
                _draft(_entry(state, deposit_id))
                del state["deposits"][deposit_id]

    def list(self, deposit_id: str) -> list[DepositFile]:
        with self._state("list") as state:
            files = _entry(state, deposit_id)["files"]
            return [_file(name, base64.b64decode(files[name])) for name in sorted(files)]

    def upload(self, deposit_id: str, name: str, stream: BinaryIO, size: int) -> DepositFile:
        data = stream.read()
        with self._state("upload") as state:
            entry = _draft(_entry(state, deposit_id))
            if ".." in name.split("/") or name.startswith("/"):
                raise Invalid("Bad name.", remedy="Use another.")
            if len(data) != size:
                raise Invalid("The body was cut off.", remedy="Send it again.")
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
            doi=f"10.5072/fake.{deposit_id}",
            concept_doi=None,
            series=series,
            version_index=entry["version"],
            url=f"https://depository.example/{deposit_id}",
            registered=self._registered,
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
        if self._losing.get(call):
            self._losing[call] -= 1
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
    if entry["state"] != "draft":
        raise Conflict("It is published.", remedy="Make a new version.")
    return entry


def _file(name: str, data: bytes) -> DepositFile:
    return DepositFile(name, len(data), "md5:" + hashlib.md5(data, usedforsecurity=False).hexdigest())
