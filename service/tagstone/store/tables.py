"""The tables. Times are seconds since the epoch (UTC); facts are JSON of `domain.publications.record.Facts`."""

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# Sorted by bytes everywhere, so that an index finds what begins with some letters.
_BYTEWISE = String(64).with_variant(String(64, collation="C"), "postgresql")


class Table(DeclarativeBase):
    """What all rows have in common: the naming of constraints, so that migrations can name them."""

    metadata = MetaData(naming_convention=_NAMES)


class Project(Table):
    """A Git project."""

    __tablename__ = "projects"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    location: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)


class Account(Table):
    """An account at a depository under a name of ours; `token` is sealed. `owner` says whose its records are."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    depository: Mapped[str] = mapped_column(String(64))
    owner: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(Text, deferred=True)
    created_at: Mapped[float] = mapped_column(Float)


class Binding(Table):
    """A project at a depository: the account that a curator bound it to (None: nobody did), and its series there.

    `account` is the name of an account, or the depository's own name for the site's account.
    """

    __tablename__ = "bindings"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    depository: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str | None] = mapped_column(String(64))
    series: Mapped[str | None] = mapped_column(Text)


class Reservation(Table):
    """A DOI reserved before its tag exists; `deposit` is JSON of `domain.deposits.deposit.Deposit`. The tag's publication takes it over."""

    __tablename__ = "reservations"
    __table_args__ = (UniqueConstraint("project_id", "ref"),)

    id: Mapped[str] = mapped_column(String(17), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    ref: Mapped[str] = mapped_column(Text)
    account: Mapped[str] = mapped_column(String(64))
    deposit: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)


class Asked(Table):
    """The journal of what a depository was asked: a row is committed before the call, and completed with its answer.

    `call` is draft, doi, carry, file, publish, published, resolves or share; `name` a file's name, else empty. `about` is what was
    asked for: the checksum of a file, the series of a draft, the community of a publication; `answer` is what came back.
    """

    __tablename__ = "asked"
    __table_args__ = (UniqueConstraint("publication_id", "call", "name"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    publication_id: Mapped[str] = mapped_column(String(17))
    call: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(Text, default="")
    about: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[float] = mapped_column(Float)
    answered_at: Mapped[float | None] = mapped_column(Float)


class Publication(Table):
    """One tag (or rehearsed ref) at one commit. `holds_series` is true from the draft until it is released or given up.

    `handed_image` is the image (`name@digest`) that a CI job built and handed in, `handed_manifest` the manifest that it was built by.
    `pushed_by` is the forge's name of who pushed the tag, where it said so.
    `account` is the depository's account that the deposit was begun with, `owner` whose that is in words for people, `contact` the e-mail address of who set the tag.
    `closed_until` is when its files are for everybody, None: from the beginning. `resolved_at` is when the DOI was first seen to resolve, `checked_at` when the deposited bytes were last compared, `drift`
    what was found to differ then.
    """

    __tablename__ = "publications"
    __table_args__ = (
        Index("ix_publications_project_ref", "project_id", "ref"),
        Index("ix_publications_state_created", "state", "created_at"),
        Index("ix_publications_created", "created_at"),
        Index("ix_publications_state_checked", "state", "checked_at"),
        Index("ix_publications_image", "image"),
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
    deposit_files: Mapped[str | None] = mapped_column(Text, deferred=True)
    error: Mapped[str | None] = mapped_column(Text)
    error_kind: Mapped[str | None] = mapped_column(String(32))
    remedy: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)
    updated_at: Mapped[float] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)
    approved_at: Mapped[float | None] = mapped_column(Float)
    approved_by: Mapped[str | None] = mapped_column(Text)
    year: Mapped[int | None] = mapped_column(Integer, index=True)
    licence: Mapped[str | None] = mapped_column(Text, index=True)
    contents: Mapped[str | None] = mapped_column(String(16), index=True)
    byline: Mapped[str | None] = mapped_column(Text)
    account: Mapped[str | None] = mapped_column(String(64))
    owner: Mapped[str | None] = mapped_column(Text)
    contact: Mapped[str | None] = mapped_column(Text)
    closed_until: Mapped[float | None] = mapped_column(Float)
    resolved_at: Mapped[float | None] = mapped_column(Float)
    checked_at: Mapped[float | None] = mapped_column(Float)
    drift: Mapped[str | None] = mapped_column(Text)
    withdrawn_at: Mapped[float | None] = mapped_column(Float)
    withdrawn_because: Mapped[str | None] = mapped_column(Text)
    withdrawn_by: Mapped[str | None] = mapped_column(Text)
    handed_image: Mapped[str | None] = mapped_column(Text)
    handed_manifest: Mapped[str | None] = mapped_column(Text, deferred=True)
    pushed_by: Mapped[str | None] = mapped_column(Text)

    project: Mapped[Project] = relationship(lazy="raise")


class Letter(Table):
    """A letter that is owed to the contact of a publication; written down with what it tells of, and sent by whoever looks after it.

    `event` is a `domain.publications.letter.Event`, at an attempt. `outcome` is how it ended (sent, refused, given up, outdated,
    or no mail is configured); None: it is tried, not before `due_at`.
    """

    __tablename__ = "letters"
    __table_args__ = (
        UniqueConstraint("publication_id", "event", "attempt"),
        Index("ix_letters_outcome_due", "outcome", "due_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    publication_id: Mapped[str] = mapped_column(ForeignKey("publications.id"))
    event: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(Integer)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    outcome: Mapped[str | None] = mapped_column(String(16))
    owed_at: Mapped[float] = mapped_column(Float)
    due_at: Mapped[float] = mapped_column(Float)


class Announcement(Table):
    """What is owed to the forge of a publication's project; written down with what it tells of, and made by whoever looks after it.

    `what` is a `domain.forges.announcement.What`; a comment tells of an `event` at an `attempt`, all else of how things stand (empty, 0).
    `turn` counts how often it was owed. `outcome` is how it ended (made, refused, given up, outdated), `reason` why; None: it is
    tried, not before `due_at`.
    """

    __tablename__ = "announcements"
    __table_args__ = (
        UniqueConstraint("publication_id", "what", "event", "attempt"),
        Index("ix_announcements_outcome_due", "outcome", "due_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    publication_id: Mapped[str] = mapped_column(ForeignKey("publications.id"))
    what: Mapped[str] = mapped_column(String(16))
    event: Mapped[str] = mapped_column(String(16), default="")
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    turn: Mapped[int] = mapped_column(Integer, default=1)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    outcome: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    owed_at: Mapped[float] = mapped_column(Float)
    due_at: Mapped[float] = mapped_column(Float)


class Notice(Table):
    """A letter that is owed about what is no publication, as it was written then. `outcome` and `due_at` are those of `Letter`."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_outcome_due", "outcome", "due_at"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    outcome: Mapped[str | None] = mapped_column(String(16))
    owed_at: Mapped[float] = mapped_column(Float)
    due_at: Mapped[float] = mapped_column(Float)


class Word(Table):
    """A word that a record is found by, lower-case; records only, from their release on. `year`, `licence` and `contents` of
    a publication are for the catalogue's filters; `contents` is outputs, environment or brought; `byline` is its authors.
    """

    __tablename__ = "words"
    __table_args__ = (Index("ix_words_publication_id", "publication_id"),)

    word: Mapped[str] = mapped_column(_BYTEWISE, primary_key=True)
    publication_id: Mapped[str] = mapped_column(ForeignKey("publications.id"), primary_key=True)


class StepRow(Table):
    """The journal: a row is committed before the step's first effect, and completed after its last.

    `away_since` is when an outage began that the step waits out, None when there is none.
    """

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("publication_id", "step"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    publication_id: Mapped[str] = mapped_column(ForeignKey("publications.id"))
    step: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(Integer, default=1)
    away_since: Mapped[float | None] = mapped_column(Float)
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


class Registration(Table):
    """A forge's project that this site publishes for. `forge` is its name in the settings, `remote` its number there, `path` its path.

    `standing` is a `domain.forges.registration.Standing`, `builder` an `ImageBuilder`; `tags` are JSON globs, `caps` JSON limits of
    hardware. `announces` are JSON of what the service writes at the forge (`domain.forges.announcement.What`). `since` is from when on its tags are published by themselves, `tags_before` (JSON) the names of those it had then. `token` is a sealed access token of the project, `rotates`
    says whether it may be replaced before it expires, and `rotating_at` since when it is not known whether that has happened.
    `asker` is the number of the person who asked for it, `note` what they wrote, `refused_because` what a curator answered.
    """

    __tablename__ = "registrations"
    __table_args__ = (UniqueConstraint("forge", "remote"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    forge: Mapped[str] = mapped_column(String(64))
    remote: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(Text)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    standing: Mapped[str] = mapped_column(String(16))
    builder: Mapped[str] = mapped_column(String(16))
    tags: Mapped[str] = mapped_column(Text, default="[]")
    caps: Mapped[str] = mapped_column(Text, default="{}")
    asked_by: Mapped[str] = mapped_column(Text)
    granted_by: Mapped[str | None] = mapped_column(Text)
    since: Mapped[float] = mapped_column(Float)
    tags_before: Mapped[str] = mapped_column(Text, default="[]", deferred=True)
    announces: Mapped[str] = mapped_column(Text, default="[]")
    token: Mapped[str | None] = mapped_column(Text, deferred=True)
    token_expires_at: Mapped[float | None] = mapped_column(Float)
    rotates: Mapped[bool] = mapped_column(Boolean, default=True)
    rotating_at: Mapped[float | None] = mapped_column(Float)
    note: Mapped[str] = mapped_column(Text, default="")
    asker: Mapped[int | None] = mapped_column(Integer)
    refused_because: Mapped[str | None] = mapped_column(Text)

    project: Mapped[Project] = relationship(lazy="raise")


class Hook(Table):
    """A hook of a forge that delivers to us, and how its deliveries are known: `signing` and `secret` are sealed tokens.

    `scope` is project, group or system; only a project's own hook has a `registration_id`, and speaks for that project alone.
    `remote` is the hook's number at the forge.
    """

    __tablename__ = "hooks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    forge: Mapped[str] = mapped_column(String(64))
    scope: Mapped[str] = mapped_column(String(16))
    registration_id: Mapped[int | None] = mapped_column(ForeignKey("registrations.id"))
    remote: Mapped[int | None] = mapped_column(BigInteger)
    signing: Mapped[str | None] = mapped_column(Text)
    secret: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)


class Delivery(Table):
    """What a hook delivered once: `key` is the forge's own id of it, so that it has its effect once, however often it comes.

    `state` is received, waiting (for the pipeline's image, until `due_at`), done, ignored or failed, `reason` says why in words.
    `about` is JSON of `domain.forges.delivery.Delivered`, `body` the payload without what is private.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("hook_id", "key"),
        Index("ix_deliveries_state_due", "state", "due_at"),
        Index("ix_deliveries_registration_ref", "registration_id", "ref"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    hook_id: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(128))
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"))
    happening: Mapped[str] = mapped_column(String(16))
    ref: Mapped[str] = mapped_column(Text)
    about: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text, deferred=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    publication_id: Mapped[str | None] = mapped_column(String(17))
    turns: Mapped[int] = mapped_column(Integer, default=1)
    received_at: Mapped[float] = mapped_column(Float)
    due_at: Mapped[float | None] = mapped_column(Float)


class SpentToken(Table):
    """A token of a CI job that was used: `id` is a hash of forge and `jti`, `asked` one of what it was used for.

    It is forgotten when it would be refused anyway, because it has expired.
    """

    __tablename__ = "spent_tokens"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    asked: Mapped[str] = mapped_column(String(64))
    publication_id: Mapped[str] = mapped_column(String(17))
    expires_at: Mapped[float] = mapped_column(Float, index=True)


class Person(Table):
    """Who signed in once: `issuer` and `subject` are the provider's, and stay when `name` changes there.

    `forge` and `remote` are whose account it is at a forge, None where that is not known. `role` is a `domain.people.Role`.
    `email` is their address, where the provider vouches for it.
    """

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    forge: Mapped[str | None] = mapped_column(String(64))
    remote: Mapped[int | None] = mapped_column(BigInteger)
    role: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[float] = mapped_column(Float)
    seen_at: Mapped[float] = mapped_column(Float)
    email: Mapped[str | None] = mapped_column(Text)


class Visit(Table):
    """A browser in which somebody is signed in: `id` is the sha256 of what its cookie says."""

    __tablename__ = "visits"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float, index=True)


class ApiToken(Table):
    """A token of a person for programs: `digest` is its sha256. `scopes` are JSON of `domain.people.Scope`."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    scopes: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)
    used_at: Mapped[float | None] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)


class Audit(Table):
    """What somebody did: added with what it tells of, and held against every change by triggers of the database.

    `deed` and `origin` are of `domain.people.deed`; `actor` is a name as it was then, `person` the number of their row. There is no
    foreign key, since nothing may have to be removed here for anything's sake.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject"), Index("ix_audit_deed_subject_at", "deed", "subject", "at"))

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[float] = mapped_column(Float)
    deed: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(Text)
    person: Mapped[int | None] = mapped_column(Integer)
    origin: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)


class CredentialRow(Table):
    """What is known of a credential by its `name` in `tagstone credentials`; never the credential itself.

    `may` and `fault` are what its server said when it was looked at last, `warned` is for how many days before its end somebody was warned.
    """

    __tablename__ = "credentials"

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    used_at: Mapped[float | None] = mapped_column(Float)
    looked_at: Mapped[float | None] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float)
    may: Mapped[str] = mapped_column(Text, default="")
    fault: Mapped[str | None] = mapped_column(Text)
    warned: Mapped[int | None] = mapped_column(Integer)
