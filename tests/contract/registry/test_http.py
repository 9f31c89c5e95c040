"""How the HTTP adapter behaves towards registries that are guarded, slow, wrong or hostile."""

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.registry import FakeRegistry
from tagstone.adapters.oci_distribution import answer
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.images.oci import LAYER
from tagstone.errors import Conflict, Forbidden, NotFound, Permanent, Temporary

NOTHING = "sha256:" + "0" * 64


class Scripted:
    """An HTTP server whose answers are a function; remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.reply: Callable[..., tuple[int, dict[str, str], bytes]] = lambda *_: (200, {}, b"{}")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                headers = {k.lower(): v for k, v in self.headers.items()}
                self.rfile.read(int(headers.get("content-length", 0)))
                outer.seen.append((self.command, self.path, headers))
                status, extra, body = outer.reply(self.command, self.path, headers)
                self.send_response(status)
                for key, value in ({"Content-Length": str(len(body)), "Connection": "close"} | extra).items():
                    self.send_header(key, value)
                self.close_connection = True
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815  # http.server calls them so

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.host = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def scripted():
    servers = []

    def start():
        servers.append(Scripted())
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def remote(scripted, session):
    """A scripted registry and our adapter for it."""
    server = scripted()
    return server, OciRegistry(session, server.host, insecure=True, timeout=5)


def guarded(server, registry, password=None):
    """Answer as a registry that wants tokens, with its token service at the same address."""

    def reply(method, path, headers):
        if path.startswith("/token"):
            login = "Basic " + base64.b64encode(f"user:{password}".encode()).decode()
            if password is not None and headers.get("authorization") != login:
                return 401, {}, b'{"errors": [{"code": "DENIED", "message": "no"}]}'
            scope = parse_qs(urlsplit(path).query)["scope"]
            return 200, {}, json.dumps({"token": "T:" + " ".join(scope)}).encode()
        if not headers.get("authorization", "").startswith("Bearer T:"):
            return 401, {"WWW-Authenticate": f'Bearer realm="http://{server.host}/token",service="s",scope="x"'}, b"{}"
        found = answer(registry, method, path)
        return found.status, {k: v for k, v in found.headers.items() if k != "Content-Length"}, b"".join(found.body)

    return reply


@pytest.fixture
def kept(push):
    fake = FakeRegistry()
    push(fake, "a", "v1", b"layer")
    return fake


def test_an_anonymous_token_is_fetched_once_for_a_scope(remote, kept):
    server, registry = remote
    server.reply = guarded(server, kept)
    assert registry.manifest("a", "v1") == kept.manifest("a", "v1")
    registry.manifest("a", "v1")
    asked = [path for _, path, _ in server.seen if path.startswith("/token")]
    assert asked == ["/token?scope=repository%3Aa%3Apull&service=s"]


def test_credentials_go_to_the_token_service_only(scripted, session, kept):
    server = scripted()
    server.reply = guarded(server, kept, password="s3cret")
    registry = OciRegistry(session, server.host, insecure=True, credentials=("user", "s3cret"))
    registry.manifest("a", "v1")
    assert {
        path.partition("?")[0] for _, path, headers in server.seen if headers.get("authorization", "").startswith("Basic")
    } == {"/token"}


def test_a_wrong_password_is_forbidden_and_not_in_the_message(scripted, session, kept):
    server = scripted()
    server.reply = guarded(server, kept, password="right")
    with pytest.raises(Forbidden) as caught:
        OciRegistry(session, server.host, insecure=True, credentials=("user", "s3cret")).manifest("a", "v1")
    assert "s3cret" not in caught.value.message


def test_an_expired_token_is_fetched_again(remote, kept):
    server, registry = remote
    server.reply = guarded(server, kept)
    registry.manifest("a", "v1")
    registry._http._authorization["repository:a:pull"] = "Bearer old"
    registry.manifest("a", "v1")
    assert sum(path.startswith("/token") for _, path, _ in server.seen) == 2


def test_a_basic_login_is_given_to_the_registry_that_asks_for_it(scripted, session):
    server = scripted()
    server.reply = lambda _m, _p, headers: (
        (200, {}, b"x") if "authorization" in headers else (401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")
    )
    assert OciRegistry(session, server.host, insecure=True, credentials=("user", "pw")).has_blob("a", NOTHING)
    with pytest.raises(Forbidden, match="login"):
        OciRegistry(session, server.host, insecure=True).has_blob("a", NOTHING)


def test_a_redirect_elsewhere_does_not_carry_the_token(scripted, session, kept):
    server, store = scripted(), scripted()
    digest = kept.put_blob("a", [b"content"], LAYER).digest
    store.reply = lambda *_: (200, {}, b"content")
    inner = guarded(server, kept)

    def reply(method, path, headers):
        if "/blobs/" in path and "authorization" in headers:
            return 307, {"Location": f"http://localhost:{store.port}/blob?sig=1"}, b""
        return inner(method, path, headers)

    server.reply = reply
    with OciRegistry(session, server.host, insecure=True).blob("a", digest) as stream:
        assert stream.read() == b"content"
    assert [headers.get("authorization") for _, _, headers in store.seen] == [None]


def test_a_netrc_of_the_user_is_not_read(scripted, session, tmp_path, monkeypatch):
    server = scripted()
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    OciRegistry(session, server.host, insecure=True).has_blob("a", NOTHING)
    assert "authorization" not in server.seen[0][2]


def test_redirects_without_end_are_given_up(remote):
    server, registry = remote
    server.reply = lambda *_: (302, {"Location": "/v2/again"}, b"")
    with pytest.raises(Permanent, match="without end"):
        registry.has_blob("a", NOTHING)


def test_an_address_without_tls_is_not_followed(scripted, session):
    server = scripted()
    registry = OciRegistry(session, server.host)
    with pytest.raises(Permanent, match="without TLS"):
        registry._http._check_scheme("http://elsewhere/")
    with pytest.raises(Temporary):
        registry.has_blob("a", NOTHING)
    assert server.seen == []


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": "99999999"}, 3600),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:30 GMT"}, 3600),
        ({"Retry-After": "nonsense"}, 5),
        ({}, 5),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_registry_is_temporary_for_as_long_as_it_says(remote, status, headers, delay):
    server, registry = remote
    server.reply = lambda *_: (status, headers, b'{"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}')
    with pytest.raises(Temporary, match="slow down") as caught:
        registry.manifest("a", "v1")
    assert caught.value.delay == delay


def test_a_registry_that_is_away_is_temporary(scripted, session):
    server = scripted()
    server.close()
    with pytest.raises(Temporary):
        OciRegistry(session, server.host, insecure=True).manifest("a", "v1")
    server.close = lambda: None


def test_a_blob_that_ends_early_is_temporary(remote):
    server, registry = remote
    server.reply = lambda *_: (200, {"Content-Length": "100"}, b"short")
    with registry.blob("a", NOTHING) as stream, pytest.raises(Temporary):
        stream.read()


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "7"}])
def test_other_bytes_than_asked_for_are_told(remote, headers):
    server, registry = remote
    server.reply = lambda *_: (200, headers, b"content")
    with registry.blob("a", NOTHING) as stream, pytest.raises(Permanent):
        stream.read(7)
    with pytest.raises(Permanent):
        registry.manifest("a", NOTHING)


def test_a_tag_whose_digest_is_not_its_bytes_is_told(remote):
    server, registry = remote
    server.reply = lambda *_: (200, {"Docker-Content-Digest": NOTHING}, b"{}")
    with pytest.raises(Permanent):
        registry.manifest("a", "v1")


def test_a_tag_that_another_moves_meanwhile_is_a_conflict(remote, kept):
    server, registry = remote
    ours, others = kept.manifest("a", "v1"), b"others"
    states = iter([(404, b""), (201, b""), (200, others)])

    def reply(method, path, _headers):
        if method == "HEAD":
            return 200, {}, b""
        status, body = next(states)
        return status, {}, body

    server.reply = reply
    with pytest.raises(Conflict):
        registry.put_manifest("a", ours, "v1")


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Permanent), (401, Forbidden), (403, Forbidden), (404, NotFound), (500, Temporary)]
)
@pytest.mark.parametrize(
    "body", [b"", b"[" * 100_000, b'{"errors": 3}', b'{"errors": [{"message": "a\\u001b[31m\\n"}]}', b"\xff"]
)
def test_whatever_a_registry_answers_only_our_errors_come_out(remote, status, kind, body):
    server, registry = remote
    server.reply = lambda *_: (status, {}, body)
    with pytest.raises(kind) as caught:
        registry.manifest("a", "v1")
    assert "\x1b" not in caught.value.message


def test_lists_are_read_page_by_page(remote):
    server, registry = remote
    pages = {
        "": (b'{"tags": ["v1", 3, "../x"]}', '</v2/a/tags/list?last=v1>; rel="next"'),
        "last=v1": (b'{"tags": ["v2"]}', ""),
    }

    def reply(_method, path, _headers):
        body, link = pages["last=v1" if "last" in path else ""]
        return 200, {"Link": link} if link else {}, body

    server.reply = reply
    assert registry.tags("a") == ["v1", "v2"]


def test_a_list_that_never_ends_ends(remote):
    server, registry = remote
    server.reply = lambda *_: (200, {"Link": '</v2/a/tags/list?n=1>; rel="next"'}, b'{"tags": ["v1"]}')
    assert registry.tags("a") == ["v1"]


def test_a_blob_is_mounted_from_another_name(docker_registry, session):
    registry = OciRegistry(session, docker_registry.host, insecure=True)
    digest = registry.put_blob("from/here", [b"to be mounted"], LAYER).digest
    assert not registry.has_blob("to/there", digest)
    assert registry.mount("to/there", digest, "from/here")
    assert registry.has_blob("to/there", digest)
    assert not registry.mount("to/there", NOTHING, "from/here")
