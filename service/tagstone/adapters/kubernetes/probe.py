"""Trying from pods what a cluster only says: whether the desk is reached, and whether NetworkPolicies hold anybody back.

Two pods try the same: one that the policies of runs are for, and one that they are not for. What the second reaches and the first does
not, a policy keeps away; what both reach, nobody does. A third one listens, so that there is something to be kept away from.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tagstone.adapters.kubernetes.client import Cluster, Object
from tagstone.adapters.kubernetes.handing_over import JOBS, PODS
from tagstone.adapters.kubernetes.manifests import MANAGED, NETWORK, NOBODY, OURS, Site, confined
from tagstone.errors import Permanent, TagstoneError, Temporary

DESK, API, METADATA, NEIGHBOUR = "desk", "api", "metadata", "neighbour"
_LABEL = "org.tagstone.probe"
_NAME = "probe"
_SILENCE = 4  # seconds after which a connection counts as kept away
_LONGEST = 120  # seconds that a pod may take
_PAUSE = 0.5
_LIMITS = {"cpu": "100m", "memory": "64Mi", "ephemeral-storage": "16Mi"}
_PORT = 8080
_LISTEN = """
import socket
with socket.create_server(("", %d)) as listener:
    while True:
        listener.accept()[0].close()
"""
_SCRIPT = """
import errno, json, os, socket, sys, time
found = {}
for name, host, port in json.loads(sys.argv[1]):
    if host == "":
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    for again in (1, 1, 1, 0):
        try:
            socket.create_connection((host, port), %d).close()
            found[name] = "open"
            break
        except ConnectionRefusedError:
            found[name] = "refused"
            time.sleep(again)
        except OSError as error:
            found[name] = "silent" if error.errno is None else errno.errorcode.get(error.errno, "silent")
            break
found["token"] = os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount/token")
open("/dev/termination-log", "w").write(json.dumps(found))
"""


@dataclass(frozen=True)
class Reached:
    """What one pod reached: by name `open`, `refused` (somebody is there, nobody listens) or why not; `token` where it had one of the API."""

    places: Mapping[str, str]
    token: bool = False

    def reaches(self, name: str) -> bool:
        """Whether something of the place answered."""
        return self.places.get(name) in ("open", "refused")


@dataclass(frozen=True)
class Probed:
    """What was reached by a pod that is held as runs are, and by one that no policy of ours is for."""

    held: Reached
    free: Reached

    @property
    def enforced(self) -> bool | None:
        """Whether policies hold; None where even the free pod reached nothing that they would keep away."""
        known = [name for name in (NEIGHBOUR, API, METADATA) if self.free.reaches(name)]
        return not any(self.held.reaches(name) for name in known) if known else None


def probe(cluster: Cluster, site: Site, pause: Callable[[float], None]) -> Probed:
    """Run the pods to their end and remove them.

    Raises:
        Temporary: a pod did not come to its end in two minutes.
        Permanent: it ended without saying what it reached.
        Forbidden, Invalid: the cluster does not take such a pod.
        Away: the cluster does not answer.
    """
    mark = secrets.token_hex(4)
    listener, held, free = (f"tagstone-probe-{mark}-{what}" for what in ("listens", "held", "free"))
    jobs = cluster.path(JOBS)
    try:
        cluster.create(jobs, _job(listener, mark, site, ["python3", "-c", _LISTEN % _PORT], {}))
        address = _until(cluster, listener, mark, pause, _address)
        command = ["python3", "-c", _SCRIPT % _SILENCE, json.dumps([*_places(site), (NEIGHBOUR, address, _PORT)])]
        cluster.create(jobs, _job(held, mark, site, command, {MANAGED: OURS, NETWORK: "none"}))
        cluster.create(jobs, _job(free, mark, site, command, {}))
        found = [_read(_until(cluster, name, mark, pause, _said)) for name in (held, free)]
    finally:
        for name in (listener, held, free):
            _forget(cluster, name)
    return Probed(*found)


def _forget(cluster: Cluster, name: str) -> None:
    try:
        cluster.delete(cluster.path(JOBS, name))
    except TagstoneError:
        return  # the cluster removes it itself, as the Job says


def _until(
    cluster: Cluster, name: str, mark: str, pause: Callable[[float], None], answer: Callable[[Object], str | None]
) -> str:
    """What the Job's pod answers in the end."""
    state: Mapping[str, Any] = {}
    for _ in range(int(_LONGEST / _PAUSE)):
        pods = cluster.get(cluster.path(PODS), labelSelector=f"{_LABEL}={mark},job-name={name}").get("items") or []
        found = answer(pods[0]) if pods else None
        if found is not None:
            return found
        state = _state(pods[0]) if pods else {}
        pause(_PAUSE)
    why = (state.get("waiting") or {}).get("reason") or "no node took it"
    raise Temporary(
        f"A pod that tries the network did not come to its end in {_LONGEST} s ({why}).",
        remedy="Look whether the nodes can pull the helper image (TAGSTONE_CLUSTERS__<NAME>__HELPER) and have room.",
    )


def _address(pod: Object) -> str | None:
    """Where a pod that runs is; IPv6 or IPv4."""
    return str((pod.get("status") or {}).get("podIP") or "") or None if "running" in _state(pod) else None


def _said(pod: Object) -> str | None:
    ended = _state(pod).get("terminated")
    return str(ended.get("message") or "") if ended else None


def _state(pod: Object) -> Mapping[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    found: Mapping[str, Any] = statuses[0].get("state") or {} if statuses else {}
    return found


def _places(site: Site) -> list[tuple[str, str | None, int]]:
    desk = urlsplit(site.desk)
    port = desk.port or (443 if desk.scheme == "https" else 80)
    return [(DESK, desk.hostname, port), (API, "", 0), (METADATA, "169.254.169.254", 80)]


def _read(message: str) -> Reached:
    try:
        said = json.loads(message)
        return Reached({str(name): str(how) for name, how in said.items() if name != "token"}, bool(said.get("token")))
    except (ValueError, AttributeError):
        raise Permanent(
            "A pod that tries the network ended without saying what it reached.",
            remedy="Look at the helper image (deploy/pod).",
        ) from None


def _job(name: str, mark: str, site: Site, command: list[str], more: Mapping[str, str]) -> Object:
    labels = {_LABEL: mark, **more}
    container = {
        "name": _NAME,
        "image": site.helper,
        "command": command,
        "resources": {"requests": _LIMITS, "limits": _LIMITS},
        "securityContext": confined(),
    }
    pod = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _LONGEST,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": NOBODY,
        "containers": [container],
    } | ({"imagePullSecrets": [{"name": site.pull_secret}]} if site.pull_secret else {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _LONGEST,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
