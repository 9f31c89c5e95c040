"""A publication's page as it changes: what is sent, when it ends, how many may watch."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from fastapi.testclient import TestClient

from fakes.installation import NOW, Installation
from tagstone.actions.access import Access
from tagstone.domain.people.viewer import NOBODY
from tagstone.domain.publications.publication import State, Step
from tagstone.edges.following import Limits
from tagstone.errors import Temporary
from tagstone.store.tables import Publication
from tagstone.web.events import Events
from tagstone.web.place import Place
from tagstone.web.rendering import Rendering
from tagstone.web.renditions import Renditions
from tagstone.web.sources import Sources


def watching(installation: Installation, limits: Limits, happenings: list[Callable[[], None]]) -> Events:
    """Events whose every pause lets the next thing happen; when all have happened, the publication ends."""
    rendering = Rendering("")
    place = Place("http://127.0.0.1", serves_images=False)
    renditions = Renditions(installation.home / "previews")
    sources = Sources(
        installation.sessions,
        installation.storage,
        installation.clock,
        installation.home,
        place,
        rendering,
        renditions,
        Access(installation.clock, single=True),
    )

    async def pause(_seconds: float) -> None:
        await asyncio.sleep(0)
        if happenings:
            happenings.pop(0)()

    return Events(sources, limits, pause)


def received(events: Events, publication: str, seen: str = "", most: int = 50) -> list[str]:
    async def read() -> list[str]:
        answer = await events.events(NOBODY, publication, seen)
        body: AsyncIterator[str] = answer.body_iterator  # type: ignore[attr-defined]  # it is a stream
        found = []
        async for piece in body:
            found.append(piece)
            if len(found) == most:
                break
        await body.aclose()  # type: ignore[attr-defined]  # an async generator has it
        return found

    return asyncio.run(read())


def changes(pieces: list[str]) -> list[dict[str, str]]:
    lines = [line for piece in pieces if "event: change" in piece for line in piece.split("\n")]
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def end(installation: Installation, publication: str) -> Callable[[], None]:
    def happen() -> None:
        with installation.sessions.write() as session:
            row = session.get_one(Publication, publication)
            row.state, row.step, row.finished_at, row.updated_at = State.PUBLISHED, None, NOW, NOW + 1

    return happen


def nothing() -> None:
    """Time passes."""


@pytest.fixture
def working(installation: Installation) -> str:
    publication = installation.publication(state="working", step="run", finished_at=None)
    installation.step(publication, Step.RUN, "started")
    return publication


def test_all_parts_come_first_then_only_what_changed_then_the_end(installation: Installation, working: str):
    def speak() -> None:
        installation.log(working, "run-1", [b"epoch 1\n"], ended=False)

    pieces = received(watching(installation, Limits(), [nothing, speak, nothing, end(installation, working)]), working)
    first, logs, last = changes(pieces)
    assert set(first) == {"status", "steps", "logs"}
    assert "Run the analysis" in first["steps"]
    assert set(logs) == {"logs"}
    assert "epoch 1" in logs["logs"]
    assert "See the record" in last["status"]
    assert "event: end" in pieces[-1]


def test_who_comes_back_and_saw_the_newest_gets_only_news(installation: Installation, working: str):
    pieces = received(watching(installation, Limits(), []), working, most=2)
    mark = next(line for line in pieces[1].split("\n") if line.startswith("id: ")).removeprefix("id: ")
    again = received(watching(installation, Limits(), [nothing, end(installation, working)]), working, mark)
    assert len(changes(again)) == 1
    assert "See the record" in changes(again)[0]["status"]


def test_a_quiet_connection_beats_and_ends_after_its_life(installation: Installation, working: str):
    pieces = received(watching(installation, Limits(look=1, beat=5, life=12), []), working)
    assert pieces.count(": still here\n\n") == 2
    assert "event: end" not in "".join(pieces)


def test_only_so_many_may_watch_and_who_leaves_makes_room(installation: Installation, working: str):
    events = watching(installation, Limits(connections=1), [])

    async def two() -> None:
        first = await events.events(NOBODY, working, "")
        stream = first.body_iterator  # type: ignore[attr-defined]  # it is a stream
        await anext(stream)
        with pytest.raises(Temporary):
            await events.events(NOBODY, working, "")
        await stream.aclose()
        await events.events(NOBODY, working, "")

    asyncio.run(two())


def test_what_ended_before_is_sent_once_and_ends(web: TestClient, installation: Installation):
    answer = web.get(f"/publications/{installation.publication()}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count("event: change") == answer.text.count("event: end") == 1


def test_what_is_not_there_has_no_events(web: TestClient):
    assert web.get("/publications/p" + "0" * 16 + "/events").status_code == 404
