"""Handing a tag in at a service, and following what becomes of it, from a CI job: the job may end before the publication does."""

from collections.abc import Callable, Iterator
from typing import Protocol

from tagstone.domain.publications.outside_view import OutsideView
from tagstone.errors import Temporary
from tagstone.ports import Clock


class Service(Protocol):
    """A Tagstone service, as one publication's job sees it."""

    def hand_in(self, image: str | None, manifest: str | None, *, rehearsal: bool) -> OutsideView:
        """Ask for the publication; asked again it is the same one. Raises: Invalid, Forbidden, Conflict, Temporary, Permanent."""
        ...

    def look(self, publication: str) -> OutsideView:
        """How it stands. Raises: Forbidden, NotFound, Temporary, Permanent."""
        ...


class Patience:
    """How long a job waits in all: `seconds` from the moment it is made. `pause` waits."""

    def __init__(self, clock: Clock, seconds: float, pause: Callable[[float], None]) -> None:
        self._clock = clock
        self._ends = clock.now() + seconds
        self._pause = pause

    def wait(self, seconds: float) -> bool:
        """Wait so long, or as long as is left; False when nothing is left."""
        left = self._ends - self._clock.now()
        if left <= 0:
            return False
        self._pause(min(seconds, left))
        return True


def hand_in(
    service: Service,
    patience: Patience,
    tell: Callable[[str], None],
    image: str | None,
    manifest: str | None,
    *,
    rehearsal: bool,
) -> OutsideView:
    """Hand in until the service has answered: a lost answer is asked for again, which makes no second publication.

    Raises:
        Invalid, Forbidden, Conflict, NotFound, Permanent: the service will not have it.
        Temporary: it did not answer as long as there was patience.
    """
    while True:
        try:
            return service.hand_in(image, manifest, rehearsal=rehearsal)
        except Temporary as trouble:
            tell(f"{trouble.message} It is asked again.")
            if not patience.wait(trouble.delay):
                raise


def follow(
    service: Service,
    patience: Patience,
    tell: Callable[[str], None],
    handed_in: OutsideView,
    pauses: Iterator[float],
) -> OutsideView:
    """Look until it has ended, waits for a person, or patience has; tells every change once.

    It is looked at once at least: the answer to a hand-in says the state alone. Trouble on the way ends nothing: the publication
    goes on without being watched.
    """
    view, line, told, seen = handed_in, handed_in.line, "", False
    for pause in pauses:
        if line != told:
            told = line
            tell(line)
        if (seen and (view.ended or view.rests)) or not patience.wait(pause):
            return view
        try:
            view = service.look(handed_in.id)
            line, seen = view.line, True
        except Temporary as trouble:
            line = trouble.message
            patience.wait(trouble.delay)
    raise AssertionError("pauses never end")
