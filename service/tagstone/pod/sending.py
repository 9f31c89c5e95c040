"""Outputs on their way to the desk: by parts, each sent again where nobody answered; then where they belong, in lots."""

import os
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from tagstone.domain.runs.brought import Brought, Kind
from tagstone.domain.runs.plan import PART, Plan
from tagstone.errors import Invalid
from tagstone.pod.desk_client import Desk
from tagstone.pod.finding import Found, find

_LOT = 100


def send(workspace: Path, plan: Plan, desk: Desk, arrived: Callable[[int, int], None]) -> None:
    """Bring everything that the plan's patterns name, until there is more than may be; `arrived(files, bytes)` follows the progress.

    What passes a limit is told without its bytes, so that the service can refuse it by its name and size.

    Raises: Invalid for what cannot be read; Temporary when patience ended; what the desk refuses.
    """
    lot: list[Brought] = []
    total = 0
    for number, found in enumerate(find(workspace, plan.outputs)):
        kept = found.kind == "file" and number < plan.max_files and total + found.size <= plan.max_bytes
        brought = _content(found, number, desk) if kept else Brought(found.path, _kind(found), found.size, "", number)
        lot.append(brought)
        total += brought.size
        if len(lot) >= _LOT:
            _tell(desk, lot)
        arrived(number + 1, total)
        if number >= plan.max_files or (found.kind == "file" and not kept):
            break
    _tell(desk, lot)


def _tell(desk: Desk, lot: list[Brought]) -> None:
    # Names in a workspace are bytes, and JSON has none.
    desk.ask("POST", "outputs", [asdict(each) | {"path": quote(os.fsencode(each.path))} for each in lot])
    lot.clear()


def _kind(found: Found) -> Kind:
    return "untaken" if found.kind == "file" else found.kind


def _content(found: Found, number: int, desk: Desk) -> Brought:
    size, checksum = 0, sha256()
    while part := os.read(found.handle, PART):
        size += len(part)
        if size > found.size:
            raise Invalid(
                f"The output {found.path!r} grew while it was read.", remedy="End what writes it before the command ends."
            )
        checksum.update(part)
        desk.put(f"outputs/{number}/{size - len(part)}", part)
    return Brought(found.path, "file", size, checksum.hexdigest(), number)
