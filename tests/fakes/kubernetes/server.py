"""A Kubernetes on loopback that remembers, schedules, and really runs pods as processes of this machine.

What each part does, and whether documentation or source says so, stands with the part (`state.py` explains the marks).
"""

import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from fakes.gitlab.calls import Reply as Fault
from fakes.gitlab.faults import Faults
from fakes.kubernetes.access import Access
from fakes.kubernetes.calls import Call, Refused, Reply, status_document
from fakes.kubernetes.containers import Image
from fakes.kubernetes.events import condition
from fakes.kubernetes.jobs import JobController
from fakes.kubernetes.kubelet import Kubelet
from fakes.kubernetes.objects import Objects, collect_garbage
from fakes.kubernetes.scheduler import Scheduler
from fakes.kubernetes.state import RESOURCES, Json, World
from fakes.kubernetes.watches import Watches

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[\w.]+))/v1(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>\w+))?"
)
_TURN_SECONDS, _IDLE_SECONDS = 0.01, 0.1
_HARDWARE = {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "110"}


@dataclass
class FakeKubernetes:
    """What a test does there without a client: nodes, images, and trouble.

    `asked` are all questions as (verb, resource, name); `faults` make the next ones fail, by `METHOD /path`; `denials` are what webhooks
    refuse, by resource, `rewrites` what they make of what is created; `access.taken` what the account may not do.
    """

    folder: Path
    world: World = field(default_factory=World)
    images: dict[str, Image] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    denials: dict[str, str] = field(default_factory=dict)
    rewrites: dict[str, Callable[[Json], object]] = field(default_factory=dict)
    access: Access = field(default_factory=lambda: Access("its-token"))
    kubelets: dict[str, Kubelet] = field(default_factory=dict)
    idle: bool = False
    port: int = 0
    troubles: list[BaseException] = field(default_factory=list)
    _http: ThreadingHTTPServer | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _last: tuple[int, float] = (0, 0.0)
    _closed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.watches = Watches(self.world)
        self.objects = Objects(self.world, self.denials, self.rewrites)
        self.scheduler = Scheduler(self.world)
        self._jobs = JobController(self.world, self.denials, self.rewrites)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """A file that leads a client here."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "kubeconfig"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "tagstone", "user": {"token": self.access.token}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "tagstone"}}],
            "current-context": "fake",
        }
        path.write_text(json.dumps(document))
        return path

    def namespace(self, name: str, **labels: str) -> None:
        """A namespace as its administrator made it."""
        self.make("namespaces", {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {"phase": "Active"}})

    def node(
        self, name: str, *, taints: tuple[Json, ...] = (), labels: Mapping[str, str] | None = None, **more: str
    ) -> Kubelet:
        """A node that runs pods; `more` is what it has beside or instead of the usual, `nvidia.com/gpu` as `nvidia__gpu`."""
        hardware = {**_HARDWARE, **{what.replace("__", ".com/"): much for what, much in more.items()}}
        info = {
            "kernelVersion": "6.1.0",
            "kubeletVersion": f"v{self._version}",
            "containerRuntimeVersion": "containerd://1.7.0",
        }
        status: Json = {"allocatable": hardware, "capacity": hardware, "nodeInfo": info}
        condition(status, "Ready", "True", "KubeletReady", at=self.world.stamp())
        meta = {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", **(labels or {})}}
        self.make("nodes", {"metadata": meta, "spec": {"taints": list(taints)}, "status": status})
        self.kubelets[name] = Kubelet(self.world, name, self.folder / "nodes" / name, self.images)
        return self.kubelets[name]

    def make(self, plural: str, document: Json) -> None:
        """An object that somebody else made."""
        resource = RESOURCES[plural]
        with self.world.changed:
            self.world.create(plural, {"kind": resource.kind, "apiVersion": resource.version, **document})

    def all(self, plural: str) -> list[Json]:
        """All objects of a kind."""
        with self.world.changed:
            return list(self.world.all(plural))

    def pods(self) -> list[Json]:
        """All pods."""
        return self.all("pods")

    def calls(self, verb: str, plural: str) -> int:
        """How often something was asked."""
        return sum((one[0], one[1]) == (verb, plural) for one in self.asked)

    def lose_node(self, name: str) -> None:
        """Its kubelet stops, and the cluster has noticed; what runs there goes on unseen."""
        self.kubelets[name].stopped = True
        self._ready(name, "Unknown", "NodeStatusUnknown")

    def find_node(self, name: str) -> None:
        """The kubelet is back."""
        self.kubelets[name].stopped = False
        self._ready(name, "True", "KubeletReady")

    def remove_node(self, name: str) -> None:
        """A node is gone with all that ran there, and somebody removed it from the cluster."""
        with self.world.changed:
            self.kubelets.pop(name).close()
            found = self.world.find("nodes", "", name)
            assert found is not None
            self.world.remove("nodes", found)

    def drain(self, name: str) -> None:
        """What `kubectl drain` does: no new pods, and those that are there are evicted through the API."""
        with self.world.changed:
            node = self.world.find("nodes", "", name)
            assert node is not None
            node["spec"]["unschedulable"] = True
            self.world.save("nodes", node)
            for pod in self.world.all("pods"):
                if pod["spec"].get("nodeName") == name:
                    self.scheduler.disrupt(pod, "EvictionByEvictionAPI", "Eviction API: evicting")
                    pod["metadata"].setdefault("deletionTimestamp", self.world.stamp())
                    self.world.save("pods", pod)

    def evict(self, pod: Json, message: str = "The node was low on resource: ephemeral-storage.") -> None:
        """The kubelet ends a pod because its node runs out of something."""
        with self.world.changed:
            self.kubelets[pod["spec"]["nodeName"]].end(pod, "Evicted", message)

    def kill(self, pod: Json, name: str, reason: str = "OOMKilled") -> None:
        """The kernel ends a whole container."""
        with self.world.changed:
            box = self.kubelets[pod["spec"]["nodeName"]].boxes[pod["metadata"]["uid"]]
            container = box.containers[name]
            container.killed_for = reason
            container.send(signal.SIGKILL)

    def delete_pod(self, pod: Json, *, by_force: bool = False) -> None:
        """Somebody deletes a pod; by force it is gone from the API at once."""
        with self.world.changed:
            found = self.world.find("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
            assert found is not None
            if by_force:
                self.world.remove("pods", found)
                return
            found["metadata"].setdefault("deletionTimestamp", self.world.stamp())
            self.world.save("pods", found)

    def advance(self, seconds: float) -> None:
        """Move this cluster's clock forward."""
        with self.world.changed:
            self.world.offset += seconds

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody listens at its address while the context is open; pods go on."""
        self._stop_listening()
        try:
            yield
        finally:
            self._listen()

    def start(self) -> None:
        """Listen, and let controllers, scheduler and kubelets work."""
        self._listen()
        working = threading.Thread(target=self._work)
        working.start()
        self._threads.append(working)

    def close(self) -> None:
        """End everything that it started. Raises what went wrong inside."""
        self._closed.set()
        for thread in self._threads:
            thread.join()
        self._stop_listening()
        for kubelet in self.kubelets.values():
            kubelet.close()
        if self.troubles:
            raise self.troubles[0]

    def turn(self) -> None:
        """Everything one step further."""
        with self.world.changed:
            self._jobs.turn()
            self.scheduler.turn()
            for kubelet in list(self.kubelets.values()):
                kubelet.turn()
            collect_garbage(self.world)

    def answer(self, path: str, method: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any) -> Reply | Call:
        """What a question is answered; a watch is given back, to be followed."""
        if path == "/version":
            major, minor = self.world.release
            return Reply(200, {"major": str(major), "minor": str(minor), "gitVersion": f"v{self._version}"})
        if path in ("/readyz", "/livez", "/healthz"):
            return Reply(200, body=b"ok")
        if path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
            self.access.know(headers.get("authorization", ""))
            return self.access.review(body)
        found = _PATH.fullmatch(path)
        resource = RESOURCES.get(found["plural"]) if found else None
        if found is None or resource is None or resource.group != (found["group"] or ""):
            raise Refused(404, "the server could not find the requested resource", "NotFound")
        given = {name: unquote(found[name] or "") for name in ("namespace", "name", "part")}
        call = Call(method, path, query, headers, body, resource, **given)
        self.asked.append((call.verb, resource.plural, call.name))
        self.access.check(call)
        if call.watches:
            return call
        if call.part == "log":
            return self._log(call)
        with self.world.changed:
            return self.objects.answer(call)

    @property
    def _version(self) -> str:
        return f"{self.world.release[0]}.{self.world.release[1]}.2"

    def _log(self, call: Call) -> Reply:
        """What a container wrote so far [doc: pods, read log]."""
        with self.world.changed:
            reply = self.objects.answer(call)
            pod: Json = reply.document
            kubelet = self.kubelets.get(pod["spec"].get("nodeName", ""))
            name = call.query.get("container") or pod["spec"]["containers"][0]["name"]
            box = kubelet.boxes.get(pod["metadata"]["uid"]) if kubelet else None
        if kubelet is None or kubelet.stopped:
            raise Refused(500, "Get containerLogs: dial tcp: connect: connection refused")
        if box is None or name not in box.containers:
            raise Refused(400, f'container "{name}" in pod "{call.name}" is waiting to start: ContainerCreating')
        return Reply(200, body=box.containers[name].log.read_bytes())

    def _ready(self, name: str, state: str, reason: str) -> None:
        with self.world.changed:
            node = self.world.find("nodes", "", name)
            assert node is not None
            condition(node["status"], "Ready", state, reason, at=self.world.stamp())
            self.world.save("nodes", node)

    def _work(self) -> None:
        while not self._closed.wait(_TURN_SECONDS):
            try:
                if not self.idle and self._may_move():
                    self.turn()
            except Exception as trouble:  # noqa: BLE001 - told when the test closes it; without its controllers nothing would go on
                self.troubles.append(trouble)
                return

    def _may_move(self) -> bool:
        """Whether anything happened since the last turn, or may happen by itself: time passes, and processes end."""
        runs = any(not box.all_ended for kubelet in self.kubelets.values() for box in list(kubelet.boxes.values()))
        last, self._last = self._last, (self.world.revision, time.monotonic())
        if runs or self.world.revision != last[0] or self._last[1] > last[1] + _IDLE_SECONDS:
            return True
        self._last = last
        return False

    def _listen(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), lambda *given: _Handler(self, *given))
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients break off on purpose
        self.port = self._http.server_address[1]
        serving = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        serving.start()
        self._serving = serving

    def _stop_listening(self) -> None:
        if self._http is not None:
            self.watches.cut()
            self._http.shutdown()
            self._serving.join()
            self._http.server_close()
            self._http = None


@contextmanager
def running_kubernetes(folder: Path, release: tuple[int, int] = (1, 31)) -> Iterator[FakeKubernetes]:
    """A cluster of this release without nodes, whose pods live below `folder`, until the context ends."""
    cluster = FakeKubernetes(folder, World(release))
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, cluster: FakeKubernetes, *given: Any) -> None:
        self._cluster = cluster
        super().__init__(*given)

    def _answer(self) -> None:
        self.close_connection = True
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path, _, query = self.path.partition("?")
        fault = self._cluster.faults.take(self.command, path)
        if fault is not None and not fault.after:
            if fault.silence:
                self._cluster._closed.wait(fault.silence)
            self._send_fault(fault.reply)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            body = json.loads(raw) if raw else None
            reply = self._cluster.answer(path, self.command, dict(parse_qsl(query)), headers, body)
        except Refused as refused:
            reply = refused.reply
        except NotImplementedError as missing:
            self._cluster.troubles.append(missing)
            reply = Reply(501, status_document(500, str(missing)))
        if fault is not None:
            self._send_fault(fault.reply)
        elif isinstance(reply, Call):
            self._stream(reply)
        else:
            kind = "text/plain" if reply.document is None else "application/json"
            content = reply.body if reply.document is None else json.dumps(reply.document).encode()
            self._send(reply.status, {"Content-Type": kind, **reply.headers}, content)

    def _send_fault(self, reply: Fault | None) -> None:
        if reply is not None:
            content = reply.body if reply.document is None else json.dumps(reply.document).encode()
            self._send(reply.status, dict(reply.headers), content)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, call: Call) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", "Transfer-Encoding": "chunked", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            for line in self._cluster.watches.follow(call):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - named by the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""
