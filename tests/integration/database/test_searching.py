"""What the catalogue's search asks of a database, on PostgreSQL: words are sorted by bytes there too."""

import pytest
from sqlalchemy import Engine

from fakes import facts as recorded
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import State
from tagstone.store import projects, search
from tagstone.store.search import Wanted
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("few", [300, 2])
def test_records_are_found_by_words_beginnings_and_filters_page_by_page(engine: Engine, few: int) -> None:
    facts = recorded.facts()
    with Sessions(engine).write() as session:
        project = projects.ensure(session, ProjectIdentity("root:abc", "wobble", "/srv/wobble"), 1.0)
        for number in range(7):
            row = Publication(
                id=f"p{number:016}", project_id=project.id, kind="publication", ref=f"v{number}", commit="c", tree="t"
            )
            row.commit_time, row.state, row.created_at, row.updated_at = 1, State.PUBLISHED, float(number // 2), 1.0
            row.facts = record.dump(facts).decode()
            session.add(row)
        session.flush()
        assert search.index_missing(session) == 7
        assert search.index_missing(session) == 0
    with Sessions(engine).read() as session:
        for wanted in (Wanted(), Wanted(text="lovelace wob"), Wanted(text="WOBB", year=2026, licence="MIT")):
            first = search.find(session, wanted, 4, few=few)
            assert first.older is not None
            rest = search.find(session, wanted, 4, first.older, few=few)
            assert [row.ref for row in first.rows + rest.rows] == ["v6", "v4", "v5", "v2", "v3", "v0", "v1"]
        assert search.find(session, Wanted(text="wobblers"), 4, few=few).rows == []
        assert (search.years(session), search.licences(session)) == ([2026], ["MIT"])
