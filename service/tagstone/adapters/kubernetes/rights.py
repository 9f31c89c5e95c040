"""What the service may do on a cluster, asked of the cluster itself: what it needs, and what nobody should have given it."""

from collections.abc import Iterable
from dataclasses import dataclass

from tagstone.adapters.kubernetes.client import Cluster

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Right:
    """A verb on a kind of object; `everywhere` where it has no namespace, or all of them are meant."""

    verb: str
    resource: str
    group: str = ""
    everywhere: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}"


def _rights(resource: str, group: str, *verbs: str) -> tuple[Right, ...]:
    return tuple(Right(verb, resource, group) for verb in verbs)


NEEDED = (
    *_rights("jobs", "batch", "create", "get", "list", "watch", "delete"),
    *_rights("pods", "", "get", "list", "watch"),
    *_rights("secrets", "", "create", "patch", "delete"),
    *_rights("events", "", "list"),
)
"""What runs cannot do without: the Role of deploy/kubernetes/runs."""

POLICIES = _rights("networkpolicies", "networking.k8s.io", "create", "get", "update")
"""What holding the NetworkPolicies needs beside."""

NODES = Right("list", "nodes", everywhere=True)
"""What `tagstone check --cluster` needs to look at nodes."""

TOO_MUCH = (
    Right("get", "secrets", everywhere=True),
    Right("create", "pods", everywhere=True),
    Right("create", "clusterrolebindings", "rbac.authorization.k8s.io", everywhere=True),
    Right("create", "rolebindings", "rbac.authorization.k8s.io"),
    Right("create", "pods/exec"),
)
"""What the service has no use for, and whoever takes it over would have much of."""


def allowed(cluster: Cluster, right: Right) -> bool:
    """Whether the cluster lets us do this. Raises: Away."""
    resource, _, part = right.resource.partition("/")
    asked = {"verb": right.verb, "resource": resource, "group": right.group}
    asked |= {"subresource": part} if part else {}
    asked |= {} if right.everywhere else {"namespace": cluster.namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    return bool((cluster.create(_REVIEWS, review).get("status") or {}).get("allowed"))


def among(cluster: Cluster, rights: Iterable[Right], *, held: bool) -> tuple[Right, ...]:
    """Those of the rights that we have, or have not. Raises: Away."""
    return tuple(right for right in rights if allowed(cluster, right) is held)
