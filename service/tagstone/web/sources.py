"""What the handlers read from."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from tagstone.actions.access import Access, refuse_withdrawn
from tagstone.domain.people.viewer import Right, Viewer
from tagstone.domain.publications.publication import State
from tagstone.errors import Forbidden, NotFound
from tagstone.ports import Clock, Storage
from tagstone.store import logs, publications
from tagstone.store.session import Sessions
from tagstone.store.tables import Log, Publication
from tagstone.store.visible import is_closed
from tagstone.web.place import Place
from tagstone.web.rendering import Rendering
from tagstone.web.renditions import Renditions


@dataclass(frozen=True)
class Sources:
    """Rows, logs in storage, bundles below `home`, and what makes pages of them."""

    sessions: Sessions
    storage: Storage
    clock: Clock
    home: Path
    place: Place
    rendering: Rendering
    renditions: Renditions
    access: Access

    def bundle(self, row: Publication) -> Path | None:
        """The folder of a publication's bundle, None when it is not there, or not for everybody."""
        folder = self.home / (row.bundle_key or f"bundles/{row.id}")
        return folder if State(row.state).done and not self.closed(row) and folder.is_dir() else None

    def closed(self, row: Publication) -> bool:
        """Say whether the files of a publication are not for everybody now."""
        return is_closed(row, self.clock.now())

    def standing(self, session: Session, viewer: Viewer, publication: str) -> Publication:
        """A publication without its facts, where the viewer may see it. Raises: NotFound, Temporary."""
        return self.access.seen(session, viewer, publications.standing(session, publication))

    def logs(self, session: Session, viewer: Viewer, row: Publication) -> list[Log]:
        """The logs of a publication that the viewer may read: they are released by no record."""
        hidden = row.state == State.WITHDRAWN or not self.access.allows(session, viewer, Right.SEE, row.project_id)
        return [] if hidden else logs.of(session, row.id)

    def bundle_of(self, viewer: Viewer, publication: str) -> Path:
        """The same by the publication's id. Raises: NotFound."""
        with self.sessions.read() as session:
            row = self.standing(session, viewer, publication)
            refuse_withdrawn(row)
            folder = self.bundle(row)
        if self.closed(row):
            raise Forbidden(
                "The files of this record are not for everybody yet.", remedy="Its page says from when on they are."
            )
        if folder is None:
            raise NotFound("There is no bundle of this publication.", remedy="Its page says where it stands.")
        return folder
