"""The files of drafts and records."""

import time
from collections.abc import Callable
from typing import BinaryIO
from urllib.parse import quote

from tagstone.adapters.inveniordm.answers import JsonObject, field_faults, objects, word
from tagstone.adapters.inveniordm.client import Client
from tagstone.adapters.inveniordm.depository import InvenioDepository
from tagstone.adapters.inveniordm.gate import LimitReached
from tagstone.adapters.inveniordm.records import checked_id
from tagstone.domain.deposits.deposit import DepositFile
from tagstone.domain.reading.paths import path_problem
from tagstone.errors import Away, Invalid, NotFound, Temporary

_PAUSES = (1.0, 3.0)  # seconds before an upload is tried again
_COMMITTING = 300.0  # seconds above the usual that a server may take to look through what it was sent


class InvenioFiles:
    """DepositFiles of one account."""

    def __init__(self, client: Client, depository: InvenioDepository, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._depository = depository
        self._sleep = sleep

    def list(self, deposit_id: str) -> list[DepositFile]:
        """Files that are whole, sorted by name. Raises: NotFound."""
        place = f"/records/{checked_id(deposit_id)}"
        answer = self._client.get(f"{place}/draft/files", allowed=(200, 404))
        if answer.status == 404:
            answer = self._client.get(f"{place}/files")
        whole = (_whole(entry) for entry in objects(answer.document(), "entries"))
        return sorted((file for file in whole if file is not None), key=lambda file: file.name)

    def carry_over(self, deposit_id: str) -> None:
        """Give a draft without files those of the version before: no byte is sent. Raises: NotFound, Conflict."""
        path = f"/records/{checked_id(deposit_id)}/draft/actions/files-import"
        # 400: it has files already. 404: there is no version before, or no draft.
        answer = self._client.ask("POST", path, allowed=(201, 400, 404), patience=_COMMITTING)
        if answer.status == 404:
            with self._depository.of_draft(deposit_id):
                self._client.get(f"/records/{deposit_id}/draft")

    def upload(self, deposit_id: str, name: str, stream: BinaryIO, size: int) -> DepositFile:
        """Send one file, several times if need be, replacing what has its name.

        Raises: Invalid for a name or size that is not taken, NotFound, Conflict when published, Temporary.
        """
        problem = path_problem(name)
        if problem:
            raise Invalid(f"The file name {name[:100]!r} {problem}.", remedy="Give it a plain relative name.")
        if size == 0:
            raise Invalid(f"{name} is empty: the depository takes no empty files.", remedy="Pack it with others.")
        start = stream.tell() if stream.seekable() else None
        for pause in _PAUSES:
            try:
                return self._send(deposit_id, name, stream, size)
            except Away:
                raise
            except Temporary:
                if start is None:
                    raise
            self._sleep(pause)
            stream.seek(start)
        return self._send(deposit_id, name, stream, size)

    def delete(self, deposit_id: str, name: str) -> None:
        """Remove a file from a draft; nothing there is no error. Raises: NotFound, Conflict when published."""
        answer = self._client.ask("DELETE", self._path(deposit_id, name), allowed=(204, 404))
        if answer.status == 404:
            with self._depository.of_draft(deposit_id):
                self._client.get(f"/records/{deposit_id}/draft")

    def open(self, deposit_id: str, name: str) -> BinaryIO:
        """Read a file of a record or draft. Raises: NotFound."""
        try:
            return self._client.open(f"/records/{checked_id(deposit_id)}/files/{quote(name)}/content")
        except NotFound:
            return self._client.open(f"{self._path(deposit_id, name)}/content")

    def _send(self, deposit_id: str, name: str, stream: BinaryIO, size: int) -> DepositFile:
        with self._depository.of_draft(deposit_id):
            self._declare(deposit_id, name)
            try:
                faults = field_faults(self._client.put(f"{self._path(deposit_id, name)}/content", stream, size).document())
            except LimitReached:
                raise
            except Temporary:
                faults = ()  # perhaps all of it is there: then closing it answers with its checksum, which the caller compares
            if faults:
                # The file had been closed, and the server has thrown it away now.
                raise Temporary(f"{name} was refused: {'; '.join(faults)}", delay=1.0)
            return self._close(deposit_id, name, size)

    def _declare(self, deposit_id: str, name: str) -> None:
        """Have the file announced and open; what is closed under its name is deleted first: it must never be sent to."""
        path = f"/records/{checked_id(deposit_id)}/draft/files"
        answer = self._client.ask("POST", path, [{"key": name}], allowed=(201, 400))
        if answer.status == 201:
            return
        entry = self._client.get(self._path(deposit_id, name), allowed=(200, 404))
        if entry.status == 404:
            raise Invalid(
                f"The depository does not take {name}: {'; '.join(answer.faults())}",
                remedy="Leave files out, or give them other names.",
                faults=answer.faults(),
            )
        if word(entry.document(), "status") != "pending":
            self.delete(deposit_id, name)
            self._client.ask("POST", path, [{"key": name}], allowed=(201,))

    def _close(self, deposit_id: str, name: str, size: int) -> DepositFile:
        """Commit what was sent. Raises: Temporary when it did not arrive."""
        path = self._path(deposit_id, name)
        try:
            document = self._client.ask("POST", f"{path}/commit", allowed=(200,), patience=_COMMITTING).document()
        except Temporary:
            document = self._client.get(path).document()
        file = _whole(document)
        if file is None or file.size != size:
            raise Temporary(f"{name} did not arrive whole.", delay=1.0)
        return file

    @staticmethod
    def _path(deposit_id: str, name: str) -> str:
        # Slashes stay as they are, as in the server's own links: proxies refuse them in disguise.
        return f"/records/{checked_id(deposit_id)}/draft/files/{quote(name)}"


def _whole(entry: JsonObject) -> DepositFile | None:
    """A file that is complete, as the server tells of it; None for one that is still being sent."""
    name, checksum, size = word(entry, "key"), word(entry, "checksum"), entry.get("size")
    if word(entry, "status") != "completed" or not name or not checksum or not isinstance(size, int):
        return None
    return DepositFile(name, size, checksum)
