"""What Tagstone needs from the outside, as protocols in the domain's words; adapters implement them.

Builder and Runner are start, observe, logs, stop, collect, keyed by the publication: nothing blocks for long, and a second start
adopts what the first began. Every method lets only errors of `tagstone.errors` out; trouble that may pass is `Temporary`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from tagstone.domain.code.source import Commit, ProjectIdentity, SourceEntry
    from tagstone.domain.deposits.deposit import Deposit, DepositFile, DepositMetadata, Limits
    from tagstone.domain.environments.build import BuildStatus, ContextFile, Recipe
    from tagstone.domain.forges.remote import Link, RemoteProject, RemoteTag
    from tagstone.domain.images.oci import Descriptor, ImageReference, ImageSettings
    from tagstone.domain.manifests.sections import Output
    from tagstone.domain.proposal.people import Contribution
    from tagstone.domain.runs.comparison import Deviation
    from tagstone.domain.runs.run import LogChunk, OutputFile, OutputRules, RunSpec, RunStatus


class Clock(Protocol):
    """Time, so that nothing else reads it."""

    def now(self) -> float:
        """Seconds since the epoch (UTC)."""
        ...


@dataclass(frozen=True)
class Stored:
    """What was written to storage; `size` in bytes, checksums in lower-case hexadecimal."""

    key: str
    size: int
    sha256: str
    md5: str


class Storage(Protocol):
    """Bytes by key. Keys are slash-separated relative paths; a write is whole or not there."""

    def write(self, key: str, chunks: Iterable[bytes]) -> Stored:
        """Store a stream under `key`, replacing what was there, with both checksums taken in one pass."""
        ...

    def keep(self, chunks: Iterable[bytes]) -> Stored:
        """Store a stream under its own sha256 (`sha256/ab/abcd…`); equal bytes are stored once."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open for reading (seekable). Raises: NotFound."""
        ...

    def size(self, key: str) -> int | None:
        """Bytes under `key`, or None when there is nothing."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Keys below `prefix`, sorted."""
        ...

    def delete(self, prefix: str) -> None:
        """Remove `prefix` and all below it; nothing there is no error."""
        ...


class Forge(Protocol):
    """Where code lives. `location` is a path or URL that the forge understands."""

    def identify(self, location: str) -> ProjectIdentity:
        """Say which project is at `location`. Raises: NotFound, Invalid."""
        ...

    def resolve(self, location: str, ref: str) -> Commit:
        """Resolve a tag or branch to its commit. Raises: NotFound (with the nearest names), Invalid."""
        ...

    def snapshot(self, location: str) -> Commit:
        """Make the work tree, uncommitted changes included, readable as a commit that no ref points to."""
        ...

    def entries(self, location: str, commit: Commit) -> list[SourceEntry]:
        """Every path of the commit's tree, sorted by path bytes. Raises: Invalid for names that leave the tree."""
        ...

    def read(self, location: str, object_ids: Iterable[str]) -> Iterator[bytes]:
        """The content of each object, in order."""
        ...


class ForgeProjects(Protocol):
    """What forges that people register projects at (GitLab) say of them. `forge` is a name in the settings."""

    def project(self, forge: str, which: int | str) -> RemoteProject:
        """A project by its number or path. Raises: NotFound (also where the token may not see it), Forbidden, Away."""
        ...

    def tag(self, project: RemoteProject, name: str) -> RemoteTag | None:
        """A tag with the commit it points to now, and whether it is protected; None where there is none."""
        ...

    def tags(self, project: RemoteProject) -> Iterator[RemoteTag]:
        """All tags, the newest first; whether they are protected is asked once for all."""
        ...

    def branch(self, project: RemoteProject, name: str) -> str | None:
        """The commit that a branch of the project's own points to now; None where there is none."""
        ...

    def level(self, project: RemoteProject, person: int) -> int:
        """The access level of a person there (0: none, 10 guest … 40 maintainer, 50 owner), inherited ones too."""
        ...


class Announcer(Protocol):
    """What is written back to a forge. Everything is looked up before it is made, and made equal when it differs."""

    def release(self, project: RemoteProject, tag: str, text: str, links: Sequence[Link]) -> str:
        """The tag's release with this description and these links, made where there is none; its address.

        What others wrote into an existing release stays: our part stands between two marks, our links are known by their names.
        """
        ...

    def status(self, project: RemoteProject, sha: str, state: str, text: str, url: str) -> None:
        """The commit's status called `tagstone` (pending, running, success, failed, canceled)."""
        ...

    def comment(self, project: RemoteProject, sha: str, mark: str, text: str) -> None:
        """One comment on the commit; asked again with the same `mark` it is made once."""
        ...

    def badge(self, project: RemoteProject, link: str, image: str) -> None:
        """The project's badge called `tagstone`."""
        ...


class Registrar(Protocol):
    """Sets a project up at its forge, and takes that back; needs a maintainer's token."""

    def hook(self, project: RemoteProject, url: str, signing: str) -> int:
        """A hook that delivers tags, releases and pipelines to `url`, signed; found by its address; its number there."""
        ...

    def unhook(self, project: RemoteProject, number: int) -> None:
        """Remove a hook; nothing there is no error."""
        ...

    def protect(self, project: RemoteProject, pattern: str) -> bool:
        """Protect tags so that maintainers alone make them; False where they are protected already."""
        ...

    def rotate(self, project: RemoteProject, token: str, days: int) -> tuple[str, float]:
        """Replace the project's access token `token` by a new one; it, and when it expires."""
        ...


class History(Protocol):
    """Who wrote what lives at a location that a forge understands."""

    def contributions(self, location: str) -> tuple[Contribution, ...]:
        """Names and addresses of authors with their number of commits, most first. Raises: NotFound."""
        ...

    def tags(self, location: str) -> tuple[str, ...]:
        """Names of tags, newest first. Raises: NotFound."""
        ...


class Registry(Protocol):
    """Images by digest. Every digest is computed from the bytes read, never believed."""

    def manifest(self, name: str, reference: str) -> bytes:
        """The manifest's bytes for a digest or tag. Raises: NotFound, Permanent when bytes and digest differ."""
        ...

    def blob(self, name: str, digest: str) -> BinaryIO:
        """Open a blob; its last read raises Permanent when bytes and digest differ. Raises: NotFound."""
        ...

    def has_blob(self, name: str, digest: str) -> bool:
        """Say whether the blob is there."""
        ...

    def put_blob(self, name: str, chunks: Iterable[bytes], media_type: str) -> Descriptor:
        """Store a blob from a stream with constant memory."""
        ...

    def put_manifest(self, name: str, manifest: bytes, tag: str | None) -> str:
        """Store a manifest and return its digest. Raises: Conflict when `tag` already names another digest."""
        ...

    def pullable(self, image: ImageReference) -> AbstractContextManager[str]:
        """A reference by digest that any engine on this machine can pull while the context is open."""
        ...


@dataclass(frozen=True)
class BuiltRoot:
    """A finished build: its root filesystem as an uncompressed tar stream, and what the engine says of its settings."""

    tar: BinaryIO
    settings: ImageSettings


class Builder(Protocol):
    """Makes root filesystems out of recipes. It never writes images."""

    @property
    def name(self) -> str:
        """What records call it."""
        ...

    def start(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        """Begin, or adopt what an earlier start began. `context` yields each file of the recipe's context with its content."""
        ...

    def observe(self, key: str) -> BuildStatus:
        """How the build stands. Raises: NotFound when it was never started."""
        ...

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes since `cursor` (empty: from the start)."""
        ...

    def collect(self, key: str) -> AbstractContextManager[BuiltRoot]:
        """The finished build's root filesystem. Raises: Conflict when it has not succeeded."""
        ...

    def stop(self, key: str) -> None:
        """End the build and remove all that it left; nothing there is no error."""
        ...


class Runner(Protocol):
    """Runs images by digest with the hardware asked for."""

    @property
    def name(self) -> str:
        """What records call it."""
        ...

    def start(self, key: str, spec: RunSpec) -> None:
        """Begin, or adopt what an earlier start began."""
        ...

    def observe(self, key: str) -> RunStatus:
        """How the run stands; also where its time and disk limits are held. Raises: NotFound when never started."""
        ...

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes (both streams) since `cursor` (empty: from the start)."""
        ...

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        """Put the outputs into storage under their checksums. Raises: Invalid for links, devices, sizes, no match."""
        ...

    def stop(self, key: str) -> None:
        """End the run's processes; its workspace and logs stay readable."""
        ...

    def remove(self, key: str) -> None:
        """Remove container and workspace; nothing there is no error."""
        ...


class Depository(Protocol):
    """Where deposits are drafted and published, by one account."""

    @property
    def name(self) -> str:
        """What manifests and records call it."""
        ...

    def draft(self, metadata: DepositMetadata, series: str | None, *, lost: bool = True) -> Deposit:
        """The publication's draft: found by the publication's identifier, else made.

        `series` is the series of the earlier versions, None for the first. `lost` says that an earlier call's answer may have
        been lost: only then is there anything to be found, whatever state it is in by now. A draft that somebody left in the series
        by hand is taken over. Raises: NotFound without the series, Conflict when it has a draft of another publication.
        """
        ...

    def reserve(self, deposit_id: str) -> Deposit:
        """Reserve the draft's DOI; asked again it is the same one. Raises: NotFound, Conflict when published."""
        ...

    def describe(self, deposit_id: str, metadata: DepositMetadata) -> None:
        """Replace the draft's metadata; the publication that owns the draft may change with it. Raises: Invalid."""
        ...

    def publish(self, deposit_id: str) -> None:
        """Ask once. Whatever the answer, the caller looks with `find` before anything else.

        Raises: Away only where the question never arrived, Temporary where nobody knows; Invalid, Conflict, Forbidden, NotFound.
        """
        ...

    def find(self, deposit_id: str) -> Deposit:
        """The deposit as it stands; state `missing` when there is none."""
        ...

    def discard(self, deposit_id: str) -> None:
        """Remove a draft and its reserved DOI, called back from a community first; nothing there is no error.

        Raises: Conflict when published.
        """
        ...


class DepositFiles(Protocol):
    """The files of one deposit."""

    def list(self, deposit_id: str) -> list[DepositFile]:
        """Files that are whole, sorted by name."""
        ...

    def carry_over(self, deposit_id: str) -> None:
        """Give a draft without files those of the version before; nothing where there is none, or where it has files."""
        ...

    def upload(self, deposit_id: str, name: str, stream: BinaryIO, size: int) -> DepositFile:
        """Send one file, replacing an unfinished one; the answer's checksum is the depository's own."""
        ...

    def delete(self, deposit_id: str, name: str) -> None:
        """Remove a file from a draft; nothing there is no error."""
        ...

    def open(self, deposit_id: str, name: str) -> BinaryIO:
        """Read a file of a draft or record. Raises: NotFound."""
        ...


class Curation(Protocol):
    """What people and communities do with deposits: before the release, and after it."""

    def faults(self, metadata: DepositMetadata) -> tuple[str, ...]:
        """What the depository would refuse of this, in sentences: account, licence, community, access. Makes nothing."""
        ...

    def latest(self, identifier: str) -> Deposit | None:
        """The newest record of a series (by its identifier or concept DOI) that this account may continue; None: there is none."""
        ...

    def submit(self, deposit_id: str, community: str) -> None:
        """Ask a community to take the draft: its curators publish or decline it. Asked again it is the same question.

        Raises: as `publish`.
        """
        ...

    def amend(self, deposit_id: str, metadata: DepositMetadata) -> None:
        """Replace the metadata of a record under the same DOI; its files stay. Raises: NotFound, Conflict for a draft."""
        ...

    def withdraw(self, deposit_id: str, reason: str) -> None:
        """Put a tombstone in a record's place. Raises: Forbidden, with whom to ask, where its people alone may do that."""
        ...

    def share(self, deposit_id: str, address: str) -> bool:
        """Let the person with this e-mail address manage the record; False where the depository cannot."""
        ...


@dataclass(frozen=True)
class DepositAccount:
    """One account at one depository, ready to use. `owner` is whose the records and their DOIs will be, in words for people.

    `registered` says whether its identifiers are DOIs that resolve everywhere.
    """

    name: str
    owner: str
    depository: Depository
    files: DepositFiles
    curation: Curation
    limits: Limits
    registered: bool


class Depositories(Protocol):
    """The depositories of this site."""

    def account(self, depository: str, name: str, token: str | None) -> DepositAccount:
        """An account by its name; `token` is the project's own, None the site's. Raises: NotFound, Forbidden without a token."""
        ...


class Resolver(Protocol):
    """The system that DOIs are resolved by."""

    def target(self, doi: str) -> str | None:
        """Where the DOI leads; None while it leads nowhere."""
        ...


class Vault(Protocol):
    """Seals secrets that rest in the database."""

    def seal(self, secret: str) -> str:
        """The secret as it may rest. Raises: Forbidden when no key is set."""
        ...

    def unseal(self, sealed: str) -> str:
        """The secret again. Raises: Forbidden when the key is another."""
        ...


class Mail(Protocol):
    """Letters to people."""

    def send(self, address: str, subject: str, text: str) -> bool:
        """Send one letter; False where no mail is configured. Raises: Temporary, Invalid when it is refused for good."""
        ...


class WorkQueue(Protocol):
    """Where work waits for a worker."""

    def prepare(self) -> None:
        """Make the queue's own tables; nothing happens when they are there."""
        ...

    def open(self, poll: float) -> None:
        """Let workers that start from now on look into the queue every `poll` seconds."""
        ...

    def enqueue(self, session: object, publication_id: str, kind: str, attempt: int) -> None:
        """Queue an attempt inside the caller's transaction; the same attempt is queued once."""
        ...

    def deliver(self, session: object, number: int, turn: int) -> None:
        """Queue what a delivery asks for inside the caller's transaction; the same turn is queued once."""
        ...

    def deliver_together(self, session: object, numbers: Sequence[int]) -> None:
        """Queue the first turn of deliveries, at least one, that were just written in the caller's transaction, at the cost of one."""
        ...


@dataclass(frozen=True)
class Download:
    """A file as it comes: `pieces` begin at byte `start`; `total` bytes in all and `md5` where they are known beforehand.

    `mark` is what a later fetch hands back to go on where this one broke off; empty where the source cannot.
    """

    pieces: Iterator[bytes]
    start: int = 0
    total: int | None = None
    mark: str = ""
    md5: str = ""


class Downloads(Protocol):
    """Files from elsewhere."""

    def fetch(self, source: str, *, folder: str = "", after: int = 0, mark: str = "") -> AbstractContextManager[Download]:
        """The file at `source`, while the context is open: an https address, `doi:` with a file's name, or a path.

        Relative paths begin at `folder`. With the `mark` of an earlier answer it may begin after the first `after` bytes.
        Raises: Forbidden, NotFound, Invalid.
        """
        ...


class Comparer(Protocol):
    """Compares files by the values in them."""

    def compare(self, recorded: BinaryIO, found: BinaryIO, rule: Output) -> Deviation:
        """How far apart two files are as `rule` reads them; files that cannot be read have that as their `problem`."""
        ...


@dataclass(frozen=True)
class Ports:
    """Everything outside, ready to use; built in one place and handed down. `job_registries` are those of forges, by their names."""

    forge: Forge
    registry: Registry
    upstream: Registry | None
    builder: Builder
    runner: Runner
    storage: Storage
    depositories: Depositories
    vault: Vault
    resolver: Resolver
    mail: Mail
    downloads: Downloads
    comparer: Comparer
    clock: Clock
    job_registries: Mapping[str, Registry] = field(default_factory=dict)
