"""Writes docs/reference/openapi.json, the description of the API as programs read it.

Usage: openapi_reference.py
"""

import json
from pathlib import Path
from typing import cast

from tagstone import __version__
from tagstone.actions.access import Access
from tagstone.actions.requests import Requests
from tagstone.actions.take_in import Intake
from tagstone.adapters.system_clock import SystemClock
from tagstone.api.app import create_api
from tagstone.edges.entrance import Entrance
from tagstone.ports import Storage, WorkQueue
from tagstone.store.session import Sessions

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "openapi.json"


def described() -> str:
    """The description as it is kept: without the version, which changes without it."""
    nothing = object()  # an application that only describes itself asks nobody
    clock = SystemClock()
    entrance = Entrance(cast(Sessions, nothing), clock, Access(clock), "")
    app = create_api(
        entrance, cast(WorkQueue, nothing), cast(Storage, nothing), cast(Intake, nothing), cast(Requests, nothing), ""
    )
    text = json.dumps(app.openapi(), indent=1, ensure_ascii=False)
    return text.replace(f'"version": "{__version__}"', '"version": "1"', 1) + "\n"


if __name__ == "__main__":
    PAGE.write_text(described(), encoding="utf-8")
