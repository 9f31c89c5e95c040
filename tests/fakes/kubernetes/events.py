"""Events, which say why; the same said again counts up [src: record.EventAggregator]."""

import uuid

from fakes.kubernetes.state import RESOURCES, Json, World


def note(world: World, plural: str, about: Json, reason: str, message: str, *, warning: bool = False) -> None:
    """Something happened to an object."""
    meta, resource = about["metadata"], RESOURCES[plural]
    namespace = meta.get("namespace", "default")
    for event in world.all("events", namespace):
        if (event["involvedObject"].get("uid"), event["reason"], event["message"]) == (meta["uid"], reason, message):
            event.update(count=event["count"] + 1, lastTimestamp=world.stamp())
            world.save("events", event)
            return
    world.create(
        "events",
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "involvedObject": {
                "kind": resource.kind,
                "apiVersion": resource.version,
                "name": meta["name"],
                "namespace": namespace,
                "uid": meta["uid"],
            },
            "reason": reason,
            "message": message,
            "type": "Warning" if warning else "Normal",
            "count": 1,
            "firstTimestamp": world.stamp(),
            "lastTimestamp": world.stamp(),
            "source": {"component": "fake"},
        },
    )


def condition(status: Json, kind: str, state: str, reason: str = "", message: str = "", *, at: str = "") -> None:
    """Set one condition of an object's status; it moves only where its state does [doc: API conventions]."""
    kept = [one for one in status.get("conditions", []) if one["type"] != kind]
    old = next((one for one in status.get("conditions", []) if one["type"] == kind), None)
    moved = old["lastTransitionTime"] if old is not None and old["status"] == state else at
    new = {"type": kind, "status": state, "lastTransitionTime": moved}
    status["conditions"] = [
        *kept,
        {**new, **({"reason": reason} if reason else {}), **({"message": message} if message else {})},
    ]
