"""NetworkPolicies as they are rendered, word for word, and whom they let a run speak to."""

import ipaddress
from typing import Any

import pytest

from rigs.orders import DESK, DESK_NETWORK, KINDS, rendered
from tagstone.adapters.kubernetes.policies import desk_network, network_policies
from tagstone.errors import Invalid

_MANAGED = {"app.kubernetes.io/managed-by": "tagstone"}
_DNS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
_PRIVATE = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
]
_RUNS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "tagstone-runs", "namespace": "runs", "labels": _MANAGED},
    "spec": {
        "podSelector": {"matchLabels": _MANAGED},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"protocol": "TCP", "port": 8622}]}],
    },
}
_OPEN = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "tagstone-runs-open", "namespace": "runs", "labels": _MANAGED},
    "spec": {
        "podSelector": {"matchLabels": {**_MANAGED, "org.tagstone.network": "open"}},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": [*_PRIVATE, "198.51.100.0/24"]}},
                    {"ipBlock": {"cidr": "::/0", "except": ["::1/128", "fc00::/7", "fe80::/10", "ff00::/8"]}},
                ]
            },
            {"ports": _DNS},
        ],
    },
}


def _lets(kind: str, direction: str, address: str, port: int) -> bool:
    """Whether a cluster that enforces policies lets a run of a kind speak to, or be spoken to from, an address [doc: network policies]."""
    objects = rendered(kind)
    labels = objects[0]["spec"]["template"]["metadata"]["labels"]
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    chosen = [one for one in policies if one["podSelector"]["matchLabels"].items() <= labels.items()]
    governing = [one for one in chosen if direction in one["policyTypes"]]
    rules = [rule for one in governing for rule in one.get(direction.lower(), [])]
    return not governing or any(_rule_lets(rule, address, port) for rule in rules)


def _rule_lets(rule: dict[str, Any], address: str, port: int) -> bool:
    ports = [one["port"] for one in rule.get("ports", [])]
    blocks = [peer["ipBlock"] for peer in rule.get("to", [])]
    return (not ports or port in ports) and (not blocks or any(_within(address, block) for block in blocks))


def _within(address: str, block: dict[str, Any]) -> bool:
    def inside(network: str) -> bool:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)

    return inside(block["cidr"]) and not any(inside(one) for one in block.get("except", []))


def test_policies_are_rendered_word_for_word() -> None:
    assert network_policies("runs", DESK, DESK_NETWORK, ("198.51.100.0/24",)) == [_RUNS, _OPEN]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_may_speak_to_a_run(kind: str) -> None:
    assert not _lets(kind, "Ingress", "10.244.0.9", 80)


@pytest.mark.parametrize(
    ("address", "port", "closed", "opened"),
    [
        pytest.param("192.0.2.7", 8622, True, True, id="the desk"),
        pytest.param("192.0.2.7", 22, False, True, id="another port of the desk's public address"),
        pytest.param("192.0.2.8", 8622, False, True, id="the desk's neighbour"),
        pytest.param("93.184.216.34", 443, False, True, id="the Internet"),
        pytest.param("2001:4860:4860::8888", 443, False, True, id="the Internet, version 6"),
        pytest.param("169.254.169.254", 80, False, False, id="a cloud's metadata"),
        pytest.param("fd00:ec2::254", 80, False, False, id="a cloud's metadata, version 6"),
        pytest.param("10.96.0.1", 443, False, False, id="the cluster's API"),
        pytest.param("10.244.1.7", 8080, False, False, id="another pod"),
        pytest.param("172.20.0.1", 443, False, False, id="another network of the cluster's"),
        pytest.param("192.168.1.1", 443, False, False, id="the site's own network"),
        pytest.param("100.64.0.1", 443, False, False, id="a provider's network"),
        pytest.param("127.0.0.1", 443, False, False, id="the node"),
        pytest.param("198.51.100.9", 443, False, False, id="what the site blocks"),
        pytest.param("10.96.0.10", 53, False, True, id="the cluster's names"),
    ],
)
def test_a_run_speaks_to_the_desk_and_an_open_one_to_what_is_public(
    address: str, port: int, closed: bool, opened: bool
) -> None:
    assert _lets("plain", "Egress", address, port) == closed
    assert _lets("with network", "Egress", address, port) == opened


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        pytest.param("203.0.113.80", True, id="the archive"),
        pytest.param("10.7.1.1", True, id="a private network that the admin names"),
        pytest.param("192.0.2.7", True, id="the desk"),
        pytest.param("93.184.216.34", False, id="the Internet"),
        pytest.param("169.254.169.254", False, id="a cloud's metadata"),
        pytest.param("10.8.1.1", False, id="another private network"),
    ],
)
def test_a_run_with_a_network_reaches_what_its_profile_names(address: str, reached: bool) -> None:
    assert _lets("with its profile's network", "Egress", address, 8622) == reached
    only_desk = address == "192.0.2.7"
    assert _lets("with an empty network", "Egress", address, 8622) == only_desk
    assert _lets("of that profile, without network", "Egress", address, 8622) == only_desk


def test_a_desk_with_a_name_is_looked_up() -> None:
    closed, _ = network_policies("runs", "https://desk.example.org/desk", "192.0.2.0/24")
    assert closed["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]},
        {"ports": _DNS},
    ]


def test_the_network_of_a_desk_with_a_name_has_to_be_said() -> None:
    assert desk_network("http://192.0.2.7:8622/desk", None) == "192.0.2.7/32"
    assert desk_network("https://desk.example.org", "192.0.2.0/24") == "192.0.2.0/24"
    with pytest.raises(Invalid, match=r"desk\.example\.org"):
        desk_network("https://desk.example.org", None)
