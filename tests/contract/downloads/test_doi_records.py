"""Files named by a DOI, from a server that answers as InvenioRDM does."""

from typing import Any

import pytest

from fakes.web_server import WebServer
from tagstone.adapters.doi_records import DoiRecords
from tagstone.adapters.downloads import Downloads
from tagstone.adapters.https_client import HttpsClient
from tagstone.errors import Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

TABLE = b"a,b\n1,2\n" * 1000
FILES = {"table.csv": TABLE, "read me.txt": b"read", "deep/a.csv": b"deep"}


@pytest.fixture
def record(web: WebServer) -> WebServer:
    """The server with one published record, the second version of its concept."""
    web.add_record("10.5281/zenodo.12", FILES, concept="10.5281/zenodo.11")
    return web


def downloads(web: WebServer, hosts: dict[str, str] | None = None) -> Downloads:
    client = HttpsClient(frozenset({"localhost"}), web.certificate, seconds=5)
    known = {"10.5281": f"localhost:{web.port}"} if hosts is None else hosts
    return Downloads(client, DoiRecords(client, known, web.url("/doi.org")))


def refused(web: WebServer, source: str, **given: Any) -> TagstoneError:
    with pytest.raises(TagstoneError) as caught, downloads(web, **given).fetch(source):
        pass
    return caught.value


@pytest.mark.parametrize(("name", "data"), FILES.items())
def test_a_file_comes_with_the_size_and_checksum_of_its_record(record: WebServer, name: str, data: bytes) -> None:
    with downloads(record).fetch(f"doi:10.5281/zenodo.12/{name}") as download:
        assert b"".join(download.pieces) == data
        assert download.total == len(data)
        assert len(download.md5) == 32


def test_a_known_host_is_asked_at_once_and_others_by_their_doi(record: WebServer) -> None:
    with downloads(record).fetch("doi:10.5281/zenodo.12/table.csv"):
        pass
    assert record.paths == ["/api/records/12", "/api/records/12/files", "/api/records/12/files/table.csv/content"]
    record.asked.clear()
    with downloads(record, {}).fetch("doi:10.5281/zenodo.12/table.csv"):
        pass
    assert record.paths[:3] == ["/doi.org/10.5281/zenodo.12", "/doi/10.5281/zenodo.12", "/records/12"]


def test_a_download_by_doi_goes_on_too(record: WebServer) -> None:
    with downloads(record).fetch("doi:10.5281/zenodo.12/table.csv", after=100, mark='"v1"') as download:
        assert (download.start, download.total) == (100, len(TABLE))


@pytest.mark.parametrize("hosts", [None, {}])
def test_a_concept_doi_is_refused_since_it_moves(record: WebServer, hosts: dict[str, str] | None) -> None:
    record.redirects["/doi.org/10.5281/zenodo.11"] = record.url("/records/12")
    error = refused(record, "doi:10.5281/zenodo.11/table.csv", hosts=hosts)
    assert isinstance(error, Invalid)
    assert "all versions" in error.message
    assert "doi:10.5281/zenodo.12/table.csv" in error.remedy


def test_a_name_that_the_record_lacks_is_told_with_the_nearest(record: WebServer) -> None:
    error = refused(record, "doi:10.5281/zenodo.12/tabel.csv")
    assert isinstance(error, NotFound)
    assert "'table.csv'" in error.remedy


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (410, NotFound), (403, Permanent), (429, Temporary), (500, Temporary)]
)
def test_a_record_that_is_not_public_or_a_host_in_trouble_is_told(
    record: WebServer, status: int, kind: type[Exception]
) -> None:
    record.statuses["/api/records/12"] = status
    assert isinstance(refused(record, "doi:10.5281/zenodo.12/table.csv"), kind)


def test_a_doi_that_leads_elsewhere_than_to_a_record_is_told(web: WebServer) -> None:
    web.redirects["/doi.org/10.1000/182"] = web.url("/handbook")
    web.statuses["/handbook"] = 200
    error = refused(web, "doi:10.1000/182/x.csv")
    assert "no InvenioRDM" in error.message
    web.redirects["/doi.org/10.1000/182"] = "https://127.0.0.1/records/1"
    assert isinstance(refused(web, "doi:10.1000/182/x.csv"), Forbidden)


def test_the_record_of_another_doi_is_not_taken(record: WebServer) -> None:
    record.documents["/api/records/12"]["pids"]["doi"]["identifier"] = "10.5281/zenodo.99"
    assert "another DOI" in refused(record, "doi:10.5281/zenodo.12/table.csv").message


@pytest.mark.parametrize(
    "document",
    [
        [],
        3,
        {},
        {"pids": 3, "parent": []},
        {"pids": {"doi": []}},
        {"id": "../x", "pids": {"doi": {"identifier": "10.5281/zenodo.12"}}},
    ],
)
def test_strange_answers_are_told_not_believed(record: WebServer, document: Any) -> None:
    record.documents["/api/records/12"] = document
    record.documents["/api/records/../x/files"] = record.documents["/api/records/12/files"]
    assert isinstance(refused(record, "doi:10.5281/zenodo.12/table.csv"), NotFound | Permanent)


@pytest.mark.parametrize("entries", [None, 3, ["table.csv"], [{"key": 3}]])
def test_strange_lists_of_files_are_told(record: WebServer, entries: Any) -> None:
    record.documents["/api/records/12/files"] = {"entries": entries}
    assert isinstance(refused(record, "doi:10.5281/zenodo.12/table.csv"), NotFound)


def test_an_answer_larger_than_any_record_is_refused(record: WebServer) -> None:
    record.documents["/api/records/12"]["notes"] = "x" * (8 * 2**20)
    assert isinstance(refused(record, "doi:10.5281/zenodo.12/table.csv"), Permanent)
