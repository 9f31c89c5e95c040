"""Approval before release, and the catalogue's search"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("publications") as table:
        table.add_column(sa.Column("approved_at", sa.Float(), nullable=True))
        table.add_column(sa.Column("approved_by", sa.Text(), nullable=True))
        table.add_column(sa.Column("year", sa.Integer(), nullable=True))
        table.add_column(sa.Column("licence", sa.Text(), nullable=True))
        table.add_column(sa.Column("contents", sa.String(length=16), nullable=True))
        table.add_column(sa.Column("byline", sa.Text(), nullable=True))
        for column in ("year", "licence", "contents"):
            table.create_index(op.f(f"ix_publications_{column}"), [column])
    bytewise = sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql")
    op.create_table(
        "words",
        sa.Column("word", bytewise, nullable=False),
        sa.Column("publication_id", sa.String(length=17), nullable=False),
        sa.ForeignKeyConstraint(["publication_id"], ["publications.id"], name=op.f("fk_words_publication_id_publications")),
        sa.PrimaryKeyConstraint("word", "publication_id", name=op.f("pk_words")),
    )
    op.create_index("ix_words_publication_id", "words", ["publication_id"])


def downgrade() -> None:
    """Go back."""
    op.drop_table("words")
    with op.batch_alter_table("publications") as table:
        for column in ("year", "licence", "contents"):
            table.drop_index(op.f(f"ix_publications_{column}"))
        for column in ("byline", "contents", "licence", "year", "approved_by", "approved_at"):
            table.drop_column(column)
