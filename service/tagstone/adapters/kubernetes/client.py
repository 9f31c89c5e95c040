"""One cluster, spoken to through the official client: paths in, plain dicts out, our errors instead of its own."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config

from tagstone.errors import Away, Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

Object = dict[str, Any]

_CONNECT, _ANSWER = 5.0, 30.0  # seconds
_SILENCE = 30.0  # seconds that a watch may be silent beyond the time it was asked for
_LONGEST = 1000  # characters of a message that is passed on
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")

_PERMISSIONS = "`tagstone doctor --cluster` names every permission that is missing."
_ADMISSION = "`tagstone doctor --cluster` looks at what the cluster admits."
_KINDS: dict[int, tuple[type[TagstoneError], str]] = {
    400: (Invalid, _ADMISSION),
    401: (Forbidden, _PERMISSIONS),
    403: (Forbidden, _PERMISSIONS),
    404: (NotFound, "Look whether it was removed by hand."),
    409: (Conflict, "Look who else uses this name."),
    413: (Invalid, _ADMISSION),
    422: (Invalid, _ADMISSION),
}


class Expired(Temporary):
    """What a watch was to go on from is not kept any more: everything has to be listed again."""


class Cluster:
    """A cluster by its name in the settings, with the namespace that runs go into."""

    def __init__(self, name: str, namespace: str, api: client.ApiClient) -> None:
        self.name = name
        self.namespace = namespace
        self._api = api
        self._version = ""

    def __str__(self) -> str:
        return f"Kubernetes {self._version}" if self._version else "Kubernetes"

    @property
    def address(self) -> str:
        """Where its API is."""
        return str(self._api.configuration.host)

    def version(self) -> str:
        """What the API server calls its version, such as `v1.20.2`; asked once. Raises: Away."""
        if not self._version:
            self._version = str(self.get("/version").get("gitVersion", ""))
        return self._version

    def path(self, kind: str, name: str = "", namespace: str | None = None) -> str:
        """The path of a kind of object (`batch/v1/jobs`, `v1/pods`) in the namespace of runs, or of one object of it."""
        group, _, plural = kind.rpartition("/")
        root = f"/apis/{group}" if "/" in group else f"/api/{group}"
        for part in (name, namespace or self.namespace):
            if part and not _NAME.fullmatch(part):
                raise Invalid(f"{part[:100]!r} is no name of anything on a cluster.", remedy="Correct the name.")
        return f"{root}/namespaces/{namespace or self.namespace}/{plural}" + (f"/{name}" if name else "")

    def get(self, path: str, **query: str) -> Object:
        """What is at `path`. Raises: NotFound, Forbidden, Away."""
        return self._call("GET", path, query)

    def find(self, path: str) -> Object | None:
        """What is at `path`, None where there is nothing. Raises: Forbidden, Away."""
        try:
            return self.get(path)
        except NotFound:
            return None

    def create(self, path: str, thing: Object, **query: str) -> Object:
        """Make an object and return it as the server keeps it. Raises: Conflict where it is there, Invalid, Forbidden, NotFound, Away."""
        return self._call("POST", path, query, thing)

    def replace(self, path: str, thing: Object) -> Object:
        """Put an object in the place of another. Raises: Conflict where somebody else did so meanwhile, and as `create`."""
        return self._call("PUT", path, {}, thing)

    def merge(self, path: str, part: Object) -> Object:
        """Change some fields of an object (a merge patch). Raises: as `create`."""
        return self._call("PATCH", path, {}, part, {"Content-Type": "application/merge-patch+json"})

    def delete(self, path: str, *, grace: int | None = None) -> None:
        """Remove an object and, soon after, what it owns; nothing there is no error. Raises: Forbidden, Away."""
        options: Object = {"propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            self._call("DELETE", path, {}, options)
        except NotFound:
            return

    def watch(self, path: str, since: str, seconds: int, **query: str) -> Iterator[Object]:
        """Changes since the version `since`, for about `seconds`; each has `type` and `object`.

        Raises:
            Expired: that version is too old.
            Away: the connection broke, or what came is none of the API's words.
        """
        wanted = {
            **query,
            "watch": "1",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        with self._calling(f"{path} was watched"):
            answer = self._ask("GET", path, wanted, timeout=(_CONNECT, seconds + _SILENCE))
            try:
                if answer.status != 200:
                    raise _refused(path, answer.status, answer.read())
                for line in _lines(answer.response):
                    yield self._change(path, line)
            finally:
                # Not back into the pool: what is left of the stream would be taken for the next answer.
                answer.response.close()
                answer.response.release_conn()

    def _change(self, path: str, line: bytes) -> Object:
        """A line of a watch. Raises: Away where it is none, as a proxy's page is; Expired and others where the server says so."""
        try:
            change: Object = json.loads(line)
            kind, thing = change["type"], change["object"]
            code = int(thing.get("code") or 500) if kind == "ERROR" else 0
            known = bool(code) or isinstance(thing["metadata"], dict)
        except (ValueError, KeyError, TypeError, AttributeError):
            known = False
        if not known:
            raise Away(f"A watch of {path} on the cluster {self.name} was told something that is no change.")
        if code:
            raise _refused(path, code, json.dumps(thing).encode())
        return change

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        with self._calling(f"{method} {path} was asked for"):
            answer = self._ask(method, path, query, body, headers)
            data = answer.read()
        if not 200 <= answer.status < 300:
            raise _refused(f"{method} {path}", answer.status, data)
        try:
            found: Object = json.loads(data)
        except ValueError as error:
            raise Away(f"The cluster {self.name} answered {method} {path} with something else than JSON.") from error
        if not isinstance(found, dict):
            raise Away(f"The cluster {self.name} answered {method} {path} with no object.")
        return found

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: tuple[float, float] = (_CONNECT, _ANSWER),
    ) -> Any:
        given = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        request = self._api.param_serialize(
            method, path, query_params=list(query.items()), header_params=given, body=body, auth_settings=["BearerToken"]
        )
        return self._api.call_api(*request, _request_timeout=timeout)

    @contextmanager
    def _calling(self, what: str) -> Iterator[None]:
        try:
            yield
        except (urllib3.exceptions.HTTPError, client.ApiException, config.ConfigException, OSError) as error:
            raise Away(
                f"{what}, but the cluster {self.name} at {self.address} does not answer ({type(error).__name__}).",
                remedy="Look whether the cluster's API can be reached from here; it is tried again by itself.",
            ) from error


def connect(name: str, namespace: str, kubeconfig: Path | None, context: str | None) -> Cluster:
    """The cluster that a kubeconfig file names, else the one that this process runs on. Asks nothing yet.

    Raises:
        Invalid: the file is none, or there is no service account here.
    """
    settings = client.Configuration()
    try:
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(str(kubeconfig), context=context, client_configuration=settings, persist_config=False)
    except (config.ConfigException, OSError, ValueError) as error:
        where = f"the file {kubeconfig}" if kubeconfig else "the service account of this pod"
        raise Invalid(
            f"The cluster {name} cannot be spoken to: {where} does not say how ({error}).",
            remedy=f"Set TAGSTONE_CLUSTERS__{name.upper().replace('-', '_')}__KUBECONFIG to a kubeconfig file.",
        ) from error
    # Tried again is what workflows do; they know what may be asked twice.
    settings.retries = False
    return Cluster(name, namespace, client.ApiClient(settings))


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    for piece in stream.stream(2**16, decode_content=True):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line for line in lines if line.strip())


def _refused(what: str, code: int, data: bytes) -> TagstoneError:
    """The answer of an API server as our error."""
    message = f"The cluster answered {what} with {code}: {_said(data)}"
    if code == 410:
        return Expired(message)
    if code in (408, 429) or code >= 500:
        return Away(message)
    kind, remedy = _KINDS.get(code, (Permanent, "`tagstone doctor --cluster` looks at the cluster."))
    return kind(message, remedy=remedy)


def _said(data: bytes) -> str:
    try:
        text = str(json.loads(data).get("message") or "no reason given")
    except (ValueError, AttributeError):
        text = data.decode("utf-8", "replace")
    return " ".join(text.split())[:_LONGEST]
