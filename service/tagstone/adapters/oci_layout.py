"""An OCI image layout folder as a registry: one layout for all names.

`index.json` names every manifest as `NAME:TAG`, or `NAME@DIGEST` where it has no tag, in the annotation that the image
specification has for it: a name finds its own manifests only, and `skopeo inspect oci:FOLDER:NAME:TAG` works. Blobs are
shared by all names. Everything is written under a temporary name, synced and renamed; the index changes under a lock.
"""

import errno
import fcntl
import hashlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from tagstone.adapters.oci_blob import damaged, verified
from tagstone.adapters.oci_distribution import loopback
from tagstone.domain.images.oci import INDEX, Descriptor, ImageReference, check_digest, is_digest, is_name, is_tag
from tagstone.errors import Conflict, Invalid, NotFound, Permanent, TagstoneError, Temporary
from tagstone.image.documents import Index, canonical_json, digest_of, read_manifest
from tagstone.image.layout import LAYOUT_FILE, REF_NAME, blob_path, index_entry

_LOCK_POLL = 0.02  # seconds between two looks at a lock that another holds
_T = TypeVar("_T")


class OciLayout:
    """Images in a folder. `lock_timeout` is how many seconds a writer waits for another before it gives up."""

    def __init__(self, root: Path, lock_timeout: float) -> None:
        self._root = root
        self._lock_timeout = lock_timeout
        self._scratch = root / ".tmp"

    def manifest(self, name: str, reference: str) -> bytes:
        """The manifest's bytes for a digest or tag. Raises: NotFound, Permanent when bytes and digest differ."""
        digest = self._resolve(name, reference)
        with self._open(digest) as file:
            data = file.read()
        if digest_of(data) != digest:
            raise damaged(digest)
        return data

    def blob(self, name: str, digest: str) -> BinaryIO:
        """Open a blob; its last read raises Permanent when bytes and digest differ. Raises: NotFound."""
        _check_name(name)
        file = self._open(check_digest(digest))
        return verified(file, digest, os.fstat(file.fileno()).st_size)

    def has_blob(self, name: str, digest: str) -> bool:
        """Say whether the blob is there."""
        _check_name(name)
        return self._path(check_digest(digest)).is_file()

    def put_blob(self, name: str, chunks: Iterable[bytes], media_type: str) -> Descriptor:
        """Store a blob from a stream with constant memory. Raises: Temporary when the disk is full."""
        _check_name(name)
        digest, size = self._translated(lambda: self._write_blob(chunks))
        return Descriptor(media_type, digest, size)

    def put_manifest(self, name: str, manifest: bytes, tag: str | None) -> str:
        """Store a manifest and return its digest.

        Raises:
            Conflict: `tag` already names another digest.
            Invalid: it is no manifest, or names blobs that are not there.
        """
        _check_name(name)
        if tag is not None and not is_tag(tag):
            raise Invalid(f"{tag[:130]!r} is no tag.", remedy="Use letters, digits, dots, dashes and underscores, at most 128.")
        self._check_parts(name, manifest)
        digest = digest_of(manifest)
        ref_name = f"{name}:{tag}" if tag is not None else f"{name}@{digest}"
        self._translated(lambda: self._write_blob([manifest]))
        with self._locked():
            index = self._index()
            entries = index["manifests"]
            there = next((entry for entry in entries if _ref_name(entry) == ref_name), None)
            if there is None:
                added = [*entries, index_entry(manifest, ref_name)]
                self._translated(lambda: self._write_index(index | {"manifests": sorted(added, key=_ref_name)}))
            elif there["digest"] != digest:
                raise _moved(name, str(tag), there["digest"])
        return digest

    @contextmanager
    def pullable(self, image: ImageReference) -> Iterator[str]:
        """A reference by digest that any engine on this machine can pull while the context is open. Raises: NotFound."""
        self._resolve(image.name, image.digest)
        with loopback(self) as host:
            yield f"{host}/{image}"

    def tags(self, name: str) -> list[str]:
        """Every tag of a name, sorted. Raises: NotFound when there is nothing of that name."""
        _check_name(name)
        refs = [ref for ref in map(_ref_name, self._index()["manifests"]) if ref.startswith((name + ":", name + "@"))]
        if not refs:
            raise NotFound(f"There is no image named {name}.", remedy="Look at the name again.")
        return sorted(ref.removeprefix(name + ":") for ref in refs if ref.startswith(name + ":"))

    def _resolve(self, name: str, reference: str) -> str:
        _check_name(name)
        if not is_digest(reference) and not is_tag(reference):
            raise Invalid(f"{reference[:130]!r} is neither a digest nor a tag.", remedy="Write sha256:… or a tag.")
        for entry in self._index()["manifests"]:
            ref = _ref_name(entry)
            if ref == f"{name}:{reference}" or (entry["digest"] == reference and ref.startswith((name + ":", name + "@"))):
                return str(entry["digest"])
        raise NotFound(f"There is no image {name} at {reference}.", remedy="Look at the name and the tag or digest again.")

    def _check_parts(self, name: str, manifest: bytes) -> None:
        document = read_manifest(manifest)
        if isinstance(document, Index):
            for part in document.manifests:
                self._resolve(name, part.digest)
            return
        missing = [blob.digest for blob in (document.config, *document.layers) if not self.has_blob(name, blob.digest)]
        if missing:
            raise Invalid(
                f"The manifest names {missing[0]}, which is not there.", remedy="Store every blob before its manifest."
            )

    def _path(self, digest: str) -> Path:
        return self._root / blob_path(digest)

    def _open(self, digest: str) -> io.FileIO:
        try:
            return self._path(digest).open("rb", buffering=0)
        except FileNotFoundError:
            raise NotFound(f"There is no blob {digest}.", remedy="Push or build the image again.") from None
        except OSError as error:
            raise _storage_trouble(error) from None

    def _write_blob(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with self._temporary() as (file, path):
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
            name = "sha256:" + digest.hexdigest()
            _publish(file, path, self._path(name))
        return name, size

    def _write_index(self, index: dict[str, Any]) -> None:
        with self._temporary(locked=True) as (file, path):
            file.write(canonical_json(index))
            _publish(file, path, self._root / "index.json")

    def _index(self) -> dict[str, Any]:
        """The index as it stands; an entry that is not ours is kept, and never found."""
        try:
            index = json.loads((self._root / "index.json").read_bytes())
            if all(isinstance(entry["digest"], str) for entry in index["manifests"]):
                return dict(index)
        except FileNotFoundError:
            return {"manifests": [], "mediaType": INDEX, "schemaVersion": 2}
        except OSError as error:
            raise _storage_trouble(error) from None
        except (ValueError, KeyError, TypeError):
            pass
        raise Permanent(
            "The index of the image folder is damaged.", remedy=f"Restore {self._root / 'index.json'} from a backup."
        )

    @contextmanager
    def _temporary(self, *, locked: bool = False) -> Iterator[tuple[BinaryIO, Path]]:
        """A file of our own; one that a killed writer left is known by its free lock, and removed."""
        if locked:
            file, path = self._new_file()
        else:
            with self._locked():
                self._sweep()
                file, path = self._new_file()
        try:
            with file:
                yield file, path
        finally:
            path.unlink(missing_ok=True)

    def _new_file(self) -> tuple[BinaryIO, Path]:
        descriptor, name = tempfile.mkstemp(dir=self._scratch)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fdopen(descriptor, "wb"), Path(name)

    def _sweep(self) -> None:
        for path in self._scratch.iterdir():
            # Gone by now: its writer has renamed it. Locked: its writer lives.
            with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._translated(self._lock_file) as file:
            for _ in range(max(1, round(self._lock_timeout / _LOCK_POLL))):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(_LOCK_POLL)
            else:
                raise Temporary(f"The image folder was locked by others for {self._lock_timeout:g} s.")
            self._translated(self._prepare)
            yield

    def _lock_file(self) -> BinaryIO:
        self._root.mkdir(parents=True, exist_ok=True)
        return (self._root / ".lock").open("ab")

    def _prepare(self) -> None:
        if (self._root / "oci-layout").exists():
            return
        (self._root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        self._scratch.mkdir(exist_ok=True)
        fresh = self._scratch / "oci-layout"
        fresh.write_bytes(LAYOUT_FILE)
        fresh.replace(self._root / "oci-layout")

    def _translated(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except OSError as error:
            raise _storage_trouble(error) from None


def _publish(file: BinaryIO, path: Path, target: Path) -> None:
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _ref_name(entry: dict[str, Any]) -> str:
    annotations = entry.get("annotations")
    return str(annotations.get(REF_NAME, "")) if isinstance(annotations, dict) else ""


def _check_name(name: str) -> None:
    if not is_name(name):
        raise Invalid(f"{name[:260]!r} is no image name.", remedy="Use lower-case letters, digits, dots, dashes and slashes.")


def _moved(name: str, tag: str, digest: str) -> Conflict:
    return Conflict(
        f"{name}:{tag} already names {digest}.", remedy="A tag is never moved: choose another, or use what is there."
    )


def _storage_trouble(error: OSError) -> TagstoneError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Temporary("The disk that holds the images is full.", remedy="Make room; it is tried again by itself.", delay=60)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Permanent(f"The image folder cannot be written: {error.strerror}.", remedy="Give this user access to it.")
    return Temporary(f"The image folder is in trouble: {error.strerror or error}.")
