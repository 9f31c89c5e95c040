"""The Job controller: one pod per Job at a time, counted when it ends [doc: jobs; src: controller/job/job_controller.go].

Until 1.25 it counts the pods that are there, so that one that was deleted is replaced without counting. From 1.26 a finalizer holds
each pod until it was counted. It makes the next pod at once, where the real one waits longer each time [own].
"""

import copy
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from fakes.kubernetes.admission import admit, check
from fakes.kubernetes.calls import Refused
from fakes.kubernetes.events import condition, note
from fakes.kubernetes.fields import fill_in_pod
from fakes.kubernetes.state import RESOURCES, Json, World, parse

TRACKED = "batch.kubernetes.io/job-tracking"
_TRACKING_SINCE = (1, 26)
_RETRY_SECONDS = 0.1


@dataclass
class JobController:
    """Makes the pods of Jobs, and says how Jobs ended. `denials` are what webhooks refuse, `rewrites` what they make of what is created."""

    world: World
    denials: dict[str, str]
    rewrites: dict[str, Callable[[Json], object]]
    _refused_at: dict[str, float] = field(default_factory=dict)

    def turn(self) -> None:
        """Bring every Job a step further."""
        for job in self.world.all("jobs"):
            if ended(job):
                self._expire(job)
            elif "deletionTimestamp" not in job["metadata"]:
                self._sync(job)

    @property
    def _tracks(self) -> bool:
        return self.world.release >= _TRACKING_SINCE

    def _expire(self, job: Json) -> None:
        """A Job goes, with all it owns, so long after its end [doc: ttlSecondsAfterFinished]."""
        left = job["spec"].get("ttlSecondsAfterFinished")
        last = max(parse(one["lastTransitionTime"]) for one in job["status"]["conditions"])
        if left is not None and self.world.now() >= last + left:
            self.world.remove("jobs", job)

    def _sync(self, job: Json) -> None:
        status = job["status"]
        status.setdefault("startTime", self.world.stamp())
        pods = [pod for pod in self.world.all("pods", job["metadata"]["namespace"]) if _owns(job, pod)]
        alive = [pod for pod in pods if _alive(pod)]
        failure = self._count(job, pods)
        self._judge(job, failure, alive)
        if not ended(job) and not job["spec"].get("suspend") and self._wants_pod(job, pods, alive):
            self._make_pod(job)
        status["active"] = len(alive)
        if not alive:
            del status["active"]
        self.world.save("jobs", job)

    def _wants_pod(self, job: Json, pods: list[Json], alive: list[Json]) -> bool:
        if (
            "podFailurePolicy" in job["spec"]
        ):  # then a pod is replaced when it is over, not while it ends [doc: podReplacementPolicy]
            alive = [pod for pod in pods if not _over(pod)]
        return not alive and job["status"].get("succeeded", 0) < job["spec"]["completions"]

    def _count(self, job: Json, pods: list[Json]) -> tuple[str, str] | None:
        """Count pods that are over; the reason and message of a rule that lets the Job fail."""
        status = job["status"]
        if not self._tracks:
            status["succeeded"] = sum(pod["status"].get("phase") == "Succeeded" for pod in pods)
            status["failed"] = sum(pod["status"].get("phase") == "Failed" for pod in pods)
            return None
        failure = None
        for pod in pods:
            if TRACKED not in pod["metadata"].get("finalizers", []) or not self._counts(job, pod):
                continue
            if pod["status"].get("phase") == "Succeeded":
                status["succeeded"] = status.get("succeeded", 0) + 1
            else:
                action, why = policy(job, pod)
                status["failed"] = status.get("failed", 0) + (action != "Ignore")
                failure = ("PodFailurePolicy", why) if action == "FailJob" else failure
            pod["metadata"]["finalizers"].remove(TRACKED)
            self.world.save("pods", pod)
        return failure

    def _counts(self, job: Json, pod: Json) -> bool:
        return _over(pod) or ("deletionTimestamp" in pod["metadata"] and "podFailurePolicy" not in job["spec"])

    def _judge(self, job: Json, failure: tuple[str, str] | None, alive: list[Json]) -> None:
        spec, status, now = job["spec"], job["status"], self.world.stamp()
        started = parse(status["startTime"])
        if status.get("succeeded", 0) >= spec["completions"]:
            condition(status, "Complete", "True", at=now)
            status["completionTime"] = now
            note(self.world, "jobs", job, "Completed", "Job completed")
            return
        if failure is None and status.get("failed", 0) > spec["backoffLimit"]:
            failure = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        limit = spec.get("activeDeadlineSeconds")
        if failure is None and limit is not None and self.world.now() >= started + limit:
            failure = ("DeadlineExceeded", "Job was active longer than specified deadline")
        if failure is not None:
            condition(status, "Failed", "True", *failure, at=now)
            note(self.world, "jobs", job, *failure, warning=True)
            for pod in alive:
                pod["metadata"].setdefault("deletionTimestamp", now)
                self.world.save("pods", pod)

    def _make_pod(self, job: Json) -> None:
        uid = job["metadata"]["uid"]
        if self.world.now() < self._refused_at.get(uid, 0) + _RETRY_SECONDS:
            return
        pod = _pod_of(job)
        if self._tracks:
            pod["metadata"]["finalizers"] = [TRACKED]
        try:
            prepare_pod(pod)
            if rewrite := self.rewrites.get("pods"):
                rewrite(pod)
            check(RESOURCES["pods"], pod)
            admit(self.world, RESOURCES["pods"], pod, self.denials)
        except Refused as refused:
            self._refused_at[uid] = self.world.now()
            note(self.world, "jobs", job, "FailedCreate", f"Error creating: {_unnumbered(str(refused), pod)}", warning=True)
            return
        self.world.create("pods", pod)
        note(self.world, "jobs", job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")


def _unnumbered(message: str, pod: Json) -> str:
    """Pods that were refused have names that nobody saw; without them the same event counts up [own]."""
    return message.replace(pod["metadata"]["name"], f"{pod['metadata']['generateName']}xxxxx")


def prepare_pod(pod: Json) -> None:
    """What every pod is given on its way in [src: admission plugins ServiceAccount, DefaultTolerationSeconds, Priority]."""
    spec = pod["spec"]
    fill_in_pod(spec)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    if spec.get("automountServiceAccountToken") is not False:
        spec["volumes"] = [*spec.get("volumes", []), {"name": "kube-api-access", "projected": {"sources": []}}]
        for container in spec["containers"]:
            mount = {"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
            container["volumeMounts"] = [*container.get("volumeMounts", []), mount]
    tolerated = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(one.get("key") in (key, None, "") for one in tolerated):
            tolerated.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    pod["status"] = {"phase": "Pending", "qosClass": _quality(spec)}


def _pod_of(job: Json) -> Json:
    meta, template = job["metadata"], copy.deepcopy(job["spec"]["template"])
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    made = {
        "name": f"{meta['name']}-{secrets.token_hex(3)[:5]}",
        "generateName": f"{meta['name']}-",
        "namespace": meta["namespace"],
        "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template.get("metadata", {}), **made}, "spec": template["spec"]}


def _quality(spec: Json) -> str:
    """Guaranteed, Burstable or BestEffort [doc: pod quality of service classes]."""
    asked = [one.get("resources", {}) for one in [*spec["containers"], *spec.get("initContainers", [])]]
    if not any(one.get("requests") or one.get("limits") for one in asked):
        return "BestEffort"
    for what in ("cpu", "memory"):
        for one in asked:
            if what not in one.get("limits", {}) or one["limits"][what] != one.get("requests", {}).get(what):
                return "Burstable"
    return "Guaranteed"


def policy(job: Json, pod: Json) -> tuple[str, str]:
    """What a Job's rules say to a pod that failed: an action, and why; `Count` where none fits [doc: pod failure policy]."""
    place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for number, rule in enumerate(job["spec"].get("podFailurePolicy", {}).get("rules", [])):
        for wanted in rule.get("onPodConditions", []):
            for one in pod["status"].get("conditions", []):
                if (one["type"], one["status"]) == (wanted["type"], wanted.get("status", "True")):
                    return rule[
                        "action"
                    ], f"Pod {place} has condition {one['type']} matching {rule['action']} rule at index {number}"
        codes = rule.get("onExitCodes")
        if codes is None:
            continue
        for status in [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]:
            code = status["state"].get("terminated", {}).get("exitCode", 0)
            named = codes.get("containerName") in (None, status["name"])
            if named and code != 0 and (code in codes["values"]) == (codes["operator"] == "In"):
                why = f"Container {status['name']} for pod {place} failed with exit code {code} matching {rule['action']} rule at index {number}"
                return rule["action"], why
    return "Count", ""


def ended(job: Json) -> bool:
    """Whether a Job is complete or failed."""
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in job["status"].get("conditions", []))


def _over(pod: Json) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def _alive(pod: Json) -> bool:
    return not _over(pod) and "deletionTimestamp" not in pod["metadata"]


def _owns(job: Json, pod: Json) -> bool:
    return any(owner["uid"] == job["metadata"]["uid"] for owner in pod["metadata"].get("ownerReferences", []))
