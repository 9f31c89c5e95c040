"""Watches: what happened since a revision, line by line, for as long as was asked [doc: efficient detection of changes]."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from fakes.kubernetes.calls import Call, status_document
from fakes.kubernetes.state import Change, Json, World

_LONGEST = 1800.0  # seconds; the real one ends between 30 and 60 minutes
_POLL = 0.5


@dataclass
class Watches:
    """`generation` moves when all watches are to end; bookmarks come once a second, where they are asked for [own: a minute]."""

    world: World
    generation: int = 0
    open: int = 0

    def cut(self) -> None:
        """End all of them, without a word."""
        with self.world.changed:
            self.generation += 1
            self.world.changed.notify_all()

    def follow(self, call: Call) -> Iterator[bytes]:
        """Lines until the time is up, the watch was cut, or its revision is forgotten."""
        begun, until = self.generation, time.monotonic() + float(call.query.get("timeoutSeconds") or _LONGEST)
        revision = call.query.get("resourceVersion", "")
        with self.world.changed:
            self.open += 1
            at = int(revision or 0)
            first = (
                []
                if at
                else [_line("ADDED", one) for one in self.world.all(call.resource.plural, call.namespace) if call.fits(one)]
            )
            at = at or self.world.revision
        told = time.monotonic()
        try:
            yield from first
            while time.monotonic() < until and self.generation == begun:
                with self.world.changed:
                    if at < self.world.oldest:
                        message = f"too old resource version: {at} ({self.world.oldest})"
                        yield _line("ERROR", status_document(410, message))
                        return
                    news = [change for change in self.world.history if change.revision > at]
                    if not news:
                        self.world.changed.wait(min(_POLL, max(0.0, until - time.monotonic())))
                        news = [change for change in self.world.history if change.revision > at]
                for change in news:
                    at = change.revision
                    yield from _told(call, change)
                if call.query.get("allowWatchBookmarks") in ("1", "true", "True") and time.monotonic() > told + 1:
                    told = time.monotonic()
                    kind = {"kind": call.resource.kind, "apiVersion": call.resource.version}
                    yield _line("BOOKMARK", {**kind, "metadata": {"resourceVersion": str(at)}})
        finally:
            with self.world.changed:
                self.open -= 1


def _told(call: Call, change: Change) -> Iterator[bytes]:
    if change.plural == call.resource.plural and call.fits(change.document):
        yield _line(change.how, change.document)


def _line(how: str, document: Json) -> bytes:
    return json.dumps({"type": how, "object": document}).encode() + b"\n"
