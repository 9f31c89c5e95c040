"""Processes that do with less than the owner of the tables, with the grants that docs/admin/operate.md gives."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from rigs.load import send
from rigs.receiving import Site, delivery, running_receiver

pytestmark = pytest.mark.postgres
OPERATE = Path(__file__).resolve().parents[3] / "docs" / "admin" / "operate.md"
GRANTS = re.findall(r"^    (GRANT .* TO receiver;)$", OPERATE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def site(database: str) -> Site:
    return Site.prepare(database)


@pytest.fixture
def role(site: Site) -> Iterator[str]:
    """A role that may log in, and nothing else."""
    name = f"role_{secrets.token_hex(6)}"
    owner = create_engine(site.url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
    yield name
    with owner.connect() as connection:
        connection.execute(text(f"DROP OWNED BY {name}"))
        connection.execute(text(f"DROP ROLE {name}"))
    owner.dispose()


def grant(site: Site, statements: list[str]) -> None:
    owner = create_engine(site.url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    owner.dispose()


def as_role(site: Site, role: str) -> str:
    return make_url(site.url).set(username=role).render_as_string(hide_password=False)


def refused(url: str, statement: str) -> bool:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except ProgrammingError as error:
        return "permission denied" in str(error) or "must be owner" in str(error)
    finally:
        engine.dispose()
    return False


def test_a_receiver_receives_with_its_grants_and_reads_nothing_else(site: Site, role: str, tmp_path: Path) -> None:
    assert len(GRANTS) > 3
    grant(site, [statement.replace(" TO receiver;", f" TO {role}") for statement in GRANTS])
    with running_receiver(replace(site, url=as_role(site, role)), tmp_path / "home") as receiver:
        answers = send(receiver.port, [delivery(f"k{one}", f"v1.{one}.0") for one in range(20)], 4)
    assert {answer.status for answer in answers} == {202}
    assert len(site.queued()) == 20
    for table in ("accounts", "api_tokens", "people", "visits", "publications", "audit", "notices"):
        assert refused(as_role(site, role), f"SELECT * FROM {table}"), table
    assert refused(as_role(site, role), "DELETE FROM deliveries")


def test_who_does_not_own_the_audit_log_adds_to_it_and_cannot_unguard_it(site: Site, role: str) -> None:
    url = as_role(site, role)
    grant(site, [f"GRANT SELECT, INSERT ON audit TO {role}", f"GRANT USAGE ON SEQUENCE audit_id_seq TO {role}"])
    columns = "at, deed, actor, origin, subject, detail"
    assert not refused(url, f"INSERT INTO audit ({columns}) VALUES (1, 'approved', 'ada', 'page', 'p1', '')")
    for statement in (
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_keeps_rows ON audit",
        "DROP TABLE audit",
        "CREATE OR REPLACE FUNCTION audit_keeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        "SET session_replication_role = replica",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ):
        assert refused(url, statement), statement
