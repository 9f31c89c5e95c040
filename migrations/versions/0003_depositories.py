"""Accounts at depositories, the journal of what they were asked, reservations, and what comes after the release"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FLOATS = ("closed_until", "resolved_at", "checked_at", "withdrawn_at")
_TEXTS = ("deposit_files", "owner", "contact", "drift", "withdrawn_because", "withdrawn_by")


def upgrade() -> None:
    """Go forward."""
    _add_accounts()
    _add_journals()
    with op.batch_alter_table("steps") as table:
        table.add_column(sa.Column("away_since", sa.Float(), nullable=True))
    with op.batch_alter_table("publications") as table:
        table.add_column(sa.Column("account", sa.String(length=64), nullable=True))
        for column in _FLOATS:
            table.add_column(sa.Column(column, sa.Float(), nullable=True))
        for column in _TEXTS:
            table.add_column(sa.Column(column, sa.Text(), nullable=True))
    op.create_index("ix_publications_state_checked", "publications", ["state", "checked_at"])
    op.create_index("ix_publications_image", "publications", ["image"])
    with op.batch_alter_table("projects") as table:
        table.drop_column("series")


def _add_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("depository", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
    )
    op.create_table(
        "bindings",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("depository", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("series", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_bindings_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "depository", name=op.f("pk_bindings")),
    )
    op.execute(
        "INSERT INTO bindings (project_id, depository, series) SELECT id, 'local', series FROM projects WHERE series IS NOT NULL"
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(length=17), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("deposit", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_reservations_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
        sa.UniqueConstraint("project_id", "ref", name=op.f("uq_reservations_project_id")),
    )


def _add_journals() -> None:
    op.create_table(
        "asked",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("publication_id", sa.String(length=17), nullable=False),
        sa.Column("call", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("answered_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asked")),
        sa.UniqueConstraint("publication_id", "call", "name", name=op.f("uq_asked_publication_id")),
    )
    op.create_table(
        "letters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("publication_id", sa.String(length=17), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("owed_at", sa.Float(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["publication_id"], ["publications.id"], name=op.f("fk_letters_publication_id_publications")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
        sa.UniqueConstraint("publication_id", "event", "attempt", name=op.f("uq_letters_publication_id")),
    )
    op.create_index("ix_letters_outcome_due", "letters", ["outcome", "due_at"])


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("projects") as table:
        table.add_column(sa.Column("series", sa.Text(), nullable=True))
    op.execute(
        "UPDATE projects SET series = (SELECT series FROM bindings WHERE project_id = projects.id AND depository = 'local')"
    )
    op.drop_index("ix_publications_image", "publications")
    op.drop_index("ix_publications_state_checked", "publications")
    with op.batch_alter_table("steps") as table:
        table.drop_column("away_since")
    with op.batch_alter_table("publications") as table:
        for column in (*_TEXTS, *_FLOATS, "account"):
            table.drop_column(column)
    for table_name in ("letters", "asked", "reservations", "bindings", "accounts"):
        op.drop_table(table_name)
