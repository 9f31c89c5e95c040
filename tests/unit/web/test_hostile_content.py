"""Everything that strangers wrote is text on our pages: nothing of it is markup, a link to run, or a header."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import facts as recorded
from fakes.installation import Installation
from tagstone.domain.publications.publication import Step
from tagstone.domain.publications.record import Facts
from tagstone.web import rendering

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"
OURS = {"html", "head", "body", "meta", "title", "link", "a", "header", "footer", "nav", "main", "div", "span", "p", "h1", "h2", "h3", "ul", "ol",
        "li", "dl", "dt", "dd", "br", "img", "article", "section", "aside", "figure", "figcaption", "table", "caption", "thead", "tbody", "tr",
        "th", "td", "pre", "code", "blockquote", "details", "summary", "strong", "time", "search", "form", "label", "input", "select", "option",
        "button", "fieldset", "legend", "mark", "svg", "g", "path", "text"}  # fmt: skip


class _Judge(HTMLParser):
    """Notes what a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in OURS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.faults.append(f"{tag} {name}")
            if name in ("src", "href") and not (value or "").startswith(("/", "#", "https://", "http://")):
                self.faults.append(f"{tag} {name}={value}")
            if name == "src" and not (value or "").startswith("/"):
                self.faults.append(f"{tag} loads {value}")


def judged(page: str) -> list[str]:
    judge = _Judge()
    judge.feed(page)
    return judge.faults


def _poisoned(text: str) -> Facts:
    facts = recorded.facts(command=("python3", text), env=((text, text),))
    assert facts.image is not None
    assert facts.run is not None
    assert facts.run.status.granted is not None
    assert facts.deposit is not None
    quoted = "'" + text.replace("'", "''").replace("\n", " ") + "'"
    citation = (
        f"cff-version: 1.2.0\nmessage: {quoted}\ntitle: {quoted}\nabstract: {quoted}\nkeywords: [{quoted}]\nlicense: MIT\n"
        f"authors:\n- family-names: {quoted}\n  given-names: {quoted}\n  affiliation: {quoted}\n"
    )
    project = replace(facts.source.project, name=text, url=f"javascript:alert(1)//{text}")
    granted = replace(facts.run.status.granted, cpu_model=text, kernel=text, architecture=text, gpus=(text,))
    status = replace(facts.run.status, granted=granted, engine=text, detail=text)
    base = replace(facts.image.bases[0], written=text)
    return replace(
        facts,
        source=replace(facts.source, project=project, tag=text, version=text, title=text, citation=citation),
        image=replace(facts.image, bases=(base,), registry=text),
        run=replace(facts.run, status=status),
        deposit=replace(facts.deposit, doi=f"10.5072/{text}", concept_doi=text),
    )


@pytest.mark.attack("names and texts")
def test_a_record_of_nothing_but_markup_is_text(web: TestClient, installation: Installation):
    outputs = {
        f"{number}{EVIL.replace('/', '')}{end}": b"a,b\n<script>,%s\n" % EVIL.encode()
        for number, end in enumerate((".png", ".csv", ".svg"))
    }
    publication = installation.record(outputs, _poisoned(EVIL))
    installation.bundle(
        publication, {f"outputs/{path}": data for path, data in outputs.items()} | {"logs/run.log": EVIL.encode()}
    )
    for address in ("/", "/publications", f"/publications/{publication}", f"/records/{publication}"):
        page = web.get(address)
        assert page.status_code == 200
        assert judged(page.text) == []
        assert "&lt;script&gt;alert(1)" in page.text
        assert "{{ 7*7 }}" in page.text


@pytest.mark.attack("names and texts")
def test_a_failure_of_nothing_but_markup_is_text(web: TestClient, installation: Installation):
    publication = installation.publication(
        _poisoned(EVIL), state="failed", error=EVIL, remedy=f"`{EVIL}` {EVIL}", waiting=EVIL, step="run", title=None
    )
    installation.step(publication, Step.RUN, "failed", detail=EVIL)
    installation.log(publication, "run-1", [EVIL.encode()])
    page = web.get(f"/publications/{publication}")
    assert page.status_code == 200
    assert judged(page.text) == []


@pytest.mark.attack("names and texts")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60))
def test_any_text_in_any_place_is_text(web: TestClient, installation: Installation, text: str):
    publication = installation.publication(_poisoned(f"<{text}"), id=f"p{abs(hash(text)):016x}"[:17])
    try:
        for address in (f"/publications/{publication}", f"/records/{publication}", "/"):
            page = web.get(address)
            assert page.status_code == 200
            assert judged(page.text) == []
    finally:
        installation.forget(publication)


@pytest.mark.attack("names and texts")
def test_an_error_repeats_no_markup_of_its_address(web: TestClient):
    for address in (
        "/<script>alert(1)</script>",
        "/records/<script>",
        "/publications?state=<script>",
        "/publications/p<img src=x>",
    ):
        page = web.get(address)
        assert page.status_code == 404
        assert "<script" not in page.text
        assert judged(page.text) == []


@pytest.mark.attack("names and texts")
def test_only_web_addresses_become_links():
    for text in (
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https://",
        "http:x",
        " javascript:x",
        "git@host:x.git",
        "http://[",
        None,
    ):
        assert rendering.http_link(text) is None
    assert rendering.http_link("https://example.org/a?b=c") == "https://example.org/a?b=c"


def test_only_what_looks_like_an_identifier_becomes_a_link_to_its_register():
    assert rendering.orcid("0000-0002-1825-0097") == "0000-0002-1825-0097"
    assert rendering.orcid("0000-0002-1825-0097/../x") is None
    assert rendering.spdx("Apache-2.0") == "https://spdx.org/licenses/Apache-2.0.html"
    assert rendering.spdx("MIT/../x") is None


def test_code_in_a_remedy_is_marked_and_all_else_escaped():
    assert rendering.codes("Run `a <b>` & <i>look</i>") == "Run <code>a &lt;b&gt;</code> &amp; &lt;i&gt;look&lt;/i&gt;"
