"""A small installation: rows in SQLite, logs in a fake storage, bundles in a folder; filled by what a test asks for."""

import hashlib
from dataclasses import replace
from pathlib import Path

from sqlalchemy import delete, event

from fakes import facts as recorded
from fakes.clock import FakeClock
from fakes.storage import FakeStorage
from fakes.tables import put_tables
from tagstone.actions.access import Access
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import Kind, State, Step, publication_id
from tagstone.domain.publications.record import Facts
from tagstone.edges.entrance import Entrance
from tagstone.store import search
from tagstone.store.logs import chunk_key
from tagstone.store.session import Sessions, build_engine, database_url
from tagstone.store.tables import Log, Project, Publication, StepRow, Word

NOW = 1_772_400_000.0


class Installation:
    """Rows, logs and bundles below `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.storage = FakeStorage()
        self.clock = FakeClock(NOW)
        put_tables(home)
        engine = build_engine(database_url(None, home), 5.0)
        event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
        self.sessions = Sessions(engine)

    @property
    def entrance(self) -> Entrance:
        """Lets everybody in as one person's own service does."""
        return Entrance(self.sessions, self.clock, Access(self.clock, single=True), "http://127.0.0.1:8620")

    def close(self) -> None:
        self.sessions.engine.dispose()

    def publication(self, facts: Facts | None = None, **columns: object) -> str:
        """A row with these columns and facts; published unless `state` says otherwise."""
        facts = facts or recorded.facts()
        tag, project = facts.source.tag, facts.source.project
        kind = Kind(str(columns.pop("kind", Kind.PUBLICATION)))
        wanted = str(columns.pop("id", publication_id(kind, project.key, tag, facts.source.commit.sha)))
        facts = replace(facts, publication=wanted)
        row = Publication(
            id=wanted, kind=kind, ref=tag, commit=facts.source.commit.sha, tree="t" * 40, commit_time=facts.source.commit.time,
            state=State.PUBLISHED, attempt=1, title=facts.source.title, version=facts.source.version, doi=facts.doi,
            concept_doi=facts.deposit.concept_doi if facts.deposit else None, facts=record.dump(facts).decode(),
            bundle_key=f"bundles/{wanted}", created_at=NOW - 3600, updated_at=NOW, finished_at=NOW,
        )  # fmt: skip
        for name, value in columns.items():
            setattr(row, name, value)
        with self.sessions.write() as session:
            owner = session.query(Project).filter_by(key=project.key).one_or_none()
            if owner is None:
                owner = Project(key=project.key, name=project.name, location=project.location, url=project.url, created_at=NOW)
                session.add(owner)
                session.flush()
            row.project_id = owner.id
            session.add(row)
            session.flush()
            if row.state == State.PUBLISHED and row.facts is not None:
                search.index(session, row, facts)
        return wanted

    def forget(self, publication: str) -> None:
        """Remove a row."""
        with self.sessions.write() as session:
            session.execute(delete(Word).where(Word.publication_id == publication))
            session.delete(session.get_one(Publication, publication))

    def bundle(self, publication: str, files: dict[str, bytes]) -> Path:
        """A bundle of these files with their SHA256SUMS."""
        folder = self.home / "bundles" / publication
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        sums = sorted(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in files.items())
        (folder / "SHA256SUMS").write_text("".join(sums))
        return folder

    def record(self, outputs: dict[str, bytes], facts: Facts | None = None, **columns: object) -> str:
        """A published record whose bundle holds these outputs and a log."""
        facts = facts or recorded.facts()
        facts = replace(facts, outputs=tuple(recorded.output(path, data) for path, data in outputs.items()))
        publication = self.publication(facts, **columns)
        files = {f"outputs/{path}": data for path, data in outputs.items()}
        self.bundle(publication, files | {"logs/run.log": b"it ran\n", "reproduce.sh": b"#!/bin/sh\n"})
        return publication

    def step(self, publication: str, step: Step, state: str, detail: str | None = None, tries: int = 1) -> None:
        """A journalled step that began ten minutes ago and, unless it is `started` or `waiting`, took 90 s."""
        ended = None if state in {"started", "waiting"} else NOW - 510
        with self.sessions.write() as session:
            session.add(
                StepRow(
                    publication_id=publication,
                    step=step,
                    state=state,
                    tries=tries,
                    detail=detail,
                    started_at=NOW - 600,
                    finished_at=ended,
                )
            )

    def log(self, publication: str, source: str, chunks: list[bytes], *, ended: bool = True) -> None:
        """A log of these chunks."""
        for number, chunk in enumerate(chunks, 1):
            self.storage.write(chunk_key(publication, source, number), [chunk])
        with self.sessions.write() as session:
            size = sum(map(len, chunks))
            session.add(Log(publication_id=publication, source=source, last=len(chunks), size=size, cursor="", ended=ended))
