"""What Tagstone needs from the outside, as protocols in the domain's words; adapters implement them.

Builder and Runner are start, observe, logs, stop, collect, keyed by the publication: nothing blocks for a build's or a
run's length, and a second start adopts what the first began. Every method lets only errors of `tagstone.errors` out;
trouble that may pass is `Temporary`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from tagstone.domain.build import BuildStatus, ContextFile, Recipe
from tagstone.domain.deposit import Deposit, DepositFile, DepositMetadata
from tagstone.domain.oci import Descriptor, ImageReference, ImageSettings
from tagstone.domain.run import LogChunk, OutputFile, OutputRules, RunSpec, RunStatus
from tagstone.domain.source import Commit, ProjectIdentity, SourceEntry


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
    """Where deposits are drafted and published."""

    @property
    def name(self) -> str:
        """What manifests and records call it."""
        ...

    def draft(self, metadata: DepositMetadata, series: str | None) -> Deposit:
        """The publication's draft with its DOI reserved: found by the publication's identifier, else made.

        `series` is the series of the earlier versions, None for the first. Raises: Conflict when it is published.
        """
        ...

    def describe(self, deposit_id: str, metadata: DepositMetadata) -> None:
        """Replace the draft's metadata; the publication that owns the draft may change with it."""
        ...

    def publish(self, deposit_id: str) -> None:
        """Ask once. Whatever the answer, the caller looks with `find` before anything else."""
        ...

    def find(self, deposit_id: str) -> Deposit:
        """The deposit as it stands; state `missing` when there is none."""
        ...

    def discard(self, deposit_id: str) -> None:
        """Remove a draft and its reserved DOI; nothing there is no error. Raises: Conflict when published."""
        ...


class DepositFiles(Protocol):
    """The files of one deposit."""

    def list(self, deposit_id: str) -> list[DepositFile]:
        """Files that are whole, sorted by name."""
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


class WorkQueue(Protocol):
    """Where work waits for a worker."""

    def prepare(self) -> None:
        """Make the queue's own tables; nothing happens when they are there."""
        ...

    def enqueue(self, session: object, publication_id: str, kind: str, attempt: int) -> None:
        """Queue an attempt inside the caller's transaction; the same attempt is queued once."""
        ...


class Downloads(Protocol):
    """Files from the web."""

    def fetch(self, url: str) -> AbstractContextManager[Iterator[bytes]]:
        """The file at `url` in pieces, while the context is open. Raises: Forbidden, NotFound, Invalid."""
        ...


@dataclass(frozen=True)
class Ports:
    """Everything outside, ready to use; built in one place and handed down."""

    forge: Forge
    registry: Registry
    upstream: Registry | None
    builder: Builder
    runner: Runner
    storage: Storage
    depository: Depository
    deposit_files: DepositFiles
    downloads: Downloads
    clock: Clock
