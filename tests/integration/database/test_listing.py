"""What the catalogue asks of a database, on PostgreSQL."""

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import InvalidRequestError

from fakes import facts as recorded
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import State
from tagstone.store import projects, publications
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication

pytestmark = pytest.mark.postgres


def test_a_page_of_a_list_is_read_without_its_facts(engine: Engine) -> None:
    with Sessions(engine).write() as session:
        project = projects.ensure(session, ProjectIdentity("root:abc", "wobble", "/srv/wobble"), 1.0)
        for number in range(3):
            row = Publication(
                id=f"p{number:016}", project_id=project.id, kind="publication", ref=f"v{number}", commit="c", tree="t"
            )
            row.commit_time, row.state, row.created_at, row.updated_at = 1, State.PUBLISHED, float(number), 1.0
            row.facts = record.dump(recorded.facts()).decode() if number else None
            session.add(row)
    with Sessions(engine).read() as session:
        rows = publications.listing(session, state=State.PUBLISHED, facts=False, limit=2, offset=1)
        assert [row.ref for row in rows] == ["v1", "v0"]
        with pytest.raises(InvalidRequestError):
            _ = rows[0].facts
