"""Which node a pod goes to, why none will do, and what becomes of the pods of nodes that are gone [doc: scheduling, eviction]."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from fakes.kubernetes.admission import pod_total
from fakes.kubernetes.events import condition, note
from fakes.kubernetes.quantities import amount
from fakes.kubernetes.state import Json, World, parse

_DISRUPTIONS_SINCE = (1, 26)
_UNREACHABLE = "node.kubernetes.io/unreachable"


@dataclass
class Scheduler:
    """Binds pods to nodes, and takes them away from nodes that do not answer."""

    world: World

    def turn(self) -> None:
        """Bring every pod without a node a step further, and look after nodes."""
        nodes = list(self.world.all("nodes"))
        for pod in self.world.all("pods"):
            if "nodeName" not in pod["spec"] and "deletionTimestamp" not in pod["metadata"]:
                self._place(pod, nodes)
            elif "nodeName" in pod["spec"] and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                self._look_after(pod, nodes)

    def _place(self, pod: Json, nodes: list[Json]) -> None:
        missing = self._missing_claim(pod)
        against = Counter(reason for node in nodes for reason in self._against(pod, node))
        able = [node for node in nodes if not self._against(pod, node)]
        if able and not missing:
            name = able[0]["metadata"]["name"]
            pod["spec"]["nodeName"] = name
            condition(pod["status"], "PodScheduled", "True", at=self.world.stamp())
            note(
                self.world,
                "pods",
                pod,
                "Scheduled",
                f"Successfully assigned {pod['metadata']['namespace']}/{pod['metadata']['name']} to {name}",
            )
        else:
            why = ", ".join(f"{count} {reason}" for reason, count in sorted(against.items()))
            why = missing or f"0/{len(nodes)} nodes are available: {why}." if nodes else "no nodes available to schedule pods"
            if not _is_known(pod, why):
                note(self.world, "pods", pod, "FailedScheduling", why, warning=True)
            condition(pod["status"], "PodScheduled", "False", "Unschedulable", why, at=self.world.stamp())
        self.world.save("pods", pod)

    def _missing_claim(self, pod: Json) -> str:
        for volume in pod["spec"].get("volumes", []):
            name = volume.get("persistentVolumeClaim", {}).get("claimName")
            if name and self.world.find("persistentvolumeclaims", pod["metadata"]["namespace"], name) is None:
                return f'persistentvolumeclaim "{name}" not found'
        return ""

    def _against(self, pod: Json, node: Json) -> list[str]:
        """Why a node will not do, as the scheduler words it."""
        spec, labels = pod["spec"], node["metadata"].get("labels") or {}
        if node["spec"].get("unschedulable"):
            return ["node(s) were unschedulable"]
        for taint in node["spec"].get("taints", []):
            if taint["effect"] != "PreferNoSchedule" and not _tolerates(spec, taint):
                return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
        if any(labels.get(key) != value for key, value in spec.get("nodeSelector", {}).items()):
            return ["node(s) didn't match Pod's node affinity/selector"]
        free = {what: amount(there) for what, there in node["status"]["allocatable"].items()}
        for other in self.world.all("pods"):
            if other["spec"].get("nodeName") == node["metadata"]["name"] and other["status"]["phase"] not in (
                "Succeeded",
                "Failed",
            ):
                for what, used in pod_total(other["spec"], "requests").items():
                    free[what] = free.get(what, Decimal(0)) - used
        return [
            f"Insufficient {what}" for what, asked in pod_total(spec, "requests").items() if free.get(what, Decimal(0)) < asked
        ]

    def _look_after(self, pod: Json, nodes: list[Json]) -> None:
        node = next((node for node in nodes if node["metadata"]["name"] == pod["spec"]["nodeName"]), None)
        if node is None:
            self._collect_garbage(pod)
            return
        ready = next(one for one in node["status"]["conditions"] if one["type"] == "Ready")
        if ready["status"] == "True":
            return
        since = self.world.now() - parse(ready["lastTransitionTime"])
        condition(pod["status"], "Ready", "False", "NodeLost", at=self.world.stamp())
        patience = [
            one.get("tolerationSeconds", since + 1)
            for one in pod["spec"]["tolerations"]
            if one.get("key") in (_UNREACHABLE, None)
        ]
        if since >= min(patience, default=0):
            self.disrupt(pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")
            pod["metadata"].setdefault("deletionTimestamp", self.world.stamp())
        self.world.save("pods", pod)

    def _collect_garbage(self, pod: Json) -> None:
        """The pod of a node that was removed: failed first where Jobs count pods, then gone [src: controller/podgc]."""
        if self.world.release >= _DISRUPTIONS_SINCE:
            pod["status"]["phase"] = "Failed"
            self.disrupt(pod, "DeletionByPodGC", "PodGC: node no longer exists")
            pod["metadata"].setdefault("deletionTimestamp", self.world.stamp())
            self.world.save("pods", pod)
        else:
            self.world.remove("pods", pod)

    def disrupt(self, pod: Json, reason: str, message: str) -> None:
        """Say that it was not the pod's own fault, where this release says so [doc: pod disruption conditions]."""
        if self.world.release >= _DISRUPTIONS_SINCE:
            condition(pod["status"], "DisruptionTarget", "True", reason, message, at=self.world.stamp())


def _is_known(pod: Json, why: str) -> bool:
    return any(one.get("message") == why for one in pod["status"].get("conditions", []))


def _tolerates(spec: Json, taint: Json) -> bool:
    """[doc: taints and tolerations]."""
    for one in spec.get("tolerations", []):
        if one.get("effect", taint["effect"]) != taint["effect"]:
            continue
        if one.get("operator", "Equal") == "Exists" and one.get("key") in (taint["key"], None, ""):
            return True
        if one.get("key") == taint["key"] and one.get("value", "") == taint.get("value", ""):
            return True
    return False
