"""Whether a registry takes user and password is asked without an image."""

import base64
import json
from collections.abc import Iterator

import pytest

from contract.registry.test_http import Scripted
from servers.docker_registry import RunningRegistry
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.errors import Forbidden, Permanent, Temporary

LOGIN = "Basic " + base64.b64encode(b"user:s3cret").decode()


@pytest.fixture
def server() -> Iterator[Scripted]:
    """A registry that wants a login; with `bearer` one that has a token service."""
    made = Scripted()
    yield made
    made.close()


def guard(server: Scripted, *, bearer: bool) -> None:
    def reply(_method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        given = headers.get("authorization", "")
        if path.startswith("/token"):
            assert "scope" not in path
            return (200, {}, json.dumps({"token": "T"}).encode()) if given == LOGIN else (401, {}, b"{}")
        if given == ("Bearer T" if bearer else LOGIN):
            return 200, {}, b"{}"
        wanted = f'Bearer realm="http://{server.host}/token",service="s"' if bearer else 'Basic realm="x"'
        return 401, {"WWW-Authenticate": wanted}, b"{}"

    server.reply = reply


@pytest.mark.parametrize("bearer", [True, False])
def test_a_login_is_taken_or_refused(server, session, bearer: bool) -> None:
    guard(server, bearer=bearer)
    OciRegistry(session, server.host, insecure=True, credentials=("user", "s3cret")).check()
    for credentials in (("user", "wrong-one"), None):
        with pytest.raises(Forbidden) as caught:
            OciRegistry(session, server.host, insecure=True, credentials=credentials).check()
        assert "wrong-one" not in caught.value.message


def test_one_that_is_in_trouble_is_asked_again_later(server, session) -> None:
    server.reply = lambda *_: (503, {}, b"")
    with pytest.raises(Temporary):
        OciRegistry(session, server.host, insecure=True).check()


def test_what_leads_elsewhere_without_tls_gets_no_password(server, session) -> None:
    server.reply = lambda *_: (401, {"WWW-Authenticate": 'Bearer realm="ftp://evil.example/token"'}, b"{}")
    with pytest.raises(Permanent):
        OciRegistry(session, server.host, insecure=True, credentials=("user", "s3cret")).check()


def test_a_real_registry_answers(docker_registry: RunningRegistry, session) -> None:
    OciRegistry(session, docker_registry.host, insecure=True).check()
