"""The handlers of records: page, files, previews, citations, what changed. Plain functions that only read."""

from typing import BinaryIO

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from tagstone.actions import cite as citing
from tagstone.actions import diff
from tagstone.actions.access import refuse_withdrawn
from tagstone.domain.citations.citation_style import Format
from tagstone.domain.people.viewer import Viewer
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import State
from tagstone.domain.publications.record import Facts
from tagstone.edges.entrance import Visitor
from tagstone.edges.ids import PublicationId
from tagstone.errors import NotFound
from tagstone.store import publications
from tagstone.store.tables import Publication
from tagstone.web import bundles, citations, outputs, record_page, rendition_answers, renditions, run_yourself
from tagstone.web.headers import FILE_HEADERS
from tagstone.web.sources import Sources
from tagstone.web.tombstones import Tombstone

_VERSIONS = 200
_COMPARED_BYTES = 64 << 20


class Records:
    """The handlers, with what they read from."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def router(self) -> APIRouter:
        """The addresses of records."""
        router = APIRouter(prefix="/records/{publication}", include_in_schema=False)
        for address, handler in (
            ("", self.record),
            ("/files/{path:path}", self.file),
            ("/cite/{wanted}", self.cite),
            ("/job.yaml", self.job),
            ("/changes/{other}", self.changes),
        ):
            router.add_api_route(address, handler, methods=["GET", "HEAD"], response_model=None)
        # What is made while it is sent, or made anew, has no HEAD: it would be made for nothing.
        router.add_api_route("/previews/{path:path}", self.preview, methods=["GET"], response_model=None)
        router.add_api_route("/bundle.tar", self.bundle, methods=["GET"], response_model=None)
        return router

    def record(self, viewer: Visitor, publication: PublicationId) -> Response:
        """The page of one record, or of what a rehearsal would publish; until there is one, where it stands; then its tombstone."""
        with self._sources.sessions.read() as session:
            row = self._sources.access.seen(session, viewer, publications.get(session, publication))
            if row.facts is None or not (State(row.state).done or row.state == State.WITHDRAWN):
                return RedirectResponse(f"{self._sources.place.root}/publications/{row.id}", 302)
            versions = publications.listing(
                session, state=State.PUBLISHED, project_id=row.project_id, facts=False, limit=_VERSIONS
            )
        if row.state == State.WITHDRAWN:
            facts = _facts(row)
            stone = Tombstone(row, facts, record_page.metadata_of(facts), versions)
            return self._sources.rendering.page("tombstone.html", {"page": stone}, 410)
        bundle, place = self._sources.bundle(row), self._sources.place
        shown = record_page.gather(row, _facts(row), versions, bundle, place, self._sources.renditions)
        context = {"page": shown, "closed": self._sources.closed(row)}
        return self._sources.rendering.page("record.html", context)

    def file(self, viewer: Visitor, publication: PublicationId, path: str) -> Response:
        """One file of a record's bundle."""
        return bundles.answer(self._sources.bundle_of(viewer, publication), path)

    def bundle(self, viewer: Visitor, publication: PublicationId) -> Response:
        """The whole bundle as one tar."""
        return bundles.archive(self._sources.bundle_of(viewer, publication), publication)

    def preview(self, viewer: Visitor, publication: PublicationId, path: str) -> Response:
        """A picture of a PDF's first page, or a notebook as a page that runs nothing."""
        row, facts = self._done(viewer, publication)
        output, kind, bundle = outputs.find(facts, path), renditions.kind_of(path), self._sources.bundle(row)
        if output is None or kind is None or bundle is None:
            raise NotFound("There is no preview of this.", remedy="The record's page shows those that there are.")
        made = self._sources.renditions.of(kind, bundles.find(bundle, path), output.sha256)
        return rendition_answers.answer(made, output.path)

    def cite(self, viewer: Visitor, publication: PublicationId, wanted: Format) -> Response:
        """The citation as a file for reference managers."""
        if wanted not in citations.FILES:
            raise NotFound("There is no such citation.", remedy="The record's page shows those that there are.")
        ending, media = citations.FILES[wanted]
        text = citing.cite(self._done(viewer, publication)[1], wanted)
        return _saved(text, media, f"{publication}{ending}")

    def job(self, viewer: Visitor, publication: PublicationId) -> Response:
        """The Kubernetes Job that runs the image with the hardware that was asked for."""
        facts = self._done(viewer, publication)[1]
        address = run_yourself.image_address(facts, self._sources.place)
        if address is None:
            raise NotFound("No registry offers this image.", remedy="Take it out of the record's bundle.")
        return _saved(run_yourself.job(facts, address), "application/yaml", f"{publication}.yaml")

    def changes(self, viewer: Visitor, publication: PublicationId, other: PublicationId) -> Response:
        """What changed from the version `other` to this one."""
        (new, after), (old, before) = self._done(viewer, publication), self._done(viewer, other)
        if new.project_id != old.project_id:
            raise NotFound("These are not versions of one project.", remedy="A record's page lists its versions.")
        found = diff.diff(before, after, self._code(old), self._code(new))
        return self._sources.rendering.page("changes.html", {"new": new, "old": old, "difference": found})

    def _done(self, viewer: Viewer, publication: str) -> tuple[Publication, Facts]:
        with self._sources.sessions.read() as session:
            row = self._sources.access.seen(session, viewer, publications.get(session, publication))
        refuse_withdrawn(row)
        if not State(row.state).done or row.facts is None:
            raise NotFound("This is no record yet.", remedy="The publication's page says where it stands.")
        return row, _facts(row)

    def _code(self, row: Publication) -> diff.OpenCode:
        bundle = self._sources.bundle(row)
        if bundle is None or _facts(row).source.archive_size > _COMPARED_BYTES:
            return _absent
        return diff.bundled_code(bundle)


def _absent(_facts: Facts) -> BinaryIO:
    raise NotFound("The code is not here, or too large to be compared by a page.", remedy="Use `tagstone diff`.")


def _facts(row: Publication) -> Facts:
    return record.load((row.facts or "").encode())


def _saved(text: str, media: str, name: str) -> Response:
    headers = FILE_HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.encode("utf-8", "replace"), media_type=f"{media}; charset=utf-8", headers=headers)
