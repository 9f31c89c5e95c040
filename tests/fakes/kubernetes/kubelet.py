"""The agent of a node: pulls, starts init containers one after the other and then the rest together, ends pods, and says how they are.

It does what `containers.py` can, and refuses what a pod asks beyond that, so that no test passes for what was never tried.
"""

import base64
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fakes.kubernetes import containers
from fakes.kubernetes.containers import Container, Image, Mount
from fakes.kubernetes.events import condition, note
from fakes.kubernetes.pods import CannotStart, command, ids, limits, reference_of, variables
from fakes.kubernetes.scheduler import Scheduler
from fakes.kubernetes.state import Json, World, parse

_OVER = ("Succeeded", "Failed")
_PULL_SECONDS = 0.5


@dataclass
class Sandbox:
    """What a node has of a pod. `ending_at` is when its containers were told to end, `why` the phase's reason then."""

    folder: Path
    containers: dict[str, Container] = field(default_factory=dict)
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    ending_at: float | None = None
    killed: bool = False
    why: tuple[str, str] = ("", "")

    @property
    def all_ended(self) -> bool:
        """Whether nothing runs."""
        return all(one.exit_code is not None for one in self.containers.values())


@dataclass
class Kubelet:
    """One node's. `images` are what it can pull; it does nothing while it is `stopped`, and tells of what began `lag` seconds later."""

    world: World
    node: str
    folder: Path
    images: Mapping[str, Image]
    stopped: bool = False
    lag: float = 0.0
    boxes: dict[str, Sandbox] = field(default_factory=dict)

    def turn(self) -> None:
        """Bring every pod of this node a step further."""
        if self.stopped:
            return
        there = {pod["metadata"]["uid"]: pod for pod in self.world.all("pods") if pod["spec"].get("nodeName") == self.node}
        for uid in self.boxes.keys() - there.keys():
            self._forget(uid)
        for pod in there.values():
            self._sync(pod)

    def close(self) -> None:
        """End everything that runs here."""
        for uid in list(self.boxes):
            self._forget(uid)

    def _forget(self, uid: str) -> None:
        """What was taken out of the API by force is ended and removed."""
        box = self.boxes.pop(uid)
        for container in box.containers.values():
            container.send(signal.SIGKILL)
            container.wait()
        shutil.rmtree(box.folder)

    def _sync(self, pod: Json) -> None:
        uid, status = pod["metadata"]["uid"], pod["status"]
        if status["phase"] in _OVER and uid not in self.boxes:
            self._let_go(pod)
            return
        box = self.boxes.get(uid)
        if box is None:
            box = self.boxes[uid] = Sandbox(self.folder / uid)
            box.folder.mkdir(parents=True)
            status.update(startTime=self.world.stamp(), hostIP="127.0.0.1", podIP="127.0.0.1")
        self._see_ends(box)
        self._decide_end(pod, box)
        if box.ending_at is None:
            self._advance(pod, box)
        else:
            self._end(pod, box)
        self._tell(pod, box)
        self.world.save("pods", pod)
        self._let_go(pod)

    def _let_go(self, pod: Json) -> None:
        """A pod that is being deleted and is over is gone when nothing holds it."""
        meta, over = pod["metadata"], pod["status"]["phase"] in _OVER
        if over and "deletionTimestamp" in meta and not meta.get("finalizers"):
            self.world.remove("pods", pod)

    def _see_ends(self, box: Sandbox) -> None:
        for container in box.containers.values():
            if container.exit_code is not None and container.finished_at is None:
                container.finished_at = self.world.now()

    def _decide_end(self, pod: Json, box: Sandbox) -> None:
        limit = pod["spec"].get("activeDeadlineSeconds")
        if box.ending_at is not None:
            return
        if "deletionTimestamp" in pod["metadata"]:
            box.ending_at = self.world.now()
        elif limit is not None and self.world.now() >= parse(pod["status"]["startTime"]) + limit:
            self.end(pod, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline")

    def end(self, pod: Json, reason: str, message: str) -> None:
        """End a pod for the node's own reasons: its deadline, or eviction."""
        box = self.boxes[pod["metadata"]["uid"]]
        box.ending_at, box.why = self.world.now(), (reason, message)
        note(self.world, "pods", pod, reason, message, warning=True)

    def _end(self, pod: Json, box: Sandbox) -> None:
        """TERM at once, KILL after the grace period [doc: pod termination]."""
        assert box.ending_at is not None
        grace = pod["metadata"].get("deletionGracePeriodSeconds", pod["spec"]["terminationGracePeriodSeconds"])
        late = self.world.now() >= box.ending_at + grace
        for container in box.containers.values():
            if container.exit_code is None and (late or not box.killed):
                container.send(signal.SIGKILL if late else signal.SIGTERM)
        box.killed = True

    def _advance(self, pod: Json, box: Sandbox) -> None:
        for first in pod["spec"].get("initContainers", []):
            running = self._started(pod, box, first)
            if running is None or running.exit_code is None:
                return
            if running.exit_code != 0:
                return
        for container in pod["spec"]["containers"]:
            self._started(pod, box, container)

    def _started(self, pod: Json, box: Sandbox, container: Json) -> Container | None:
        """The container, started where that can be; else why it waits is kept."""
        name = container["name"]
        if name in box.containers:
            return box.containers[name]
        try:
            image = self._pull(pod, box, container)
            env = variables(self.world, pod, container, image)
            mounts = self._mounts(pod, box, container)
            folder = box.folder / "containers" / name
            folder.mkdir(parents=True)
            box.containers[name] = containers.start(
                folder,
                image,
                mounts,
                command(container, env),
                env,
                workdir=container.get("workingDir", "/"),
                ids=ids(pod, container, image),
                limits=limits(container),
                now=self.world.now(),
            )
        except CannotStart as trouble:
            if box.waiting.get(name, ("",))[0] != trouble.reason:
                note(self.world, "pods", pod, trouble.event, trouble.message, warning=True)
            box.waiting[name] = (trouble.reason, trouble.message)
            return None
        box.waiting.pop(name, None)
        note(self.world, "pods", pod, "Started", f"Started container {name}")
        return box.containers[name]

    def _pull(self, pod: Json, box: Sandbox, container: Json) -> Image:
        written, name = container["image"], container["name"]
        reference = reference_of(written)
        if reference in self.images:
            return self.images[reference]
        # Tries and pauses take turns; here they are short [own].
        if int(self.world.now() / _PULL_SECONDS) % 2 and name in box.waiting:
            raise CannotStart("ImagePullBackOff", f'Back-off pulling image "{written}"', "BackOff")
        message = f'rpc error: code = NotFound desc = failed to pull and unpack image "{written}": not found'
        raise CannotStart("ErrImagePull", message, "Failed")

    def _mounts(self, pod: Json, box: Sandbox, container: Json) -> list[Mount]:
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        found = []
        for mount in container.get("volumeMounts", []):
            source = self._volume(pod, box, volumes[mount["name"]])
            if "subPath" in mount:
                mode, source = source.stat().st_mode, source / mount["subPath"]
                if not source.exists():
                    source.mkdir(parents=True)
                    source.chmod(mode)  # the volume's own [src: pkg/volume/util/subpath]
            found.append(Mount(source, mount["mountPath"], mount.get("readOnly", "secret" in volumes[mount["name"]])))
        return found

    def _volume(self, pod: Json, box: Sandbox, volume: Json) -> Path:
        """A volume's folder, made once for all containers of the pod."""
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        place: Path = self.folder.parent / "claims" / claim if claim else box.folder / "volumes" / volume["name"]
        if place.exists():
            return place
        secret = None
        if "secret" in volume:
            name = volume["secret"]["secretName"]
            secret = self.world.find("secrets", pod["metadata"]["namespace"], name)
            if secret is None:
                message = f'MountVolume.SetUp failed for volume "{volume["name"]}" : secret "{name}" not found'
                raise CannotStart("ContainerCreating", message, "FailedMount")
        elif not {"emptyDir", "persistentVolumeClaim", "projected"} & set(volume):
            raise NotImplementedError(f"volumes like {volume}")
        place.mkdir(parents=True)
        place.chmod(0o777)
        if "projected" in volume:  # all that is projected here is the account's token
            (place / "token").write_text("a token of the service account")
        for name, content in (secret or {}).get("data", {}).items():
            _write_secret(place / name, content, volume["secret"].get("defaultMode", 0o644), pod)
        return place

    def _tell(self, pod: Json, box: Sandbox) -> None:
        """How the pod is [doc: pod lifecycle]."""
        spec, status, now = pod["spec"], pod["status"], self.world.stamp()
        status["initContainerStatuses"] = [self._status(box, one) for one in spec.get("initContainers", [])]
        status["containerStatuses"] = [self._status(box, one) for one in spec["containers"]]
        codes = {name: container.exit_code for name, container in box.containers.items()}
        first = [codes.get(one["name"]) for one in spec.get("initContainers", [])]
        main = [codes.get(one["name"]) for one in spec["containers"]]
        condition(status, "Initialized", str(all(code == 0 for code in first)), at=now)
        condition(status, "Ready", str(None in main and all(one["name"] in codes for one in spec["containers"])), at=now)
        if any(name in codes for name in (one["name"] for one in spec["containers"])):
            status["phase"] = "Running"
        failed_first = any(code not in (None, 0) for code in first)
        if box.ending_at is not None and box.all_ended:
            status["phase"] = "Failed" if box.why[0] or any(code != 0 for code in main) else "Succeeded"
            status.update({"reason": box.why[0], "message": box.why[1]} if box.why[0] else {})
        elif failed_first or (box.all_ended and None not in main):
            status["phase"] = "Failed" if failed_first or any(main) else "Succeeded"
        if status.get("reason") == "Evicted":
            Scheduler(self.world).disrupt(pod, "TerminationByKubelet", box.why[1])

    def _status(self, box: Sandbox, container: Json) -> Json:
        name, image = container["name"], container["image"]
        status = {"name": name, "image": image, "imageID": "", "restartCount": 0, "lastState": {}, "ready": False}
        made = box.containers.get(name)
        untold = made is not None and not box.all_ended and self.world.now() - made.started_at < self.lag
        if made is None or untold:
            reason, message = box.waiting.get(name, ("PodInitializing" if box.containers else "ContainerCreating", ""))
            return {**status, "state": {"waiting": {"reason": reason, **({"message": message} if message else {})}}}
        status.update(imageID=image, containerID=f"containerd://{made.process.pid:064x}")
        started = self.world.stamp(made.started_at)
        code = made.exit_code
        if code is None or made.finished_at is None:
            return {**status, "ready": True, "started": True, "state": {"running": {"startedAt": started}}}
        reason = made.killed_for or ("Error" if code else "Completed")
        ended = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": self.world.stamp(made.finished_at)}
        return {**status, "started": False, "state": {"terminated": {**ended, "containerID": status["containerID"]}}}


def _write_secret(place: Path, content: str, mode: int, pod: Json) -> None:
    """Secrets are base64; the group of the pod's volumes may read them [doc: fsGroup]."""
    place.write_bytes(base64.b64decode(content))
    group = pod["spec"]["securityContext"].get("fsGroup")
    if group is not None:
        os.chown(place, 0, group)
        mode |= 0o440
    place.chmod(mode)
