"""The addresses of services on a node that has no kube-proxy and no DNS: connections are handed on to pods that are ready, names answered.

Usage: python -m servers.kubernetes.services FOLDER ADDRESS

A part of the node like others (`cluster.start("services")`), in its network namespace. It asks the API server every half second.
What it does not do: UDP, session affinity, and the sender's own address.
"""

import asyncio
import itertools
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import requests

_EVERY = 0.5  # seconds
_PIECE = 2**16
_ZONE = ".svc.cluster.local"
_A, _INTERNET, _NO_SUCH_NAME = 1, 1, 3

Place = tuple[str, int]


@dataclass
class Services:
    """What the API server says of them: where each listens, who answers there, and what its name means."""

    node: str
    answering: dict[Place, list[Place]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def take(self, services: list[dict[str, Any]], endpoints: list[dict[str, Any]]) -> None:
        """Take what was listed for what is there now."""
        ready = {_key(one): list(_ready(one)) for one in endpoints}
        self.answering, self.names = {}, {}
        for service in services:
            spec, key = service["spec"], _key(service)
            if spec.get("clusterIP", "None") == "None":
                continue
            self.names[f"{key[1]}.{key[0]}{_ZONE}"] = spec["clusterIP"]
            for port in spec["ports"]:
                found = [place for name, place in ready.get(key, []) if name == port.get("name", "")]
                self.answering[spec["clusterIP"], port["port"]] = found
                if "nodePort" in port:
                    self.answering[self.node, port["nodePort"]] = found


def _key(thing: dict[str, Any]) -> tuple[str, str]:
    return thing["metadata"]["namespace"], thing["metadata"]["name"]


def _ready(endpoints: dict[str, Any]) -> Iterator[tuple[str, Place]]:
    """The ports by their names, with the addresses of the pods that are ready."""
    for subset in endpoints.get("subsets") or []:
        for port, address in itertools.product(subset.get("ports") or [], subset.get("addresses") or []):
            yield port.get("name", ""), (address["ip"], port["port"])


class Switchboard:
    """A listener at each service's address; every connection goes to the next pod in turn."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turn = itertools.count()
        self._listening: dict[Place, asyncio.Server] = {}

    async def listen(self) -> None:
        """Listen where services are now, and nowhere else."""
        wanted = set(self._services.answering)
        for place in wanted - set(self._listening):
            if place[0] != self._services.node:
                await asyncio.to_thread(_take_address, place[0])

            async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: Place = place) -> None:
                await self._hand_on(place, reader, writer)

            self._listening[place] = await asyncio.start_server(hand_on, *place)
        for place in set(self._listening) - wanted:
            self._listening.pop(place).close()

    async def _hand_on(self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            for there in self._in_turn(self._services.answering.get(place, [])):
                with suppress(OSError, asyncio.TimeoutError):
                    answering, asking = await asyncio.wait_for(asyncio.open_connection(*there), 2.0)
                    with closing(asking):
                        await asyncio.gather(_pump(reader, asking), _pump(answering, writer))
                    return

    def _in_turn(self, places: list[Place]) -> list[Place]:
        first = next(self._turn) % len(places) if places else 0
        return [*places[first:], *places[:first]]


def _take_address(address: str) -> None:
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes until one side ends; the other is told so."""
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof() if writer.can_write_eof() else writer.close()


class Names(asyncio.DatagramProtocol):
    """A server of names that knows services, and nothing else."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer through."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a question."""
        assert self._transport is not None
        with suppress(IndexError, struct.error, UnicodeDecodeError):
            self._transport.sendto(answer(data, self._services.names), addr)


def answer(question: bytes, names: dict[str, str]) -> bytes:
    """The answer of a DNS server [RFC 1035]: addresses (A) of names that are known; all others do not exist."""
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    kind, *_ = struct.unpack_from("!HH", question, at + 1)
    asked = question[12 : at + 5]
    address = names.get(".".join(labels).lower())
    found = address is not None and kind == _A
    flags = 0x8580 | (0 if address is not None else _NO_SUCH_NAME)
    head = question[:2] + struct.pack("!HHHHH", flags, 1, 1 if found else 0, 0, 0)
    if not found:
        return head + asked
    parts = bytes(int(part) for part in (address or "").split("."))
    return head + asked + struct.pack("!HHHIH", 0xC00C, _A, _INTERNET, 1, 4) + parts


async def serve(services: Services, ask: "Asking") -> None:
    """Answer until the process is ended."""
    switchboard = Switchboard(services)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: Names(services), local_addr=(services.node, 53))
    while True:
        # The API server may be away, which changes nothing.
        with suppress(requests.RequestException):
            services.take(*await asyncio.to_thread(ask.all))
        await switchboard.listen()
        await asyncio.sleep(_EVERY)


class Asking:
    """The API server, asked as the administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        found = json.loads(kubeconfig.read_text(encoding="utf-8"))
        self._server = found["clusters"][0]["cluster"]
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {found['users'][0]['user']['token']}"
        self._session.verify = self._server["certificate-authority"]
        self._session.trust_env = False

    def all(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """All services, and all endpoints."""
        return self._list("services"), self._list("endpoints")

    def _list(self, kind: str) -> list[dict[str, Any]]:
        answered = self._session.get(f"{self._server['server']}/api/v1/{kind}", timeout=5)
        answered.raise_for_status()
        found: list[dict[str, Any]] = answered.json()["items"]
        return found


if __name__ == "__main__":
    asyncio.run(serve(Services(sys.argv[2]), Asking(Path(sys.argv[1]) / "kubeconfig")))
