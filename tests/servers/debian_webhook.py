"""Debian's `webhook` (https://github.com/adnanh/webhook): it verifies an HMAC, answers, starts a program, and stores nothing."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STARTING = 30.0


@contextmanager
def running_webhook(folder: Path, hook: str, secret: str) -> Iterator[int]:
    """Its port, until the context ends; deliveries below `/hooks/` are verified by their `X-Hub-Signature-256`."""
    rule = {
        "match": {
            "type": "payload-hmac-sha256",
            "secret": secret,
            "parameter": {"source": "header", "name": "X-Hub-Signature-256"},
        }
    }
    hooks = folder / "hooks.json"
    hooks.write_text(json.dumps([{"id": hook, "execute-command": "/bin/true", "trigger-rule": rule}]))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["webhook", "-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port)
            yield port
        finally:
            process.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + _STARTING
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("webhook did not start: scripts/install-debian receiving")
