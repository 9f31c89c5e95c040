"""Get, list, create, update, patch and delete [doc: API concepts]."""

import base64
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fakes.kubernetes.admission import admit, check
from fakes.kubernetes.calls import Call, Refused, Reply, invalid, missing
from fakes.kubernetes.events import note
from fakes.kubernetes.fields import fill_in_job, pruned
from fakes.kubernetes.jobs import prepare_pod
from fakes.kubernetes.state import RESOURCES, Json, World

_JOBS, _PODS = RESOURCES["jobs"], RESOURCES["pods"]


@dataclass
class Objects:
    """The objects of a cluster as the API has them. `denials` are what webhooks say, `rewrites` what they do, by resource."""

    world: World
    denials: dict[str, str] = field(default_factory=dict)
    rewrites: dict[str, Callable[[Json], object]] = field(default_factory=dict)

    def answer(self, call: Call) -> Reply:
        """What a question that is no watch is answered."""
        if call.part not in ("", "status", "log"):
            raise Refused(404, "the server could not find the requested resource", "NotFound")
        return {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_all,
        }[call.verb](call)

    def _found(self, call: Call) -> Json:
        found = self.world.find(call.resource.plural, call.namespace, call.name)
        if found is None:
            raise missing(call.resource, call.name)
        return found

    def _get(self, call: Call) -> Reply:
        return Reply(200, self._found(call))

    def _list(self, call: Call) -> Reply:
        """All that fit, in pages where `limit` asks for them; a page is continued at the revision that it began with.

        A continuation whose revision is forgotten is 410 [doc: retrieving large results sets in chunks]. Pages after the first show
        what is there now [own].
        """
        revision, _, last = call.query.get("continue", "").partition("/")
        if revision and int(revision) <= self.world.oldest and self.world.oldest:
            raise Refused(410, "The provided continue parameter is too old to display a consistent list result.")
        fitting = [one for one in self.world.all(call.resource.plural, call.namespace) if call.fits(one)]
        after = [one for one in fitting if _order(one) > last]
        size = int(call.query.get("limit", "0")) or len(after)
        meta = {"resourceVersion": revision or str(self.world.revision)}
        if len(after) > size:
            meta |= {
                "continue": f"{meta['resourceVersion']}/{_order(after[size - 1])}",
                "remainingItemCount": str(len(after) - size),
            }
        items = [{key: value for key, value in one.items() if key not in ("kind", "apiVersion")} for one in after[:size]]
        kind = {"kind": f"{call.resource.kind}List", "apiVersion": call.resource.version}
        return Reply(200, {**kind, "metadata": meta, "items": items})

    def _create(self, call: Call) -> Reply:
        document = pruned(call.resource, self._sent(call), self.world.release)
        meta = document.setdefault("metadata", {})
        if call.resource.namespaced:
            meta["namespace"] = call.namespace
        if "name" not in meta and "generateName" in meta:
            meta["name"] = f"{meta['generateName']}{self.world.revision:05x}"
        check(call.resource, document)
        if self.world.find(call.resource.plural, call.namespace, meta["name"]) is not None:
            raise Refused(409, f'{call.resource.qualified} "{meta["name"]}" already exists', "AlreadyExists", name=meta["name"])
        if call.resource is _PODS:
            prepare_pod(document)
        if call.resource.plural == "secrets":
            _encode(document)
        if rewrite := self.rewrites.get(call.resource.plural):
            rewrite(document)
        admit(self.world, call.resource, document, self.denials)
        document = {**document, "kind": call.resource.kind, "apiVersion": call.resource.version}
        if "dryRun" in call.query:
            return Reply(201, document)
        with_uid = self.world.create(call.resource.plural, document)
        if call.resource is _JOBS:
            fill_in_job(with_uid, self.world.release)
            self.world.save("jobs", with_uid)
        return Reply(201, self.world.find(call.resource.plural, call.namespace, meta["name"]))

    def _sent(self, call: Call) -> Json:
        if not isinstance(call.body, dict):
            raise Refused(400, "the body is no object")
        said = call.body.get("kind", call.resource.kind), call.body.get("apiVersion", call.resource.version)
        if said != (call.resource.kind, call.resource.version):
            raise Refused(400, f"the API version and kind in the data {said} do not match the expected ones")
        return copy.deepcopy(call.body)

    def _update(self, call: Call) -> Reply:
        """A whole object; with another revision than it has by now it is 409 [doc: optimistic concurrency]."""
        old, new = self._found(call), pruned(call.resource, self._sent(call), self.world.release)
        return Reply(200, self._replace(call, old, new))

    def _patch(self, call: Call) -> Reply:
        """A merge patch [RFC 7396]; strategic ones where they say the same, without lists of objects."""
        kind = call.headers.get("content-type", "").partition(";")[0]
        if kind not in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
            raise Refused(415, f"the body of the request was in an unknown format: {kind}")
        if kind.startswith("application/strategic") and _lists_objects(call.body):
            raise NotImplementedError("strategic patches of lists")
        old = self._found(call)
        return Reply(200, self._replace(call, old, pruned(call.resource, _merged(old, call.body), self.world.release)))

    def _replace(self, call: Call, old: Json, new: Json) -> Json:
        meta = new.setdefault("metadata", {})
        sent = meta.get("resourceVersion")
        if sent and sent != old["metadata"]["resourceVersion"]:
            what = f'Operation cannot be fulfilled on {call.resource.qualified} "{call.name}"'
            raise Refused(
                409, f"{what}: the object has been modified; please apply your changes to the latest version and try again"
            )
        fixed = ("uid", "creationTimestamp", "namespace", "name", "resourceVersion", "deletionTimestamp")
        meta.update({name: old["metadata"][name] for name in fixed if name in old["metadata"]})
        new.update(kind=call.resource.kind, apiVersion=call.resource.version)
        if call.resource.plural in ("jobs", "pods", "nodes") and "status" in old:
            new["status" if call.part != "status" else "spec"] = old["status" if call.part != "status" else "spec"]
        if call.resource is _JOBS:
            for name in ("template", "selector", "completions"):
                if new["spec"].get(name) != old["spec"].get(name):
                    raise invalid(_JOBS, call.name, f"spec.{name}: Invalid value: field is immutable")
        if call.resource is _PODS and call.part != "status" and new["spec"] != old["spec"]:
            raise invalid(_PODS, call.name, "spec: Forbidden: pod updates may not change fields other than …")
        if call.resource.plural == "secrets":
            _encode(new)
        check(call.resource, new)
        return self.world.save(call.resource.plural, new)

    def _delete(self, call: Call) -> Reply:
        found = self._found(call)
        wanted = (call.body or {}).get("preconditions", {}) if isinstance(call.body, dict) else {}
        if wanted.get("uid") not in (None, found["metadata"]["uid"]):
            what = f"Precondition failed: UID in precondition: {wanted['uid']}, UID in object meta: {found['metadata']['uid']}"
            raise Refused(409, f'Operation cannot be fulfilled on {call.resource.qualified} "{call.name}": {what}')
        self._remove(call, found)
        details = {"name": call.name, "kind": call.resource.plural, "uid": found["metadata"]["uid"]}
        done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return Reply(200, found if call.resource is _PODS else done)

    def _delete_all(self, call: Call) -> Reply:
        for one in [one for one in self.world.all(call.resource.plural, call.namespace) if call.fits(one)]:
            self._remove(call, one)
        return Reply(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    def _remove(self, call: Call, document: Json) -> None:
        options: Mapping[str, object] = call.body if isinstance(call.body, dict) else {}
        meta = document["metadata"]
        if call.resource is _PODS:
            given = call.query.get("gracePeriodSeconds", options.get("gracePeriodSeconds"))
            grace = document["spec"]["terminationGracePeriodSeconds"] if given is None else int(str(given))
            if "nodeName" in document["spec"] and grace > 0:
                meta.setdefault("deletionTimestamp", self.world.stamp())
                meta["deletionGracePeriodSeconds"] = min(grace, meta.get("deletionGracePeriodSeconds", grace))
                note(self.world, "pods", document, "Killing", "Stopping container")
                self.world.save("pods", document)
                return
        # Where nothing is asked for, what a Job of batch/v1 owns stays behind, for old clients' sake [src: job/strategy.go].
        usual = "Orphan" if call.resource is _JOBS else "Background"
        if call.query.get("propagationPolicy", options.get("propagationPolicy") or usual) == "Orphan":
            self._orphan(meta["uid"])
        self.world.remove(call.resource.plural, document)

    def _orphan(self, uid: str) -> None:
        for plural in RESOURCES:
            for one in self.world.all(plural):
                owners = one["metadata"].get("ownerReferences", [])
                if any(owner["uid"] == uid for owner in owners):
                    one["metadata"]["ownerReferences"] = [owner for owner in owners if owner["uid"] != uid]
                    self.world.save(plural, one)


def collect_garbage(world: World) -> None:
    """What was owned by something that is gone goes too [doc: garbage collection]."""
    there = {one["metadata"]["uid"] for plural in RESOURCES for one in world.all(plural)}
    for plural in RESOURCES:
        for one in world.all(plural):
            owners = one["metadata"].get("ownerReferences", [])
            if not owners or any(owner["uid"] in there for owner in owners):
                continue
            if plural != "pods" or "nodeName" not in one["spec"]:
                world.remove(plural, one)
                continue
            one["metadata"].setdefault("deletionTimestamp", world.stamp())
            one["metadata"]["finalizers"] = []
            world.save("pods", one)


def _order(document: Json) -> str:
    return f"{document['metadata'].get('namespace', '')}/{document['metadata']['name']}"


def _merged(old: Json, patch: Json) -> Json:
    merged = dict(old)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = _merged(old[name] if isinstance(old.get(name), dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _lists_objects(value: object) -> bool:
    if isinstance(value, list):
        return any(isinstance(one, dict) for one in value)
    return isinstance(value, dict) and any(_lists_objects(one) for one in value.values())


def _encode(secret: Json) -> None:
    """`stringData` is written, never read [doc: secrets]."""
    for name, text in secret.pop("stringData", {}).items():
        secret.setdefault("data", {})[name] = base64.b64encode(text.encode()).decode()
