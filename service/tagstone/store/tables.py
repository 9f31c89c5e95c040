"""The tables. Times are seconds since the epoch (UTC); facts are JSON of `domain.record.Facts`."""

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """What all rows have in common: the naming of constraints, so that migrations can name them."""

    metadata = MetaData(naming_convention=_NAMES)


class Project(Table):
    """A Git project; `series` is its series at the depository once its first version is released."""

    __tablename__ = "projects"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    location: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    series: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)


class Publication(Table):
    """One tag (or rehearsed ref) at one commit. `holds_series` is true from the draft until it is released or given up."""

    __tablename__ = "publications"
    __table_args__ = (
        Index("ix_publications_project_ref", "project_id", "ref"),
        Index("ix_publications_state_created", "state", "created_at"),
        Index("ix_publications_created", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(17), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    kind: Mapped[str] = mapped_column(String(16))
    ref: Mapped[str] = mapped_column(Text)
    commit: Mapped[str] = mapped_column(String(64))
    tree: Mapped[str] = mapped_column(String(64))
    commit_time: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    step: Mapped[str | None] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    waiting: Mapped[str | None] = mapped_column(Text)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False)
    holds_series: Mapped[bool] = mapped_column(Boolean, default=False)
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("publications.id"))
    title: Mapped[str | None] = mapped_column(Text)
    version: Mapped[str | None] = mapped_column(Text)
    image: Mapped[str | None] = mapped_column(Text)
    doi: Mapped[str | None] = mapped_column(Text, index=True)
    concept_doi: Mapped[str | None] = mapped_column(Text)
    facts: Mapped[str | None] = mapped_column(Text)
    bundle_key: Mapped[str | None] = mapped_column(Text)
    bundle_files: Mapped[str | None] = mapped_column(Text, deferred=True)
    error: Mapped[str | None] = mapped_column(Text)
    error_kind: Mapped[str | None] = mapped_column(String(32))
    remedy: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)
    updated_at: Mapped[float] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)

    project: Mapped[Project] = relationship(lazy="raise")


class StepRow(Table):
    """The journal: a row is committed before the step's first effect, and completed after its last."""

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("publication_id", "step"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    publication_id: Mapped[str] = mapped_column(ForeignKey("publications.id"))
    step: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(Integer, default=1)
    detail: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[float] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)


class Log(Table):
    """Where a publication's build or run log stands: chunks 1..`last` are in storage, `cursor` is the source's own."""

    __tablename__ = "logs"
    __table_args__ = (UniqueConstraint("publication_id", "source"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    publication_id: Mapped[str] = mapped_column(ForeignKey("publications.id"))
    source: Mapped[str] = mapped_column(String(16))
    last: Mapped[int] = mapped_column(Integer, default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    cursor: Mapped[str] = mapped_column(Text, default="")
    ended: Mapped[bool] = mapped_column(Boolean, default=False)
