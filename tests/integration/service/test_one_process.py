"""`tagstone serve` is the whole service in one process on SQLite, or the parts that it is told to be."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tagstone.adapters.vault import new_key
from tagstone.bootstrap import Application
from tagstone.settings import Settings

NOBODY = "There is no such hook."


@dataclass
class Service:
    """A running service; `hooks` is its second port, if it has one."""

    process: subprocess.Popen[str]
    home: Path
    port: int
    hooks: int

    def page(self, path: str = "/health") -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def deliver(self, port: int | None = None) -> requests.Response:
        return requests.post(f"http://127.0.0.1:{port or self.port}/hooks/unknown", json={}, timeout=10)

    def works(self) -> bool:
        """Whether a worker lives, after the time that one needs to come up."""
        application, deadline = Application(Settings(home=self.home)), time.monotonic() + 20
        try:
            while not application.locks.anybody():
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.1)
            return True
        finally:
            application.engine.dispose()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[object]:
    with ExitStack() as stack:

        def start(*arguments: str, forge: bool = True, apart: bool = False) -> Service:
            service = _start(tmp_path, arguments, forge=forge, apart=apart)
            stack.enter_context(_ended(service.process))
            _await(service.port, service.process)
            if apart:
                _await(service.hooks, service.process)
            return service

        yield start


def _start(home: Path, arguments: tuple[str, ...], *, forge: bool, apart: bool) -> Service:
    port, hooks = _free_port(), _free_port()
    environment = {"PATH": os.environ["PATH"], "TAGSTONE_HOME": str(home), "TAGSTONE_SERVING__PORT": str(port)}
    if forge:
        environment |= {"TAGSTONE_FORGES__GITLAB__URL": "http://127.0.0.1:9", "TAGSTONE_HOOK_KEYS": f'["{new_key()}"]'}
    if apart:
        environment["TAGSTONE_RECEIVING__PORT"] = str(hooks)
    command = [sys.executable, "-P", "-m", "tagstone", "serve", *arguments]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    return Service(process, home, port, hooks)


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    with process:
        try:
            yield
        finally:
            process.kill()


def _await(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    process.kill()
    pytest.fail(f"it never came up: {process.communicate()[1]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_is_pages_receiver_and_worker_at_one_port_and_ends_whole(serving):
    service = serving()
    assert service.page("/").ok
    assert service.page("/api/v1/records").json() == {"records": [], "older": None}
    refused = service.deliver()
    assert (refused.status_code, refused.json()["title"]) == (404, NOBODY)
    assert service.works()
    assert service.end() == 0
    assert "worker has stopped" in service.process.communicate()[1]


def test_the_receiver_has_a_port_of_its_own_where_the_settings_say_so(serving):
    service = serving("--only", "pages", "--only", "receiver", apart=True)
    assert service.deliver(service.hooks).json()["title"] == NOBODY
    assert service.deliver().status_code == 404
    assert "json" not in service.deliver().headers["content-type"]
    assert service.end() == 0


def test_pages_alone_receive_nothing_and_do_no_work(serving):
    service = serving("--only", "pages")
    assert service.page().ok
    assert "json" not in service.deliver().headers["content-type"]
    application = Application(Settings(home=service.home))
    assert not application.locks.anybody()
    application.engine.dispose()
    assert service.end() == 0


def test_a_site_without_a_gitlab_receives_nothing(serving):
    service = serving("--only", "pages", "--only", "receiver", forge=False)
    assert "json" not in service.deliver().headers["content-type"]


def test_where_somebody_listens_already_it_says_so_and_ends(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {"PATH": os.environ["PATH"], "TAGSTONE_HOME": str(tmp_path)}
        environment["TAGSTONE_SERVING__PORT"] = str(taken.getsockname()[1])
        command = [sys.executable, "-P", "-m", "tagstone", "serve"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5
    assert "Address already in use" in done.stderr
    assert "TAGSTONE_SERVING__PORT" in done.stderr
