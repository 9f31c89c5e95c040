"""The audit log, which is only ever added to, and what is known of credentials"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_REFUSED = "the audit log is only ever added to"
_ABORT = f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
# A row that replaces another one goes by no trigger for deletions (https://www.sqlite.org/lang_conflict.html).
_REPLACES = "WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)"
_SQLITE = (
    f"CREATE TRIGGER audit_keeps_update BEFORE UPDATE ON audit {_ABORT}",
    f"CREATE TRIGGER audit_keeps_delete BEFORE DELETE ON audit {_ABORT}",
    f"CREATE TRIGGER audit_keeps_insert BEFORE INSERT ON audit {_REPLACES} {_ABORT}",
)
_RAISE = f"BEGIN RAISE EXCEPTION '{_REFUSED}' USING ERRCODE = 'restrict_violation'; END"
_POSTGRESQL = (
    f"CREATE FUNCTION audit_keeps() RETURNS trigger LANGUAGE plpgsql AS $$ {_RAISE} $$",
    "CREATE TRIGGER audit_keeps_rows BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_keeps()",
    "CREATE TRIGGER audit_keeps_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_keeps()",
)


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("deed", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_index("ix_audit_deed_subject_at", "audit", ["deed", "subject", "at"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
    op.create_table(
        "credentials",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("used_at", sa.Float(), nullable=True),
        sa.Column("looked_at", sa.Float(), nullable=True),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("may", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("warned", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_credentials")),
    )
    with op.batch_alter_table("registrations") as batch:
        batch.add_column(sa.Column("rotates", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch.add_column(sa.Column("rotating_at", sa.Float(), nullable=True))
    with op.batch_alter_table("registrations") as batch:
        batch.alter_column("rotates", existing_type=sa.Boolean(), server_default=None)
