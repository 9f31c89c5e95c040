"""What was recorded of one publication: the facts that bundle, pages, reproduction and verification are made of.

`tagstone.json` in every bundle is these facts, so that a DOI alone is enough to read them again.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.deposits.deposit import Deposit, DepositState, Limits, Publisher, Related
from tagstone.domain.environments.build import BaseImage, Package, PackageArchive
from tagstone.domain.images.oci import Image
from tagstone.domain.publications.publication import Kind
from tagstone.domain.runs.matrix import Combination
from tagstone.domain.runs.run import Outcome, OutputFile, RunSpec, RunStatus
from tagstone.errors import Invalid

SCHEMA = 1


@dataclass(frozen=True)
class InputFacts:
    """An input as it was fetched: where from, where to in the workspace, and its bytes in storage.

    `doi` is the record's that has it, `licence` (SPDX) what it may be copied under, `copied` whether the bundle has its bytes.
    """

    source: str
    path: str
    size: int
    sha256: str
    storage_key: str
    doi: str | None = None
    licence: str | None = None
    copied: bool = True


@dataclass(frozen=True)
class SourceFacts:
    """Where the code came from. `archive_key` is the Storage key of the code archive (tar); sizes in bytes.

    `swhid` is the Software Hash Identifier of the archived folder (`swh:1:dir:…`).

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
    swhid: str = ""


@dataclass(frozen=True)
class ImageFacts:
    """The image and how it came about; `built` is False when the environment was found again.

    `registry` is the host that keeps the image for everybody, empty when nobody but the bundle does; `bundled` is False when
    nobody but the registry does, because the depository does not take so much.
    `recipe` is the Containerfile that it was built by, `archives` the package archives as they stood then.
    """

    image: Image
    environment_key: str
    bases: tuple[BaseImage, ...]
    packages: tuple[Package, ...]
    builder: str
    built: bool
    registry: str = ""
    recipe: str = ""
    archives: tuple[PackageArchive, ...] = ()
    bundled: bool = True

    @property
    def address(self) -> str:
        """What engines pull: a host, a name and a digest; empty where no registry keeps the image for everybody."""
        return f"{self.registry}/{self.image.reference}" if self.registry else ""


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
class MatrixRun:
    """One run of a matrix; `key` is what it was known by outside. What it left lies below its combination's folder; `problem` says
    what was wrong with that, empty where nothing was.
    """

    combination: Combination
    key: str
    run: RunFacts
    problem: str = ""

    @property
    def well(self) -> bool:
        """True when it ended well and left what it should: it is not begun again."""
        return self.run.status.outcome is Outcome.SUCCEEDED and not self.problem


@dataclass(frozen=True)
class Amendment:
    """A change of what a record says of itself, made after its release: when (seconds since the epoch) and by whom.

    `citation` is the CITATION.cff that counts from then on, None where it stayed; `related` are the works that were added.
    """

    at: float
    by: str
    citation: str | None = None
    related: tuple[Related, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Everything recorded of one publication, filled step by step; `tagstone` is the version that recorded it.

    `began_at` is when work on it began, in seconds since the epoch. `run` stays None where nothing is run. `secrets_waived` are the findings that the author answered for, by name.
    `limits` are those of the depository that the bundle is made for. `amendments` came after the release: no bundle has them.
    `matrix` are the runs of a matrix, by their numbers; `run` is then all of them in one, asked for as the first one was.
    `own_host` says what of a registered project was done on the service's own host, as its admin allows: `built by podman`, `run by podman`.
    """

    publication: str
    source: SourceFacts
    tagstone: str
    schema: int = SCHEMA
    image: ImageFacts | None = None
    deposit: Deposit | None = None
    run: RunFacts | None = None
    outputs: tuple[OutputFile, ...] = ()
    secrets_waived: tuple[str, ...] = ()
    publisher: Publisher = field(default_factory=Publisher)
    began_at: float | None = None
    limits: Limits = field(default_factory=Limits)
    amendments: tuple[Amendment, ...] = ()
    own_host: tuple[str, ...] = ()
    matrix: tuple[MatrixRun, ...] = ()

    @property
    def citation(self) -> str:
        """The CITATION.cff that counts: the one at the commit, or that of the last amendment that brought another."""
        return next((one.citation for one in reversed(self.amendments) if one.citation is not None), self.source.citation)

    @property
    def rehearses(self) -> bool:
        """True for a rehearsal: what it has of an identifier is registered nowhere, and cannot be cited."""
        return self.publication.startswith(Kind.REHEARSAL[0])

    @property
    def ran(self) -> bool:
        """True when the analysis was run here to its end."""
        return self.run is not None and self.run.status.finished_at is not None

    @property
    def date(self) -> str:
        """The day (ISO 8601, UTC) that the record bears."""
        return self.moment.date().isoformat()

    @property
    def moment(self) -> datetime:
        """When the record came about (UTC): when the run ended, else when work on it began, else the commit's time."""
        ended = self.run.status.finished_at if self.run else None
        known = (moment for moment in (ended, self.began_at) if moment is not None)
        return datetime.fromtimestamp(next(known, self.source.commit.time), UTC)

    @property
    def doi(self) -> str | None:
        """The identifier reserved for it, None for a rehearsal."""
        return self.deposit.doi if self.deposit else None


def archived(facts: Facts) -> Facts:
    """The facts as the bundle carries them: without the path of somebody's machine, the deposit as it was when reserved."""
    project = replace(facts.source.project, location=facts.source.project.url or "")
    deposit = replace(facts.deposit, state=DepositState.DRAFT) if facts.deposit else None
    return replace(facts, source=replace(facts.source, project=project), deposit=deposit, amendments=())


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
