"""Files of a bundle: found without leaving it, never run by a browser."""

import asyncio
import io
import tarfile
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message

from fakes.installation import Installation
from tagstone.errors import NotFound
from tagstone.web import bundles

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))
SCRIPT = b"<script>alert(1)</script>"


def asked(app: ASGIApp, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body for exactly this path: clients tidy `..` and `%` away before they ask."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": b"",
        "headers": [],
        "root_path": "",
    }

    async def ask() -> None:
        await app(scope, receive, send)

    asyncio.run(ask())
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("a.png", "image/png"),
        ("a.JPG", "image/jpeg"),
        ("a.jpeg", "image/jpeg"),
        ("a.gif", "image/gif"),
        ("a.webp", "image/webp"),
    ],
)
def test_pictures_are_shown(web: TestClient, installation: Installation, name: str, type_: str):
    answer = web.get(f"/records/{installation.record({name: PNG})}/files/outputs/{name}")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, type_, PNG)
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize(
    "name", ["a.html", "a.htm", "a.xhtml", "a.xml", "a.js", "a.pdf", "a.css", "a.txt", "png", "a.png.html"]
)
def test_everything_else_is_saved_not_shown(web: TestClient, installation: Installation, name: str):
    answer = web.get(f"/records/{installation.record({name: SCRIPT})}/files/outputs/{name}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_a_vector_picture_is_shown_and_runs_nothing(web: TestClient, installation: Installation):
    answer = web.get(f"/records/{installation.record({'a.svg': SCRIPT})}/files/outputs/a.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none';")
    assert "script-src" not in answer.headers["content-security-policy"]


def test_a_page_that_calls_itself_a_picture_is_never_taken_for_a_page(web: TestClient, installation: Installation):
    answer = web.get(f"/records/{installation.record({'evil.png': SCRIPT})}/files/outputs/evil.png")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize("name", ['a"b.txt', "a'; x=.txt", "ä ö.txt", "a%2f..%2fb.txt", "a;b.txt", "<b>.txt", "#a?.txt"])
def test_awkward_names_are_found_by_the_links_of_the_page(web: TestClient, installation: Installation, name: str):
    publication = installation.record({name: b"content"})
    page = web.get(f"/records/{publication}").text
    address = f"/records/{publication}/files/outputs/{name}"
    assert f'href="{quote(address)}"' in page
    status, headers, body = asked(web.app, address)
    assert (status, body) == (200, b"content")
    assert headers[b"content-disposition"].startswith(b"attachment; filename")
    assert not set(headers[b"content-disposition"]) & set(b"\r\n")


def test_a_part_of_a_file_can_be_asked_for(web: TestClient, installation: Installation):
    address = f"/records/{installation.record({'a.bin': b'0123456789'})}/files/outputs/a.bin"
    answer = web.get(address, headers={"Range": "bytes=2-5"})
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, b"2345", "bytes 2-5/10")
    assert web.get(address, headers={"Range": "bytes=50-"}).status_code == 416
    assert web.head(address).headers["content-length"] == "10"


@pytest.mark.parametrize(
    "path",
    [
        "../secret", "../../tagstone.sqlite", "outputs/../../secret", "outputs/../outputs/a.txt", "/etc/passwd", "//etc/passwd", "outputs//a.txt",
        "./outputs/a.txt", "outputs/./a.txt", "outputs", "outputs/", "", ".", "..", "a\0.txt", "outputs/a.txt/x", "outputs/a.txt/..", "outputs/link",
        "folder/secret", "x" * 300, "..\\secret", "%2e%2e/secret",
    ],
)  # fmt: skip
def test_nothing_outside_the_bundle_can_be_reached(web: TestClient, installation: Installation, path: str):
    publication = installation.record({"a.txt": b"public"})
    (installation.home / "bundles" / "secret").write_text("secret")
    folder = installation.home / "bundles" / publication
    (folder / "outputs" / "link").symlink_to(installation.home / "bundles" / "secret")
    (folder / "folder").symlink_to(installation.home / "bundles")
    assert asked(web.app, f"/records/{publication}/files/{path}")[0] == 404


@settings(deadline=None)  # of a busy machine
@given(
    path=st.lists(st.sampled_from(["..", ".", "", "a", "b.txt", "\0", "/", "\\", "~", "link"]), max_size=8).map("/".join)
    | st.text()
)
def test_no_path_at_all_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, path: str):
    folder = _bundle_with_a_secret_beside_it(tmp_path_factory)
    try:
        found = bundles.find(folder, path)
    except NotFound:
        return
    assert found == folder / "a" / "b.txt"


def _bundle_with_a_secret_beside_it(factory: pytest.TempPathFactory) -> Path:
    place = factory.getbasetemp() / "never-leave"
    folder = place / "bundle"
    if not folder.exists():
        (folder / "a").mkdir(parents=True)
        (folder / "a" / "b.txt").write_text("public")
        (place / "b.txt").write_text("secret")
        (folder / "link").symlink_to(place)
    return folder


@pytest.mark.parametrize("state", ["working", "failed", "cancelled", "superseded"])
def test_files_of_what_is_not_published_are_not_given(web: TestClient, installation: Installation, state: str):
    publication = installation.record({"a.txt": b"early"}, state=state)
    assert web.get(f"/records/{publication}/files/outputs/a.txt").status_code == 404
    assert web.get(f"/records/{publication}/bundle.tar").status_code == 404


def test_the_whole_bundle_comes_as_one_tar(web: TestClient, installation: Installation):
    long = "x" * 120 + "/" + "ü" * 90 + ".txt"
    publication = installation.record({"a.png": PNG, long: b"long", "empty": b""})
    (installation.home / "bundles" / publication / "outputs" / "link").symlink_to("/etc/passwd")
    answer = web.get(f"/records/{publication}/bundle.tar")
    assert answer.headers["content-disposition"] == f'attachment; filename="{publication}.tar"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        names = tar.getnames()
        assert names == sorted(names)
        wanted = {"SHA256SUMS", "logs/run.log", "reproduce.sh", "outputs/a.png", f"outputs/{long}", "outputs/empty"}
        assert set(names) == {f"{publication}/{path}" for path in wanted}
        assert tar.extractfile(f"{publication}/outputs/a.png").read() == PNG  # type: ignore[union-attr]  # it is a file
        assert tar.getmember(f"{publication}/reproduce.sh").mode == 0o755
    assert web.get(f"/records/{publication}/bundle.tar").content == answer.content


def test_a_broken_checksum_list_leaves_the_files_listed(installation: Installation):
    folder = installation.bundle("p" + "0" * 16, {"a.txt": b"a"})
    (folder / "SHA256SUMS").write_text("nonsense")
    assert [(file.path, file.size, file.sha256) for file in bundles.listing(folder)] == [
        ("SHA256SUMS", 8, None),
        ("a.txt", 1, None),
    ]
