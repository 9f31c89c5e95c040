"""What the API takes and answers. Times are seconds since the epoch (UTC), sizes are bytes; what is not known is null."""

from pydantic import BaseModel, ConfigDict, Field

from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.publications.publication import Kind, State, Step

_DIGEST = "^sha256:[0-9a-f]{64}$"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(_Answer):
    """An error (RFC 9457): `title` says what happened, `detail` what to do about it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    faults: list[str] | None = None


class HandIn(_Question):
    """What a CI job hands in for the tag that its token speaks of."""

    image: str | None = Field(
        None, pattern=_DIGEST, description="Digest of the image that the pipeline built; null where this service builds."
    )
    manifest: str | None = Field(
        None, max_length=1 << 20, description="Text of the manifest that counts, where it is not the repository's tagstone.yml."
    )
    rehearsal: bool = Field(default=False, description="Whether the whole chain is gone through without an identifier.")


class Taken(_Answer):
    """What became of it: `new` says whether work was queued."""

    publication: str
    state: State
    url: str
    new: bool


class PublicationAnswer(_Answer):
    """Where a publication stands. `attempt` is what an approval names; `record` is the address of its record's page."""

    id: str
    kind: Kind
    project: str
    tag: str
    commit: str
    state: State
    step: Step | None = None
    attempt: int
    waiting: str | None = None
    error: str | None = None
    remedy: str | None = None
    title: str | None = None
    version: str | None = None
    doi: str | None = None
    concept_doi: str | None = None
    record: str | None = None
    image: str | None = None
    url: str
    created_at: float
    finished_at: float | None = None


class PublicationList(_Answer):
    """Publications, newest first, and how many there are in all."""

    publications: list[PublicationAnswer]
    total: int


class Approval(_Question):
    """Which draft was looked at: `attempt` of the publication."""

    attempt: int = Field(ge=1, le=2**31 - 1)


class CapsAnswer(_Answer):
    """The most hardware that a run may ask for: cores, bytes, bytes, seconds, GPUs; null where the site's own limits count."""

    cpu: float | None = None
    memory: int | None = None
    disk: int | None = None
    time: int | None = None
    gpu: int | None = None


class RegistrationAnswer(_Answer):
    """How a forge's project is registered."""

    forge: str
    number: int
    path: str
    standing: Standing
    builder: ImageBuilder
    caps: CapsAnswer


class RequestAnswer(_Answer):
    """A registration as those see it who asked for it or decide about it; `refused_because` is what a curator answered."""

    id: int
    registration: RegistrationAnswer
    asked_by: str
    note: str
    refused_because: str | None = None


class RegistrationList(_Answer):
    """Registrations, those first that wait for a decision."""

    registrations: list[RequestAnswer]


class RegistrationWish(_Question):
    """What a maintainer asks for: a project by its path or number, at one of the site's forges (null: where the caller has an account)."""

    project: str = Field(min_length=1, max_length=500)
    forge: str | None = Field(None, max_length=64)
    builder: ImageBuilder = ImageBuilder.CI
    tags: list[str] = Field([], max_length=20, description="Globs of tags; none: versions without a pre-release suffix.")
    note: str = Field("", max_length=2000, description="What for, for the curator who decides.")


class ProjectAnswer(_Answer):
    """A project; `registration` is null for local repositories."""

    id: int
    key: str
    name: str
    url: str | None = None
    registration: RegistrationAnswer | None = None


class ProjectList(_Answer):
    """Projects, by name."""

    projects: list[ProjectAnswer]


class RecordAnswer(_Answer):
    """A record. `closed_until` is when its files are for everybody; `bundle` is where all of it is, null while that is not for everybody."""

    id: str
    project: str
    tag: str
    commit: str
    title: str | None = None
    version: str | None = None
    authors: str | None = None
    year: int | None = None
    licence: str | None = None
    doi: str | None = None
    concept_doi: str | None = None
    image: str | None = None
    closed_until: float | None = None
    withdrawn_at: float | None = None
    withdrawn_because: str | None = None
    url: str
    bundle: str | None = None


class RecordList(_Answer):
    """One page of records, newest first; `older` is what asks for the next page, null at the end."""

    records: list[RecordAnswer]
    older: str | None = None
