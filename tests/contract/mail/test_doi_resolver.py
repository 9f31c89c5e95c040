"""A DOI resolver, asked where DOIs lead without following."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tagstone.adapters.doi_resolver import DoiResolver
from tagstone.errors import Away

TARGET = "https://depository.example/records/1"


@contextmanager
def resolver(status: int, headers: dict[str, str]) -> Iterator[tuple[DoiResolver, list[str]]]:
    """A resolver that always answers so, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, requests.Session() as http:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield DoiResolver(http, f"http://127.0.0.1:{server.server_address[1]}/"), asked
        finally:
            server.shutdown()
            thread.join()


def test_a_doi_leads_where_it_is_redirected_and_nobody_goes_there() -> None:
    with resolver(302, {"Location": TARGET}) as (dois, asked):
        assert dois.target("10.5072/a.1") == TARGET
    assert asked == ["/10.5072/a.1"]


def test_an_unknown_doi_leads_nowhere() -> None:
    with resolver(404, {}) as (dois, _):
        assert dois.target("10.5072/a.1") is None


@pytest.mark.parametrize(("status", "headers"), [(200, {}), (302, {}), (429, {}), (500, {}), (503, {})])
def test_everything_else_is_no_answer(status: int, headers: dict[str, str]) -> None:
    with resolver(status, headers) as (dois, _), pytest.raises(Away):
        dois.target("10.5072/a.1")


def test_what_a_doi_contains_stays_in_the_path() -> None:
    with resolver(404, {}) as (dois, asked):
        dois.target("10.5072/a?b#c d\n<é>")
    assert asked == ["/10.5072/a%3Fb%23c%20d%0A%3C%C3%A9%3E"]


def test_a_resolver_that_is_not_there_is_away() -> None:
    with resolver(404, {}) as (dois, _):
        pass
    with pytest.raises(Away):
        dois.target("10.5072/a.1")
