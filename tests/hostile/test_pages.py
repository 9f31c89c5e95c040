"""Pages of records whose titles, names and files are markup, scripts or traps: headers and escaping, without a browser."""

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

from starlette.types import Message

from fakes import facts as recorded
from fakes.installation import Installation
from fakes.queue import FakeQueue
from hostile.judge import Case, Place, cases, judged
from tagstone.web.app import create_pages
from tagstone.web.place import Place as Site

SCRIPT = "<script>alert(1)</script>"
NAMED = f"\"'><img src=x onerror=alert(1)>{SCRIPT.replace('/', '')}.csv"
ESCAPED = "&lt;script&gt;alert(1)"
SANDBOX, NOT_FOUND = "sandbox; default-src 'none'", "404"
Header = tuple[bytes, bytes]
Made = tuple[str, str]


def _record(outputs: dict[str, bytes], place: Place, **source: object) -> Made:
    """A published record with these outputs; its id and folder."""
    installation = Installation(place.home)
    facts = recorded.facts()
    facts = replace(facts, source=replace(facts.source, **source))  # type: ignore[arg-type]  # a test's own
    publication = installation.record(outputs, facts, title=facts.source.title)
    installation.close()
    return publication, str(place.home / "bundles" / publication)


def _titled(title: str) -> Callable[[Place], Made]:
    citation = recorded.CITATION.replace("title: Wobble", f"title: {json.dumps(title)}")
    return lambda place: _record({"a.csv": b"1"}, place, title=title, citation=citation)


def _spoilt(spoil: Callable[[Path, Place], object], place: Place) -> Made:
    publication, folder = _record({"a.csv": b"1"}, place)
    spoil(Path(folder), place)
    return publication, folder


def _asked(path: str, place: Place, made: Made, *, query: str = "", method: str = "GET", headers: Sequence[Header] = ()) -> str:
    """Status, headers and body of the answer to exactly this path; every answer is looked at for what no answer may have."""
    installation = Installation(place.home)
    app = create_pages(
        installation.storage,
        installation.home,
        Site("http://127.0.0.1", serves_images=True),
        installation.entrance,
        FakeQueue(),
    )
    sent: list[Message] = []

    received: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if not received:
            await asyncio.Event().wait()  # nobody leaves before the answer is whole
        return received.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    target = path.format(id=made[0])
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": target, "raw_path": quote(target).encode(), "root_path": "",
        "query_string": query.encode(), "headers": [(b"host", b"127.0.0.1"), *headers], "scheme": "http", "server": ("127.0.0.1", 80),
    }  # fmt: skip
    try:
        asyncio.run(app(scope, receive, send))
    finally:
        installation.close()
    answered = sent[0]["headers"]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    assert all(b"\n" not in part and b"\r" not in part for header in answered for part in header), answered
    names = {name.lower() for name, _ in answered}
    assert {b"content-security-policy", b"x-content-type-options", b"referrer-policy"} <= names
    assert b"secret-of-somebody-else" not in body
    if dict(answered).get(b"content-type", b"").startswith(b"text/html"):
        assert b"<script>alert" not in body
        assert b"<img src=x" not in body
        assert "\u202e".encode() not in body or b"<bdi>" in body
    lines = [f"{name.decode()}: {value.decode('latin-1')}" for name, value in answered]
    return "\n".join([str(sent[0]["status"]), *lines, body.decode(errors="replace")])


def _page(name: str, make: Callable[[Place], Made], path: str, says: str, **asks: object) -> Case:
    do = partial(_asked, path, **asks)  # type: ignore[arg-type]  # passed through
    return Case(f"pages: {name}", make, do, says, harmless=True, leaves=("tagstone.sqlite", "pages", "renditions", "bundles/"))


def _file(name: str, content: bytes, says: str) -> Case:
    path = "/records/{id}/files/outputs/" + name.replace("{", "{{").replace("}", "}}")
    return _page(f"the file {name[:50]!r}", partial(_record, {name: content}), path, says)


def _climbing(path: str) -> Case:
    return _page(f"the path {path[:50]!r}", partial(_record, {"a.csv": b"1"}), "/records/{id}/files/" + path, NOT_FOUND)


def _linked(folder: Path, place: Place) -> None:
    (folder / "outputs" / "a.csv").unlink()
    (folder / "outputs" / "a.csv").symlink_to(place.secret)


def _folder_linked(folder: Path, place: Place) -> None:
    (folder / "outputs" / "more").symlink_to(place.outside)


def _piped(folder: Path, _place: Place) -> None:
    (folder / "outputs" / "a.csv").unlink()
    os.mkfifo(folder / "outputs" / "a.csv")


PLAIN = partial(_record, {"a.csv": b"1"})
TABLE = [
    _page("a title of markup", _titled(SCRIPT), "/records/{id}", ESCAPED),
    _page("a title of markup in the catalogue", _titled(SCRIPT), "/", ESCAPED),
    _page("a title of a template", _titled("{{ 7*7 }}{% include '/etc/passwd' %}"), "/records/{id}", "{{ 7*7 }}"),
    _page("a title of escapes", _titled("a\x1b[2Jb\x9bc"), "/", "200"),
    _page("a title of ten thousand characters", _titled("x " * 5000), "/records/{id}", "200"),
    _page("a tag of markup", lambda place: _record({"a.csv": b"1"}, place, tag=SCRIPT, version=SCRIPT), "/records/{id}", ESCAPED),
    _page("an output named in markup", partial(_record, {NAMED: b"1"}), "/records/{id}", "&lt;img src=x"),
    _page("a table of markup", partial(_record, {"a.csv": b"a,<script>alert(1)</script>\n"}), "/records/{id}", "200"),
    _file("page.html", SCRIPT.encode(), SANDBOX),
    _file("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", SANDBOX),
    _file("page.png", SCRIPT.encode(), "content-type: image/png"),
    _file("page.xhtml", SCRIPT.encode(), "application/octet-stream"),
    _file("paper.pdf", b"%PDF-1.7\n" + SCRIPT.encode(), "200"),
    _file('a"; filename="evil.html', b"x", "filename*=utf-8''a%22%3B%20filename%3D%22evil.html"),
    _file("a%0d%0aSet-Cookie: x=1.csv", b"x", "filename*=utf-8''a%250d%250aSet-Cookie"),
    *(
        _climbing(path)
        for path in (
            "../../tagstone.sqlite", "outputs/../../../outside/secret", "%2e%2e/%2e%2e/tagstone.sqlite", "..%2f..%2ftagstone.sqlite",
            "%252e%252e/tagstone.sqlite", "..\\..\\tagstone.sqlite", "//etc/passwd", "outputs/a.csv\0.png", "./outputs/a.csv",
            "outputs//a.csv", "a" * 5000, "~root/.ssh/id_rsa", "file:///etc/passwd",
        )
    ),
    _page("a file that is a link", partial(_spoilt, _linked), "/records/{id}/files/outputs/a.csv", NOT_FOUND),
    _page("a folder that is a link", partial(_spoilt, _folder_linked), "/records/{id}/files/outputs/more/secret", NOT_FOUND),
    _page("a file that is a pipe", partial(_spoilt, _piped), "/records/{id}/files/outputs/a.csv", NOT_FOUND),
    _page("a bundle with a link and a pipe", partial(_spoilt, _folder_linked), "/records/{id}/bundle.tar", "200"),
    _page("an address of markup", PLAIN, f"/{SCRIPT}", NOT_FOUND),
    _page("a record of markup", PLAIN, f"/records/{SCRIPT}", NOT_FOUND),
    _page("a search for markup", PLAIN, "/", "200", query="q=" + quote(SCRIPT)),
    _page("a search for SQL", PLAIN, "/", "200", query="q=" + quote("' OR 1=1; DROP TABLE publications; --")),
    _page("a search of a hundred thousand characters", PLAIN, "/", "", query="q=" + "x" * 100_000),
    _page("a page beyond all pages", PLAIN, "/", "", query="page=99999999999999999999"),
    _page("a page that is no number", PLAIN, "/publications", "", query="page=-1&state=" + quote(SCRIPT)),
    _page("a host of somebody else", PLAIN, "/records/{id}", "200", headers=[(b"x-forwarded-host", b"evil.example")]),
    _page("a change", PLAIN, "/records/{id}", "405", method="DELETE"),
    _page("a trace", PLAIN, "/", "405", method="TRACE"),
    _page("ranges without end", PLAIN, "/records/{id}/files/outputs/a.csv", "", headers=[(b"range", b"bytes=" + b"0-0," * 5000 + b"0-0")]),
]  # fmt: skip


@cases(TABLE)
def test_hostile_pages(case: Case, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    judged(case, tmp_path, record_property)
