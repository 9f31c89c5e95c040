"""Who the pods of runs may speak to, as NetworkPolicies: the desk alone, or the Internet as well, or what a profile names; never the cluster
itself, nor the metadata of a cloud. A cluster may have nobody to enforce them: `tagstone doctor --cluster` tries.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from tagstone.adapters.kubernetes.client import Cluster, Object
from tagstone.adapters.kubernetes.manifests import MANAGED, NETWORK, OURS
from tagstone.adapters.kubernetes.readback import differences
from tagstone.domain.runs.placement import OPEN, Profile, network_of
from tagstone.errors import Conflict, Invalid, NotFound, Temporary

KIND = "networking.k8s.io/v1/networkpolicies"
PRIVATE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",  # metadata of clouds
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
)
PRIVATE_6 = ("::1/128", "fc00::/7", "fe80::/10", "ff00::/8")
_SOON = 1.0  # seconds in which whoever else writes a policy has done so
_DNS = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]


def desk_network(address: str, given: str | None) -> str:
    """The network (CIDR) that the desk is in. Raises: Invalid where its address is a name and nothing else is said."""
    try:
        return str(ipaddress.ip_network(given or urlsplit(address).hostname or ""))
    except ValueError as error:
        raise Invalid(
            f"Which network the desk at {address} is in cannot be told: {error}.",
            remedy="Set TAGSTONE_CLUSTERS__<NAME>__DESK_NETWORK to it, such as 192.0.2.7/32.",
        ) from error


def network_policies(
    namespace: str, desk: str, network: str, blocked: Sequence[str] = (), profiles: Mapping[str, Profile] | None = None
) -> list[Object]:
    """All of them: nobody speaks to a run; a run speaks to the desk at `desk` (in `network`), an open one also to what is public, or to what
    its profile names.
    """
    address = urlsplit(desk)
    port = address.port or (443 if address.scheme == "https" else 80)
    to_desk: list[dict[str, Any]] = [
        {"to": [{"ipBlock": {"cidr": network}}], "ports": [{"protocol": "TCP", "port": port}]},
    ]
    if not _is_address(address.hostname or ""):
        to_desk.append({"ports": _DNS})
    outside: list[dict[str, Any]] = [
        {"to": [_public("0.0.0.0/0", (*PRIVATE, *blocked), 4), _public("::/0", (*PRIVATE_6, *blocked), 6)]},
        {"ports": _DNS},
    ]
    return [
        _policy("tagstone-runs", namespace, {MANAGED: OURS}, to_desk, alone=True),
        _policy("tagstone-runs-open", namespace, {MANAGED: OURS, NETWORK: OPEN}, outside, alone=False),
        *(
            _policy(
                f"tagstone-runs-{network_of(name)}",
                namespace,
                {MANAGED: OURS, NETWORK: network_of(name)},
                _named(one.egress),
                alone=False,
            )
            for name, one in (profiles or {}).items()
            if one.egress is not None
        ),
    ]


def hold(cluster: Cluster, policies: Sequence[Object]) -> None:
    """See to it that these are there as they should be.

    Raises:
        Forbidden: that is not ours to do.
        Temporary: somebody else wrote one at this moment, which has to be looked at again; or the cluster does not answer.
    """
    for wanted in policies:
        name = wanted["metadata"]["name"]
        path = cluster.path(KIND, name)
        found = cluster.find(path)
        if found is None:
            try:
                cluster.create(cluster.path(KIND), wanted)
            except Conflict as error:
                raise Temporary(error.message, delay=_SOON) from error
        elif differences(wanted["spec"], found.get("spec") or {}) or differences(found.get("spec") or {}, wanted["spec"]):
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            try:
                cluster.replace(path, {**wanted, "metadata": {**wanted["metadata"], **version}})
            except (Conflict, NotFound) as error:
                raise Temporary(error.message, delay=_SOON) from error


def _policy(name: str, namespace: str, labels: dict[str, str], egress: list[dict[str, Any]], *, alone: bool) -> Object:
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress", "Egress"] if alone else ["Egress"],
        "egress": egress,
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED: OURS}},
        "spec": spec,
    }


def _named(networks: Sequence[str]) -> list[dict[str, Any]]:
    # A rule without a peer would let everything through.
    return [{"to": [{"ipBlock": {"cidr": network}} for network in networks]}, {"ports": _DNS}] if networks else []


def _public(everything: str, except_for: Sequence[str], version: int) -> dict[str, Any]:
    networks = [ipaddress.ip_network(network) for network in except_for]
    return {"ipBlock": {"cidr": everything, "except": [str(one) for one in networks if one.version == version]}}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
