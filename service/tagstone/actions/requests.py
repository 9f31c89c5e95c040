"""Requests for registration as people make and decide them: a project's maintainers ask, curators grant or refuse."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from tagstone.actions.register import Asking, Granted, Registered, Registering
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.forges.remote import RemoteProject
from tagstone.domain.people.deed import Origin, actor
from tagstone.domain.people.viewer import Right, Viewer, level, permitted
from tagstone.errors import Forbidden, Invalid, NotFound, Unproven
from tagstone.ports import Registrar
from tagstone.store import registrations
from tagstone.store.tables import Registration

_PATTERN = re.compile(r"[!-~]{1,200}")
_PATTERNS = 20
_LONGEST = 2000


@dataclass(frozen=True)
class Wish:
    """What somebody asks for: a project by its number or path at a forge (None: where they have an account), and why."""

    project: str
    forge: str | None
    builder: ImageBuilder
    patterns: Sequence[str]
    note: str


@dataclass(frozen=True)
class Requests:
    """Takes and decides requests; `forges` are those of the site by name, `registrar_with` sets up with a maintainer's own token."""

    registering: Registering
    registrar_with: Callable[[str], Registrar]
    forges: Sequence[str]

    def ask(self, viewer: Viewer, origin: Origin, wish: Wish) -> Registered:
        """Write down what a maintainer asks for.

        Raises: Unproven, Invalid, NotFound, Forbidden, Conflict where it is registered, Away.
        """
        project = self._maintained(viewer, self._forge(viewer, wish.forge), _which(wish.project))
        if len(wish.patterns) > _PATTERNS or not all(_PATTERN.fullmatch(pattern) for pattern in wish.patterns):
            raise Invalid("These are no patterns of tags.", remedy=f"Give up to {_PATTERNS} globs such as v*, without spaces.")
        if len(wish.note) > _LONGEST:
            raise Invalid("The note is too long.", remedy=f"Write up to {_LONGEST} characters.")
        patterns = tuple(wish.patterns)
        return self.registering.ask(
            Asking(project.forge, project.number, wish.builder, patterns, actor(viewer, origin), note=wish.note.strip())
        )

    def listing(self, session: Session, viewer: Viewer) -> list[Registration]:
        """What a viewer sees of registrations: curators all, those that were asked for first; others what they asked for."""
        if viewer.person is None:
            raise Unproven("Nobody is signed in.", remedy="Sign in, or use a token.")
        if viewer.curates:
            order = (Standing.ASKED, Standing.ACTIVE, Standing.REFUSED, Standing.ENDED)
            return [row for standing in order for row in registrations.standing(session, standing)]
        return registrations.asked_by(session, viewer.person)

    def grant(self, viewer: Viewer, origin: Origin, number: int, granted: Granted) -> None:
        """Grant what was asked for. Raises: Forbidden to who is no curator, NotFound, Conflict, Away."""
        _curator(viewer)
        self.registering.grant_asked(number, granted, actor(viewer, origin))

    def refuse(self, viewer: Viewer, origin: Origin, number: int, reason: str) -> None:
        """Refuse what was asked for. Raises: Forbidden to who is no curator, NotFound, Conflict, Invalid without a reason."""
        _curator(viewer)
        self.registering.refuse(number, reason[:_LONGEST], actor(viewer, origin))

    def set_up(self, viewer: Viewer, origin: Origin, number: int, token: str) -> tuple[str, ...]:
        """Set up hook and protected tags with a maintainer's token, which is kept nowhere; what was done.

        Raises: NotFound, Forbidden, Conflict, Invalid, Away.
        """
        with self.registering.sessions.read() as session:
            row = registrations.numbered(session, number)
        self._maintained(viewer, row.forge, row.remote)
        if not re.fullmatch(r"[!-~]{8,4096}", token):
            raise Invalid("This is no token.", remedy="Give a project access token with the scope api and the role Maintainer.")
        return self.registering.set_up(number, self.registrar_with(token), actor(viewer, origin))

    def _maintained(self, viewer: Viewer, forge: str, which: int | str) -> RemoteProject:
        """The project, for those who maintain it; to others it is not there. Raises: Unproven, Forbidden, NotFound, Away."""
        if viewer.person is None:
            raise Unproven("Nobody is signed in.", remedy="Sign in, or use a token.")
        if not permitted(viewer, Right.WORK):
            raise Forbidden("This token may not ask for that.", remedy="Make one that may publish.")
        hidden = NotFound(
            f"There is no project {str(which)[:200]!r} that you maintain.",
            remedy="Give its path or number; ask one of its maintainers where you are none.",
        )
        try:
            project = self.registering.projects.project(forge, which)
        except (NotFound, Forbidden):
            raise hidden from None
        if viewer.curates:
            return project
        member = viewer.remote is not None and viewer.forge == project.forge
        if not member or self.registering.projects.level(project, viewer.remote or 0) < level(Right.APPROVE):
            raise hidden
        return project

    def _forge(self, viewer: Viewer, wanted: str | None) -> str:
        forge = wanted or viewer.forge or (self.forges[0] if len(self.forges) == 1 else None)
        if forge is None or forge not in self.forges:
            raise Invalid("It is not said at which forge.", remedy=f"This site has: {', '.join(self.forges) or 'none'}.")
        return forge


def _curator(viewer: Viewer) -> None:
    if not viewer.curates or not permitted(viewer, Right.APPROVE):
        raise Forbidden("Curators decide about registrations.", remedy="Ask one of them.")


def _which(text: str) -> int | str:
    text = text.strip().strip("/")
    if not text or len(text) > 500 or not text.isprintable():
        raise Invalid("This is no project.", remedy="Give its path, such as stars/wobble, or its number.")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else text
