"""Builds with buildah: no daemon, and no root of the host needed. Each build has a storage of its own, which goes with it.

Its `chroot` isolation keeps nothing apart (code in it sees the host's processes): a build runs what its author wrote, so
this builder is for one's own projects.
"""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from tagstone.adapters.build_jobs import (
    CA_LINES,
    SEARCH_PATH,
    SITE_CA,
    BuildJobs,
    Command,
    both_cases,
    is_loopback,
    settings_of,
    stream_of,
    write_context,
)
from tagstone.domain.environments.build import BuildStatus, ContextFile, Recipe
from tagstone.domain.environments.containerfile import render
from tagstone.domain.images.oci import ImageSettings
from tagstone.domain.runs.run import LogChunk
from tagstone.errors import Permanent, Temporary
from tagstone.ports import BuiltRoot, Registry

_RESULT = "localhost/tagstone:result"
_CONTAINER = "tagstone-result"
# Times never enter a layer; left in, they would cost every file a header of its own, and reading those takes longest.
_TAR = (
    'root=$("$@" mount ' + _CONTAINER + ") && exec tar --create --format=pax --numeric-owner "
    "--mtime=@0 --pax-option=delete=atime,delete=ctime,delete=mtime "
    '--xattrs --xattrs-include=security.capability --one-file-system --directory="$root" .'
)
_CALL_SECONDS = 1800.0  # a base may be large, and the line thin


class Buildah:
    """Builds below `folder`; `site_ca` is a PEM file for the build only, `limit` the seconds that a build may take.

    `proxies` (HTTP_PROXY and the like) and `driver` (found when None: overlay where it works, else vfs) are optional.
    """

    name = "buildah"

    def __init__(
        self,
        folder: Path,
        registry: Registry,
        *,
        site_ca: Path | None = None,
        limit: float = 3600.0,
        proxies: Mapping[str, str] | None = None,
        driver: str | None = None,
    ) -> None:
        self._jobs = BuildJobs(folder, limit)
        self._folder = folder.absolute()
        self._registry = registry
        self._site_ca = site_ca
        self._proxies = both_cases(proxies or {})
        self._driver = driver

    @staticmethod
    def usable() -> bool:
        """Say whether buildah is here and this user may use it."""
        if shutil.which("buildah") is None:
            return False
        return (
            os.geteuid() == 0
            or subprocess.run(["buildah", "unshare", "true"], check=False, capture_output=True).returncode == 0
        )

    def start(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        """Begin, or adopt what an earlier start began: bases are pulled here, the rest is the detached child's.

        Raises:
            Temporary: a base could not be pulled, or the child not be started.
        """

        def prepare(folder: Path) -> Command:
            self._clean_up(folder)
            (folder / "tmp").mkdir()
            write_context(folder / "context", context())
            bases = [self._pull(folder, recipe, number) for number in range(len(recipe.bases))]
            extra = CA_LINES if self._site_ca else ()
            (folder / "Containerfile").write_text(render(recipe.containerfile, bases, extra))
            return Command(tuple(self._argv(folder, *self._bud(folder))), self._env(folder))

        self._jobs.start(key, prepare)

    def observe(self, key: str) -> BuildStatus:
        """How the build stands. Raises: NotFound when it was never started."""
        return self._jobs.observe(key)

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes since `cursor` (empty: from the start)."""
        return self._jobs.logs(key, cursor)

    @contextlib.contextmanager
    def collect(self, key: str) -> Iterator[BuiltRoot]:
        """The finished build's root filesystem. Raises: Conflict when it has not succeeded."""
        folder = self._jobs.finished(key)
        settings = self._settings(folder)
        self._call(folder, "rm", "--all")
        self._call(folder, "from", "--pull-never", "--name", _CONTAINER, _RESULT)
        command = [*self._unshared(folder), "sh", "-c", _TAR, "sh", *self._plain(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self._env(folder)) as process:
            output = process.stdout

            def check() -> None:
                if process.wait() != 0:
                    raise Temporary("The root filesystem could not be read whole.")

            try:
                yield BuiltRoot(stream_of(iter(lambda: output.read(2**20) if output else b"", b""), check), settings)
            finally:
                process.kill()
        self._call(folder, "rm", "--all")

    def stop(self, key: str) -> None:
        """End the build and remove all that it left; nothing there is no error."""
        self._jobs.stop(key, self._clean_up)

    @cached_property
    def driver(self) -> str:
        """The storage driver: overlay where it works, else vfs, which copies the root for each image."""
        if self._driver is not None:
            return self._driver
        known = self._folder / "storage-driver"
        with contextlib.suppress(FileNotFoundError):
            return known.read_text().strip()
        trial = self._folder / f".trial-{os.getpid()}"
        self._driver = "overlay"
        try:
            (trial / "tmp").mkdir(parents=True, mode=0o700)
            self._call(trial, "from", "--name", _CONTAINER, "scratch")
            if os.geteuid() == 0:
                self._call(trial, "mount", _CONTAINER)
        except (Temporary, Permanent):
            self._driver = "vfs"
        finally:
            self._clean_up(trial)
            shutil.rmtree(trial, ignore_errors=True)
        known.with_suffix(f".{os.getpid()}").write_text(self._driver)
        known.with_suffix(f".{os.getpid()}").rename(known)
        return self._driver

    def _bud(self, folder: Path) -> list[str]:
        arguments = [
            "bud",
            "--file",
            str(folder / "Containerfile"),
            "--tag",
            _RESULT,
            "--isolation",
            "chroot",
            "--network",
            "host",
        ]
        arguments += ["--pull-never", "--no-cache", "--layers=false", "--force-rm", "--format", "oci"]
        if self._site_ca:
            # A mount, since what is copied into a stage could be copied on into the image.
            arguments += ["--volume", f"{self._site_ca.absolute()}:{SITE_CA}:ro"]
        return [*arguments, str(folder / "context")]

    def _pull(self, folder: Path, recipe: Recipe, number: int) -> str:
        """Pull a base and return the image's id, which names it without asking anybody."""
        with self._registry.pullable(recipe.bases[number].image) as reference:
            verify = [f"--tls-verify={'false' if is_loopback(reference) else 'true'}"]
            return self._call(folder, "pull", "--quiet", *verify, reference).split()[-1]

    def _settings(self, folder: Path) -> ImageSettings:
        inspected = json.loads(self._call(folder, "inspect", "--type", "image", _RESULT))
        return settings_of(inspected["OCIv1"].get("config") or {})

    def _plain(self, folder: Path) -> list[str]:
        """Buildah with its global flags, which must be on every call."""
        storage = folder / "storage"
        return ["buildah", "--root", str(storage / "root"), "--runroot", str(storage / "run"), "--storage-driver", self.driver]

    def _unshared(self, folder: Path) -> list[str]:
        """For an ordinary user, a user namespace in which the storage's owners are; root needs none."""
        return [] if os.geteuid() == 0 else [*self._plain(folder), "unshare"]

    def _argv(self, folder: Path, *arguments: str) -> list[str]:
        return [*self._unshared(folder), *self._plain(folder), *arguments]

    def _env(self, folder: Path) -> dict[str, str]:
        # HOME is the build's own: no credentials or configuration of the user's reach what the author wrote.
        return {"PATH": SEARCH_PATH, "HOME": str(folder), "TMPDIR": str(folder / "tmp"), "LANG": "C.UTF-8", **self._proxies}

    def _call(self, folder: Path, *arguments: str) -> str:
        return self._run(folder, self._argv(folder, *arguments), arguments[0])

    def _run(self, folder: Path, argv: Sequence[str], what: str) -> str:
        try:
            done = subprocess.run(
                argv, check=True, capture_output=True, text=True, errors="replace", env=self._env(folder), timeout=_CALL_SECONDS
            )
        except FileNotFoundError:
            raise Permanent("buildah is not installed.", remedy="Install it: apt-get install buildah.") from None
        except subprocess.TimeoutExpired:
            raise Temporary(f"buildah {what} took longer than {_CALL_SECONDS:g} seconds.") from None
        except subprocess.CalledProcessError as error:
            said = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise Temporary(f"buildah {what} failed: {said[:500]}") from None
        return done.stdout

    def _clean_up(self, folder: Path) -> None:
        """Remove a build's containers, images and files, but keep its log and lock."""
        if (folder / "storage").exists():
            with contextlib.suppress(Temporary, Permanent):
                self._call(folder, "rm", "--all")
        if os.geteuid() != 0 and (folder / "storage").exists():
            with contextlib.suppress(Temporary, Permanent):
                self._run(folder, [*self._unshared(folder), "rm", "-rf", str(folder / "storage" / "root")], "unshare")
        for name in ("storage", "context", "tmp"):
            shutil.rmtree(folder / name, ignore_errors=True)
