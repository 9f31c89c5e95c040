"""Inputs from a real HTTPS server on loopback, which is only reached because the test allows it by name."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.web_server import WebFile, WebServer
from tagstone.adapters.doi_records import DoiRecords
from tagstone.adapters.downloads import Downloads
from tagstone.adapters.https_client import HttpsClient, is_public, shown
from tagstone.errors import Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

DATA = bytes(range(256)) * 4096
LOCALHOST = frozenset({"localhost"})


def allowed(web: WebServer, *, max_bytes: int = 10**8, local: bool = False, longest: float = 60.0) -> Downloads:
    """Downloads that may reach the server."""
    client = HttpsClient(LOCALHOST, web.certificate, seconds=5)
    records = DoiRecords(client, {"10.5281": f"localhost:{web.port}"}, web.url("/doi.org"))
    return Downloads(client, records, max_bytes=max_bytes, longest=longest, local=local)


def with_client(client: HttpsClient) -> Downloads:
    """Downloads of this client, which know no records."""
    return Downloads(client, DoiRecords(client, {}))


def fetched(downloads: Downloads, source: str, folder: str = "") -> bytes:
    """All that is at a source."""
    with downloads.fetch(source, folder=folder) as download:
        return b"".join(download.pieces)


def test_a_file_is_fetched_with_its_size_and_the_mark_to_go_on_by(web: WebServer) -> None:
    web.files["/data"] = WebFile(DATA)
    with allowed(web).fetch(web.url("/data?version=2")) as download:
        assert (download.start, download.total, download.mark) == (0, len(DATA), '"v1"')
        assert b"".join(download.pieces) == DATA


@pytest.mark.parametrize("file", [WebFile(DATA), WebFile(DATA, etag="", modified="Wed, 21 Oct 2026 07:28:00 GMT")])
def test_a_fetch_goes_on_where_an_earlier_one_broke_off(web: WebServer, file: WebFile) -> None:
    web.files["/data"] = file
    downloads = allowed(web)
    with downloads.fetch(web.url("/data")) as first:
        mark = first.mark
    with downloads.fetch(web.url("/data"), after=1000, mark=mark) as download:
        assert (download.start, download.total) == (1000, len(DATA))
        assert b"".join(download.pieces) == DATA[1000:]


@pytest.mark.parametrize(
    ("file", "mark"),
    [
        (WebFile(DATA, etag='"v2"'), '"v1"'),
        (WebFile(DATA, ranges=False), '"v1"'),
        (WebFile(DATA, misplaced=True), '"v1"'),
        (WebFile(DATA[:500]), '"v1"'),
        (WebFile(DATA), ""),
    ],
    ids=["changed", "serves no ranges", "answers another place", "became shorter", "no mark"],
)
def test_a_server_that_does_not_agree_sends_all_anew(web: WebServer, file: WebFile, mark: str) -> None:
    web.files["/data"] = file
    with allowed(web).fetch(web.url("/data"), after=1000, mark=mark) as download:
        assert download.start == 0
        assert b"".join(download.pieces) == file.data


def test_what_cannot_be_gone_on_with_has_no_mark(web: WebServer) -> None:
    for file in (WebFile(DATA, etag='W/"v1"'), WebFile(DATA, ranges=False)):
        web.files["/data"] = file
        with allowed(web).fetch(web.url("/data")) as download:
            assert download.mark == ""


def test_redirects_are_followed_but_not_for_ever(web: WebServer) -> None:
    web.files["/data"] = WebFile(DATA)
    web.redirects |= {"/1": "/data", "/2": web.url("/1"), "/round": "/round"}
    assert fetched(allowed(web), web.url("/2")) == DATA
    with pytest.raises(Permanent):
        fetched(allowed(web), web.url("/round"))


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1/x", "https://169.254.169.254/latest", "http://localhost/x", "file:///etc/passwd", "//0/x"]
)
def test_redirects_to_where_one_must_not_go_are_refused(web: WebServer, target: str) -> None:
    web.redirects["/away"] = target
    with pytest.raises(TagstoneError) as caught:
        fetched(allowed(web), web.url("/away"))
    assert isinstance(caught.value, Forbidden | Invalid)


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, NotFound), (410, NotFound), (403, Permanent), (204, Permanent), (503, Temporary), (429, Temporary)],
)
def test_answers_become_our_errors(web: WebServer, status: int, error: type[TagstoneError]) -> None:
    web.statuses["/x"] = status
    with pytest.raises(error) as caught:
        fetched(allowed(web), web.url("/x?token=secret"))
    assert "secret" not in caught.value.message + caught.value.remedy
    if isinstance(caught.value, Temporary):
        assert caught.value.delay == 7


@pytest.mark.parametrize("silent", [False, True])
def test_more_than_allowed_is_refused_announced_or_not(web: WebServer, silent: bool) -> None:
    web.files["/data"] = WebFile(DATA, silent=silent)
    with pytest.raises(Invalid, match="is larger than"):
        fetched(allowed(web, max_bytes=100_000), web.url("/data"))


def test_a_file_that_breaks_off_leaves_what_came_and_may_be_tried_again(web: WebServer) -> None:
    web.files["/data"] = WebFile(DATA, breaks=[100_000])
    came = bytearray()
    with pytest.raises(Temporary), allowed(web).fetch(web.url("/data")) as download:
        for piece in download.pieces:
            came += piece
    assert bytes(came) == DATA[:100_000]


def test_a_download_without_end_is_broken_off(web: WebServer) -> None:
    web.files["/slow"] = WebFile(DATA)
    with pytest.raises(Temporary, match="longer than 0"):
        fetched(allowed(web, longest=0.0), web.url("/slow"))


def test_a_certificate_that_nobody_vouches_for_is_refused(web: WebServer) -> None:
    with pytest.raises(Permanent):
        fetched(with_client(HttpsClient(LOCALHOST)), web.url("/data"))


def test_a_server_with_another_name_is_refused(web: WebServer) -> None:
    with pytest.raises(Permanent):
        fetched(with_client(HttpsClient(frozenset({"127.0.0.1"}), web.certificate)), f"https://127.0.0.1:{web.port}/data")


def test_loopback_is_refused_unless_it_is_allowed_by_name(web: WebServer) -> None:
    with pytest.raises(Forbidden):
        fetched(with_client(HttpsClient(ca_bundle=web.certificate)), web.url("/data"))


def test_nobody_there_may_be_tried_again() -> None:
    with pytest.raises(Temporary):
        fetched(with_client(HttpsClient(LOCALHOST, seconds=2)), "https://localhost:1/data")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "https://ada:pw@example.org/a",
        "https:///a",
        "https://exa mple.org/",
        "https://[::1",
        "https://x:99999/",
        "ftp://example.org/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://[::ffff:10.0.0.1]/a",
        "https://0x7f000001/a",
        "https://2130706433/a",
        "https://0/a",
        "s3://bucket/a",
    ],
)
def test_addresses_that_must_not_be_asked_are_refused(url: str) -> None:
    with pytest.raises((Forbidden, Invalid)):
        fetched(with_client(HttpsClient(seconds=1)), url)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_messages_show_neither_credentials_nor_queries() -> None:
    assert shown("https://ada:pw@example.org:8443/a/b?token=x#y") == "https://example.org/a/b"


def test_a_file_of_this_machine_is_read_where_the_site_lets_it(web: WebServer, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a b.csv").write_bytes(DATA)
    local = allowed(web, local=True)
    for source in ("data/a b.csv", str(tmp_path / "data" / "a b.csv"), f"../{tmp_path.name}/data/a b.csv"):
        assert fetched(local, source, str(tmp_path)) == DATA
    with pytest.raises(Forbidden, match="reads no inputs from its own disk"):
        fetched(allowed(web), "data/a b.csv", str(tmp_path))
    with pytest.raises(Invalid, match="larger"):
        fetched(allowed(web, local=True, max_bytes=5), "data/a b.csv", str(tmp_path))


def test_links_may_lead_about_in_the_repository_but_not_out_of_it(web: WebServer, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / ".git" / "annex").mkdir(parents=True)
    (repository / ".git" / "annex" / "1").write_bytes(b"annexed")
    (repository / "data.csv").symlink_to(".git/annex/1")
    (tmp_path / "private").write_bytes(b"secret")
    (repository / "out.csv").symlink_to("../private")
    (repository / "up").symlink_to("..")
    local = allowed(web, local=True)
    assert fetched(local, "data.csv", str(repository)) == b"annexed"
    for source in ("out.csv", "up/private"):
        with pytest.raises(Forbidden, match="leads out"):
            fetched(local, source, str(repository))


def test_what_is_no_plain_file_is_refused(web: WebServer, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round").symlink_to("round")
    local = allowed(web, local=True)
    for source, error in (("pipe", Invalid), (".", Invalid), ("round", Invalid), ("none", NotFound), ("none/x", NotFound)):
        with pytest.raises(error):
            fetched(local, source, str(tmp_path))


class TestBehindAProxy:
    """It is the proxy that looks up names: what a name says by itself is judged here."""

    @pytest.fixture
    def proxied(self, web: WebServer) -> Iterator[tuple[HttpsClient, list[str]]]:
        """A client whose proxy connects to the server, whatever it is asked for."""
        from servers.connect_proxy import connect_proxy

        with connect_proxy(web.port) as (port, asked):
            yield HttpsClient(LOCALHOST, web.certificate, f"http://ada:pa%40ss@127.0.0.1:{port}", seconds=5), asked

    def test_a_file_comes_through_it(self, web: WebServer, proxied: tuple[HttpsClient, list[str]]) -> None:
        web.files["/data"] = WebFile(DATA)
        client, asked = proxied
        assert fetched(with_client(client), web.url("/data")) == DATA
        assert asked == [f"CONNECT localhost:{web.port} Basic YWRhOnBhQHNz"]

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "127.1", "0x7f.1", "10.0.0.1", "[::1]", "intranet", "x.localhost", "db.internal"]
    )
    def test_hosts_that_are_not_public_by_name_are_refused(self, proxied: tuple[HttpsClient, list[str]], host: str) -> None:
        client, asked = proxied
        with pytest.raises(Forbidden):
            fetched(with_client(client), f"https://{host}/x")
        assert asked == []


@pytest.mark.parametrize("source", ["/etc/hostname", "data.csv", "../data.csv"])
def test_projects_at_forges_have_no_files_here(
    web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    place = tmp_path / "gitlab:lab" / "17"
    place.mkdir(parents=True)
    (place / "data.csv").write_bytes(DATA)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Forbidden):
        fetched(allowed(web, local=True), source, "gitlab:lab/17")
