"""Docker Engine or Podman, both spoken to through the docker SDK: a socket that is set, one that is found, or a Podman
service of our own. Builds and runs use the same connection.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import docker
import docker.errors
import requests
import urllib3

from tagstone.adapters.podman_service import PodmanService, answers
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

Flavour = Literal["docker", "podman"]

_LOOPBACK = re.compile(r"(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::\d+)?/")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MISSING = ("manifest unknown", "name unknown", "blob unknown", "not found", "404")
_REFUSED = ("could not select device driver",)
_DAMAGED = ("digest mismatch", "did not match", "does not match", "doesn't match", "verification failed", "digest did not")
_TIMEOUT = 120.0
_PULL_TIMEOUT = 1800.0


class Engine:
    """A container engine that answered: its flavour, version and socket; `rootless` when it runs as an ordinary user.

    With a `service` of our own, every call first makes sure that it is awake.
    """

    def __init__(self, address: str, service: PodmanService | None = None) -> None:
        self.socket = address
        self._service = service
        self.name = "engine"
        self._wake()
        with self.calling("The engine was asked for its version"):
            self._client = docker.DockerClient(base_url=address, version="auto", timeout=int(_TIMEOUT))
            said = self._client.version()
            about = self._client.info()
        components = [str(part.get("Name", "")) for part in said.get("Components") or ()]
        self.flavour: Flavour = "podman" if any("Podman" in name for name in components) else "docker"
        self.name = "Podman" if self.flavour == "podman" else "Docker Engine"
        self.version = str(said.get("Version", ""))
        self.rootless = any("rootless" in str(option) for option in about.get("SecurityOptions") or ())
        self.cgroup_driver = str(about.get("CgroupDriver", ""))

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def client(self) -> docker.DockerClient:
        """The SDK's client, ready to be called within `calling`. Raises: Temporary."""
        self._wake()
        return self._client

    @contextmanager
    def calling(self, what: str) -> Iterator[None]:
        """Turn the SDK's errors into ours; `what` says what was asked of the engine.

        Raises:
            NotFound: there is no such container or image.
            Conflict: the engine says that the name is taken or the state is another.
            Permanent: the engine refuses.
            Temporary: it does not answer, or failed.
        """
        try:
            yield
        except docker.errors.APIError as error:
            raise _translated(f"{what}: {self.name} answered {error.status_code}: {explanation(error)}", error) from error
        except (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Temporary(
                f"{what}, but {self.name} at {self.socket} does not answer ({type(error).__name__}).",
                remedy="Start the engine, or set TAGSTONE_RUNS__SOCKET; it is tried again by itself.",
            ) from error

    def pull(self, reference: str) -> str:
        """Pull an image by digest and return the engine's id of it (`sha256:…`, of the configuration).

        Raises:
            NotFound: the registry has no such image.
            Permanent: what came is not what the digest says, or no image.
            Temporary: registry or engine do not answer.
        """
        client = self.client
        with self.calling(f"The image {reference} was pulled"):
            progress = _pull_podman(client, reference) if self.flavour == "podman" else _pull_docker(client, reference)
            _check_progress(reference, progress)
            image = client.images.get(reference)
        return str(image.id)

    def _wake(self) -> None:
        if self._service is not None:
            self._service.wake()
        elif not answers(Path(self.socket.removeprefix("unix://"))):
            remedy = "Start it, or set TAGSTONE_RUNS__SOCKET; it is tried again by itself."
            raise Temporary(f"The {self.name} at {self.socket} does not answer.", remedy=remedy)

    def close(self) -> None:
        """Close the connections; a service of our own ends by itself."""
        self._client.close()


def connect(folder: Path, *, socket: str | None = None, flavour: Flavour | None = None) -> Engine:
    """Connect to the engine at `socket`, else to one that is found, else to a Podman of our own below `folder`.

    Raises:
        Invalid: `socket` is no Unix socket, or the engine there is of another flavour.
        NotFound: there is no engine.
        Forbidden: there is one, which this user may not use.
        Temporary: the engine at `socket` does not answer.
    """
    if socket is not None:
        return _of_flavour(Engine(_unix(socket)), flavour)
    troubles: list[str] = []
    for path in _usual_sockets():
        if not path.exists():
            continue
        if not os.access(path, os.R_OK | os.W_OK):
            troubles.append(f"{path} may not be used by this user")
            continue
        try:
            return _of_flavour(Engine(f"unix://{path}"), flavour)
        except (Temporary, Invalid) as error:
            troubles.append(error.message)
    if flavour != "docker" and PodmanService.usable():
        service = PodmanService(folder)
        return Engine(f"unix://{service.socket}", service)
    raise _no_engine(troubles, flavour)


def pull(engine: Engine, reference: str) -> str:
    """Pull an image by digest; see `Engine.pull`."""
    return engine.pull(reference)


def explanation(error: docker.errors.APIError) -> str:
    """What the engine said, in one line of at most 500 characters."""
    return " ".join(str(error.explanation or error).split())[:500]


def _usual_sockets() -> list[Path]:
    own = Path(f"/run/user/{os.getuid()}")
    system = [Path("/var/run/docker.sock"), Path("/run/podman/podman.sock")]
    mine = [own / "podman" / "podman.sock", own / "docker.sock"]
    return system if os.geteuid() == 0 else [*mine, *system]


def _unix(socket: str) -> str:
    path = socket.removeprefix("unix://")
    if not path.startswith("/"):
        raise Invalid(
            f"{socket[:100]!r} is no socket of this machine.",
            remedy="Write unix:///path/to/socket: workspaces are folders of this machine, which a distant engine cannot see.",
        )
    return f"unix://{path}"


def _of_flavour(engine: Engine, flavour: Flavour | None) -> Engine:
    if flavour in (None, engine.flavour):
        return engine
    engine.close()
    raise Invalid(f"{engine.socket} is {engine}, not {flavour}.", remedy="Set TAGSTONE_RUNS__ENGINE or TAGSTONE_RUNS__SOCKET.")


def _no_engine(troubles: list[str], flavour: Flavour | None) -> TagstoneError:
    wanted = {"docker": "Docker Engine", "podman": "Podman"}.get(flavour or "", "container engine")
    if troubles:
        return Forbidden(
            f"No {wanted} can be used: {'; '.join(troubles)}.",
            remedy="Become a member of the group that owns the socket, or start an engine of your own "
            "(`systemctl --user start podman.socket`).",
        )
    return NotFound(
        f"There is no {wanted}.",
        remedy="Install one (`apt install podman runc` or `apt install docker.io`), start it, or set TAGSTONE_RUNS__SOCKET.",
    )


def _translated(message: str, error: docker.errors.APIError) -> TagstoneError:
    status = error.status_code or 500
    if status == 404:
        return NotFound(message, remedy="It was removed behind our back, or never made; retry.")
    if status == 409:
        return Conflict(message, remedy="Look at the engine's containers of that name.")
    if status < 500 or any(word in message for word in _REFUSED):
        return Permanent(message, remedy="Look at the engine's log and at what was asked of it.")
    return Temporary(message, delay=10.0)


def _pull_docker(client: docker.DockerClient, reference: str) -> Iterator[Mapping[str, Any]]:
    # Docker speaks plain HTTP to 127.0.0.0/8 without being told.
    try:
        yield from client.api.pull(reference, stream=True, decode=True)
    except docker.errors.APIError as error:
        yield {"error": explanation(error)}


def _pull_podman(client: docker.DockerClient, reference: str) -> Iterator[Mapping[str, Any]]:
    # Only Podman's own call can be told that a registry on this machine has no TLS.
    parameters = {"reference": reference, "tlsVerify": "false" if _LOOPBACK.match(reference) else "true"}
    url = f"{client.api.base_url}/v4.0.0/libpod/images/pull"
    with client.api.post(url, params=parameters, stream=True, timeout=_PULL_TIMEOUT) as answer:
        if answer.status_code != 200:
            yield {"error": answer.text[:500]}
            return
        for line in answer.iter_lines():
            if line:
                yield json.loads(line)


def _check_progress(reference: str, progress: Iterable[Mapping[str, Any]]) -> None:
    # All of it is read: an answer that is left half-read keeps its connection.
    errors = [" ".join(str(line["error"]).split())[:1000] for line in progress if line.get("error")]
    if not errors:
        return
    said = errors[0]
    message = f"The image {reference} could not be pulled: {said}"
    # The digest itself may well spell 404.
    words = _DIGEST.sub("", said).lower()
    if any(word in words for word in _MISSING):
        raise NotFound(message, remedy="Look whether the registry has the image; `tagstone retry` builds it again.")
    if any(word in words for word in _DAMAGED):
        raise Permanent(message, remedy="The registry gave other bytes than the digest says: `tagstone verify` the record.")
    raise Temporary(message, delay=10.0)
