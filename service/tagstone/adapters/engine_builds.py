"""Builds with Docker Engine or Podman, through the build call that both have.

The call lasts as long as the build, so a detached child makes it: `python -m tagstone.adapters.engine_builds SPEC`.
"""

import contextlib
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import docker
import docker.errors
import requests

from tagstone.adapters.build_jobs import (
    BUILD_LABEL,
    CA_LINES,
    SEARCH_PATH,
    SITE_CA,
    BuildJobs,
    Command,
    both_cases,
    is_loopback,
    settings_of,
    stream_of,
    write_context_tar,
)
from tagstone.adapters.engine_client import Engine
from tagstone.domain.environments.build import BuildStatus, ContextFile, Recipe
from tagstone.domain.environments.containerfile import render
from tagstone.domain.runs.run import LogChunk
from tagstone.errors import Temporary
from tagstone.ports import BuiltRoot, Registry

_REPOSITORY = "localhost/tagstone-build"
_CONTAINERFILE = ".tagstone.Containerfile"


class EngineBuilds:
    """Builds below `folder`; `site_ca` is a PEM file for the build only, `limit` the seconds that a build may take.

    `proxies` (HTTP_PROXY and the like) become build arguments; `network` is the engine's network for RUN, its default when None.
    """

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        registry: Registry,
        *,
        site_ca: Path | None = None,
        limit: float = 3600.0,
        proxies: Mapping[str, str] | None = None,
        network: str | None = None,
    ) -> None:
        self.name: str = engine.flavour
        # Two installations may use one engine for the same commit.
        self._whose = sha256(os.fsencode(folder.absolute())).hexdigest()[:8]
        self._jobs = BuildJobs(folder, limit)
        self._engine = engine
        self._registry = registry
        self._site_ca = site_ca
        self._proxies = both_cases(proxies or {})
        self._network = network

    def start(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        """Begin, or adopt what an earlier start began: bases are pulled here, the rest is the detached child's.

        Raises:
            NotFound, Temporary: a base could not be pulled, or the child not be started.
        """

        def prepare(folder: Path) -> Command:
            bases = [self._pull(key, recipe, number) for number in range(len(recipe.bases))]
            text = render(recipe.containerfile, bases, [f"LABEL {BUILD_LABEL}={self._named(key)}", *self._ca_lines(key)])
            with (folder / "context.tar").open("wb") as out:
                write_context_tar(out, context(), (_CONTAINERFILE, text))
            spec = folder / "spec.json"
            spec.touch(mode=0o600)  # proxies may carry passwords
            spec.write_text(json.dumps(self._spec(key, folder)))
            env = {"PATH": SEARCH_PATH, "HOME": str(folder), "LANG": "C.UTF-8"}
            return Command((sys.executable, "-P", "-m", __name__, str(spec)), env)

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
        self._jobs.finished(key)
        client = self._engine.client
        with self._engine.calling("The root filesystem was asked for"):
            image = client.images.get(self._tag(key, "result"))
            container = client.containers.create(str(image.id), command=["none"], entrypoint=["none"], network_disabled=True)
        try:
            with self._engine.calling("The root filesystem was asked for"):
                pieces = cast("Iterator[bytes]", container.export(chunk_size=2**20))  # the stubs say text
            yield BuiltRoot(stream_of(self._translated(pieces)), settings_of(image.attrs.get("Config") or {}))
        finally:
            with self._engine.calling("A container was removed"), contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True)

    def stop(self, key: str) -> None:
        """End the build and remove all that it left; nothing there is no error."""

        def clean_up(_: Path) -> None:
            self._end_steps(key)
            self._remove_images(key)

        self._jobs.stop(key, clean_up)

    def _spec(self, key: str, folder: Path) -> dict[str, Any]:
        return {
            "socket": self._engine.socket,
            "context": str(folder / "context.tar"),
            "containerfile": _CONTAINERFILE,
            "tag": self._tag(key, "result"),
            "buildargs": self._proxies,
            "network": self._network,
            # What the SDK has no words for, and only Podman reads: no image per step, which a build that fails would leave,
            # and a control group by which a build's processes are found.
            "parameters": {"layers": "false", "cgroupparent": _group(self._named(key))} if self.name == "podman" else {},
        }

    def _pull(self, key: str, recipe: Recipe, number: int) -> str:
        """Pull a base and give it a name of this build, by which no engine looks elsewhere."""
        with self._registry.pullable(recipe.bases[number].image) as reference:
            identity = self._engine.pull(reference)
        name = self._tag(key, f"base{number}")
        with self._engine.calling("A base was named"):
            client = self._engine.client
            client.api.tag(identity, _REPOSITORY, name.rpartition(":")[2], force=True)
            if is_loopback(reference):
                # The port will be another's: such names would only pile up.
                client.images.remove(reference, force=True)
        return name

    def _ca_lines(self, key: str) -> tuple[str, ...]:
        """Lines that take the site's CA from an image of its own: in the context, COPY of the whole tree would take it too."""
        if self._site_ca is None:
            return ()
        out = io.BytesIO()
        content = (ContextFile("ca.pem", ""), self._site_ca.read_bytes())
        write_context_tar(out, [content], (_CONTAINERFILE, "FROM scratch\nCOPY ca.pem /ca.pem\n"))
        out.seek(0)
        with self._engine.calling("The site's CA was handed over"):
            # images.build raises when the build fails; a plain call would only tell.
            self._engine.client.images.build(
                fileobj=out,
                custom_context=True,
                dockerfile=_CONTAINERFILE,
                tag=self._tag(key, "ca"),
                rm=True,
                forcerm=True,
            )
        return (f"COPY --from={self._tag(key, 'ca')} /ca.pem {SITE_CA}", *CA_LINES)

    def _end_steps(self, key: str) -> None:
        """End what a build runs in the engine: closing the call alone lets a step go on."""
        waiting = threading.Event()
        for _ in range(100):
            if not (_kill_group(_group(self._named(key))) if self.name == "podman" else self._remove_containers(key)):
                return
            waiting.wait(0.1)
        raise Temporary(f"The processes of the build {key} do not end.", delay=30.0)

    def _remove_containers(self, key: str) -> bool:
        with self._engine.calling("A build's containers were removed"):
            found = self._engine.client.containers.list(
                all=True, ignore_removed=True, filters={"label": f"{BUILD_LABEL}={self._named(key)}"}
            )
            for container in found:
                _removed(partial(container.remove, force=True))
        return bool(found)

    def _remove_images(self, key: str) -> None:
        with self._engine.calling("A build's images were removed"):
            images = self._engine.client.images
            tagged = [
                tag for image in images.list(name=_REPOSITORY) for tag in image.tags if tag.startswith(self._tag(key, ""))
            ]
            labelled = [
                str(image.id) for image in images.list(all=True, filters={"label": f"{BUILD_LABEL}={self._named(key)}"})
            ]
            names = [*tagged, *labelled]
            # An image that others stand on goes after them; some go with others.
            while (
                names and (left := [name for name in names if not _removed(partial(images.remove, name, force=True))]) != names
            ):
                names = left

    def _named(self, key: str) -> str:
        return f"{key}-{self._whose}"

    def _tag(self, key: str, what: str) -> str:
        return f"{_REPOSITORY}:{self._named(key)}.{what}"

    def _translated(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        with self._engine.calling("The root filesystem was read"):
            yield from pieces


def _group(key: str) -> str:
    """A control group's name that engines with systemd and without it take (systemd reads dashes as folders)."""
    return f"tagstone_build_{key.replace('-', '_')}.slice"


def _kill_group(group: str) -> bool:
    """Kill every process in a control group; False when there is none (v1 and v2 of cgroups(7) alike)."""
    found = False
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            if f"/{group}" in (entry / "cgroup").read_text() and "\nState:\tZ" not in (entry / "status").read_text():
                os.kill(int(entry.name), signal.SIGKILL)
                found = True
    return found


def _removed(remove: Callable[[], object]) -> bool:
    """Remove something; False when something else stands in the way for now."""
    try:
        remove()
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def build(spec: Mapping[str, Any], say: Callable[[str], None]) -> bool:
    """Make the build call and pass on what the engine says; True when it ended well."""
    client = docker.APIClient(base_url=spec["socket"], version="auto", timeout=24 * 3600)
    client.params = spec["parameters"]
    with Path(spec["context"]).open("rb") as context:
        lines = client.build(
            fileobj=context,
            custom_context=True,
            dockerfile=spec["containerfile"],
            tag=spec["tag"],
            rm=True,
            forcerm=True,
            nocache=True,
            pull=False,
            decode=True,
            buildargs=spec["buildargs"],
            network_mode=spec["network"],
        )
        for line in lines:
            if "error" in line:
                say(f"{line['error']}\n")
                return False
            say(str(line.get("stream") or ""))
    return True


def _main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        well = build(spec, say)
    except (docker.errors.DockerException, requests.RequestException) as error:
        say(f"The engine does not answer: {error}\n")
        well = False
    os._exit(0 if well else 1)


if __name__ == "__main__":
    _main()
