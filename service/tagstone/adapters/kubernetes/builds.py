"""Builds on a cluster: each is a run of the image of deploy/builder in a namespace for builds, and all that is done for runs is done for it.

What a recipe names comes through the desk, its bases as OCI layouts, so that no pod needs to reach or sign in to a registry; the root comes
back as an output. A pod and a user namespace keep the author's code apart from the node and from others, as no engine on this host does.
"""

import io
import json
import re
import shlex
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib.resources import files
from os import fsencode
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tagstone.adapters.build_jobs import CA_LINES, SITE_CA, both_cases, settings_of, write_files_tar
from tagstone.adapters.desk import Desk
from tagstone.adapters.kubernetes.manifests import STORAGE
from tagstone.adapters.kubernetes.runs import KubernetesRuns
from tagstone.adapters.run_folder import RunFolder
from tagstone.domain.environments.build import BuildState, BuildStatus, ContextFile, Recipe
from tagstone.domain.environments.cluster_builds import build_status
from tagstone.domain.environments.containerfile import EPOCH, render
from tagstone.domain.images.oci import INDEX, MANIFEST, ImageReference, ImageSettings
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run import LogChunk, RunSpec
from tagstone.errors import Conflict, Invalid, NotFound, Permanent
from tagstone.image.manifest import manifest_bytes, read_image
from tagstone.ports import BuiltRoot, Registry, Storage

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,84}")
_WORKSPACE = "/workspace"
_ROOT, _IMAGE = "root.tar", "image.json"
_PIECE = 2**20
_LONGEST = 16 * 2**20  # bytes of what buildah says of an image
_LAST = 8192  # bytes of a log among which its last line is looked for


class KubernetesBuilds:
    """Builds with `image` by `runs` in their namespace, which are below `folder`; each has `resources`, its time among them.

    `site_ca` is a PEM file for the build only, `proxies` (HTTP_PROXY and the like) are optional.
    """

    name = "kubernetes"

    def __init__(
        self,
        runs: KubernetesRuns,
        folder: Path,
        desk: Desk,
        storage: Storage,
        registry: Registry,
        image: ImageReference,
        *,
        resources: Resources,
        site_ca: Path | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        # A build of the same key in another folder is another one, and the desk is one for all.
        self._whose = sha256(fsencode(folder.absolute())).hexdigest()[:8]
        self._runs = runs
        self._folder = folder
        self._desk = desk
        self._storage = storage
        self._registry = registry
        self._image = image
        self._resources = resources
        self._site_ca = site_ca
        self._proxies = both_cases(proxies or {})

    def start(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        """Begin, or adopt what an earlier start began: all that the build needs is put where the desk gives it from.

        Raises:
            Temporary: the cluster does not answer, or has not removed an earlier try yet.
        """
        run = self._run(key)
        folder = RunFolder(self._folder, run)
        with folder.locked():
            spec = folder.spec
            if spec is None:
                # Noted only when all is there: what was brought in half is brought anew.
                folder.spec = spec = self._spec(run, self._bring(run, recipe, context))
        self._runs.start(run, spec)

    def observe(self, key: str) -> BuildStatus:
        """How the build stands. Raises: NotFound when it was never started, Away."""
        run = self._known(key)
        return build_status(self._runs.observe(run), self._last_line(run), self._resources)

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes since `cursor` (empty: from the start)."""
        return self._runs.logs(self._known(key), cursor)

    @contextmanager
    def collect(self, key: str) -> Iterator[BuiltRoot]:
        """The finished build's root filesystem. Raises: Conflict when it has not succeeded."""
        status = self.observe(key)
        if status.state is not BuildState.SUCCEEDED:
            raise Conflict(
                f"The build {key} has not succeeded: it is {status.state}.", remedy="Start it, and wait until it has."
            )
        run = self._run(key)
        with self._desk.brought(run, _IMAGE) as said:
            settings = _settings(said.read(_LONGEST))
        with self._desk.brought(run, _ROOT) as root:
            yield BuiltRoot(root, settings)

    def stop(self, key: str) -> None:
        """End the build and remove all that it left; nothing there is no error. Raises: Away."""
        run = self._run(key)
        self._runs.remove(run)
        self._storage.delete(_below(run))

    def _run(self, key: str) -> str:
        """What the run of a build is called."""
        if not _KEY.fullmatch(key):
            raise Invalid(f"{key[:100]!r} cannot name a build.", remedy="Use letters, digits and ._- only.")
        return f"{key}.build.{self._whose}"

    def _known(self, key: str) -> str:
        run = self._run(key)
        if RunFolder(self._folder, run).spec is None:
            raise NotFound(f"There is no build {key}.", remedy="Start it first.")
        return run

    def _spec(self, run: str, layers: tuple[tuple[str, str], ...]) -> RunSpec:
        return RunSpec(
            image=self._image,
            code=_below(run, "order.tar"),
            workdir=_WORKSPACE,
            command=("sh", f"{_WORKSPACE}/build.sh", _WORKSPACE, STORAGE),
            env=(),
            resources=self._resources,
            network=True,
            files=layers,
            outputs=(_ROOT, _IMAGE),
        )

    def _bring(
        self, run: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]
    ) -> tuple[tuple[str, str], ...]:
        """Put into storage what the workspace starts from; the blobs of the bases by their paths in it and their keys."""
        self._storage.delete(_below(run))
        blobs: list[tuple[str, str]] = []
        with TemporaryFile() as out:
            with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for number in range(len(recipe.bases)):
                    blobs += self._base(tar, run, recipe, number)
                names = [f"localhost/tagstone:base{number}" for number in range(len(recipe.bases))]
                text = render(recipe.containerfile, names, CA_LINES if self._site_ca else ())
                _add(tar, "Containerfile", io.BytesIO(text.encode()))
                _add(tar, "build.sh", io.BytesIO((files(__package__) / "build.sh").read_bytes()))
                _add(tar, "settings", io.BytesIO(_assignments(self._proxies)))
                if self._site_ca:
                    _add(tar, "ca.pem", io.BytesIO(self._site_ca.read_bytes()))
                with TemporaryFile() as inner:
                    write_files_tar(inner, context())
                    _add(tar, "context.tar", inner)
            out.seek(0)
            self._storage.write(_below(run, "order.tar"), iter(lambda: out.read(_PIECE), b""))
        return tuple(blobs)

    def _base(self, tar: tarfile.TarFile, run: str, recipe: Recipe, number: int) -> Iterator[tuple[str, str]]:
        """Lay a base out as an OCI layout of its own; its blobs, which may be large, go beside the archive."""
        wanted, folder = recipe.bases[number].image, f"bases/{number}"
        image = read_image(self._registry, wanted.name, wanted.digest, recipe.platform)
        manifest = manifest_bytes(image.config, image.layers, {})
        digest = sha256(manifest).hexdigest()
        described = {"mediaType": MANIFEST, "digest": f"sha256:{digest}", "size": len(manifest)}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [described]}
        _add(tar, f"{folder}/oci-layout", io.BytesIO(b'{"imageLayoutVersion":"1.0.0"}'))
        _add(tar, f"{folder}/index.json", io.BytesIO(json.dumps(index).encode()))
        _add(tar, f"{folder}/blobs/sha256/{digest}", io.BytesIO(manifest))
        # Empty layers are the same ones again and again.
        for blob in dict.fromkeys((image.config.digest, *(layer.digest for layer in image.layers))):
            name = blob.removeprefix("sha256:")
            key = _below(run, name)
            if self._storage.size(key) is None:
                with self._registry.blob(wanted.name, blob) as content:
                    self._storage.write(key, iter(lambda: content.read(_PIECE), b""))
            yield f"{folder}/blobs/sha256/{name}", key

    def _last_line(self, run: str) -> str:
        size = self._desk.told(run).keeping.log_bytes
        data = self._desk.log(run, str(max(0, size - _LAST))).data
        lines = data.decode("utf-8", "replace").splitlines()
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")


def _below(run: str, name: str = "") -> str:
    """The storage key of something that a build is given, or of all of it."""
    return f"builds/{run}" + (f"/{name}" if name else "")


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.mtime, info.mode, info.size = EPOCH, 0o644, content.seek(0, io.SEEK_END)
    content.seek(0)
    tar.addfile(info, content)


def _assignments(proxies: Mapping[str, str]) -> bytes:
    """What the program reads: in a file, since a Job's own fields are read by many."""
    lines = [f"ca={SITE_CA}", *(f"export {name}={shlex.quote(value)}" for name, value in sorted(proxies.items()))]
    return "".join(f"{line}\n" for line in lines).encode()


def _settings(said: bytes) -> ImageSettings:
    """What buildah said of the image; whoever wrote the recipe could have said something else."""
    try:
        return settings_of(json.loads(said)["OCIv1"].get("config") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Permanent("What the build says of its image cannot be read.", remedy="Build it again.") from error
