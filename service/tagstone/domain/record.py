"""What was recorded of one publication: the facts that bundle, pages, reproduction and verification are made of.

`tagstone.json` in every bundle is these facts, so that a DOI alone is enough to read them again.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from tagstone.domain.build import BaseImage, Package
from tagstone.domain.deposit import Deposit, DepositState
from tagstone.domain.oci import Image
from tagstone.domain.run import OutputFile, RunSpec, RunStatus
from tagstone.domain.source import Commit, ProjectIdentity
from tagstone.errors import Invalid

SCHEMA = 1


@dataclass(frozen=True)
class InputFacts:
    """An input as it was fetched: where from, where to in the workspace, and its bytes in storage."""

    source: str
    path: str
    size: int
    sha256: str
    storage_key: str


@dataclass(frozen=True)
class SourceFacts:
    """Where the code came from. `archive_key` is the Storage key of the code archive (tar); sizes in bytes.

    `manifest` and `citation` are the texts that count: the manifest as written, the citation as a CITATION.cff.
    """

    project: ProjectIdentity
    commit: Commit
    tag: str
    version: str
    title: str
    manifest: str
    citation: str
    archive_key: str
    archive_size: int
    archive_sha256: str
    inputs: tuple[InputFacts, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageFacts:
    """The image and how it came about; `built` is False when the environment was found again.

    `registry` is the host that keeps the image for everybody, empty when nobody but the bundle does.
    """

    image: Image
    environment_key: str
    bases: tuple[BaseImage, ...]
    packages: tuple[Package, ...]
    builder: str
    built: bool
    registry: str = ""


@dataclass(frozen=True)
class RunFacts:
    """The run: what was asked, what was granted, how it ended. `log_key` is the whole log's Storage key."""

    spec: RunSpec
    status: RunStatus
    runner: str
    log_key: str
    log_size: int
    log_sha256: str


@dataclass(frozen=True)
class Facts:
    """Everything recorded of one publication, filled step by step; `tagstone` is the version that recorded it."""

    publication: str
    source: SourceFacts
    tagstone: str
    schema: int = SCHEMA
    image: ImageFacts | None = None
    deposit: Deposit | None = None
    run: RunFacts | None = None
    outputs: tuple[OutputFile, ...] = ()

    @property
    def date(self) -> str:
        """The day (ISO 8601, UTC) that the record bears: when the run ended, else the commit's."""
        ended = self.run.status.finished_at if self.run else None
        return datetime.fromtimestamp(self.source.commit.time if ended is None else ended, UTC).date().isoformat()

    @property
    def doi(self) -> str | None:
        """The identifier reserved for it, None for a rehearsal."""
        return self.deposit.doi if self.deposit else None


def archived(facts: Facts) -> Facts:
    """The facts as the bundle carries them: without the path of somebody's machine, the deposit as it was when reserved."""
    project = replace(facts.source.project, location=facts.source.project.url or "")
    deposit = replace(facts.deposit, state=DepositState.DRAFT) if facts.deposit else None
    return replace(facts, source=replace(facts.source, project=project), deposit=deposit)


_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)


def dump(facts: Facts) -> bytes:
    """Facts as canonical JSON: equal facts, equal bytes."""
    return json.dumps(_FACTS.dump_python(facts, mode="json"), sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def load(data: bytes) -> Facts:
    """Facts from JSON. Raises: Invalid when the JSON is not a record of this schema."""
    try:
        return _FACTS.validate_json(data)
    except ValidationError as error:
        raise Invalid(
            f"This is not a Tagstone record: {error.errors()[0]['msg']}.", remedy="Take tagstone.json from an intact bundle."
        ) from None
