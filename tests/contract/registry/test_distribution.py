"""The read-only `/v2/`, as a function and over HTTP."""

import hashlib

import pytest
import requests
from fastapi import FastAPI
from fastapi.testclient import TestClient

from fakes.registry import FakeRegistry
from tagstone.adapters.oci_distribution import answer, loopback
from tagstone.api.registry import registry_router
from tagstone.domain.images.oci import LAYER, MANIFEST
from tagstone.errors import Permanent, Temporary

NOTHING = "sha256:" + "0" * 64
CONTENT = bytes(range(256)) * 10_000


@pytest.fixture
def fake(push):
    fake = FakeRegistry()
    push(fake, "a/b", "v1", CONTENT)
    return fake


@pytest.fixture
def blob():
    return "/v2/a/b/blobs/sha256:" + hashlib.sha256(CONTENT).hexdigest()


def test_the_api_says_that_it_is_there(fake):
    for path in ("/v2/", "/v2"):
        assert answer(fake, "GET", path).status == 200
    assert answer(fake, "GET", "/v2/").headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_a_manifest_comes_by_tag_and_digest(fake):
    by_tag = answer(fake, "GET", "/v2/a/b/manifests/v1")
    digest = by_tag.headers["Docker-Content-Digest"]
    assert by_tag.headers["Content-Type"] == MANIFEST
    assert list(answer(fake, "GET", f"/v2/a/b/manifests/{digest}").body) == list(by_tag.body) == [fake.manifest("a/b", "v1")]


def test_head_is_get_without_a_body(fake, blob):
    for path in ("/v2/a/b/manifests/v1", blob, "/v2/a/b/tags/list", "/v2/x/manifests/v1"):
        got, head = answer(fake, "GET", path), answer(fake, "HEAD", path)
        assert (head.status, head.headers, list(head.body)) == (got.status, got.headers, [])


def test_a_blob_comes_whole(fake, blob):
    found = answer(fake, "GET", blob)
    assert found.headers["Content-Length"] == str(len(CONTENT))
    assert b"".join(found.body) == CONTENT


@pytest.mark.parametrize(
    ("asked", "status", "said", "piece"),
    [
        ("bytes=2559990-", 206, "bytes 2559990-2559999/2560000", slice(2559990, None)),
        ("bytes=5-9", 206, "bytes 5-9/2560000", slice(5, 10)),
        ("bytes=1500000-99999999", 206, "bytes 1500000-2559999/2560000", slice(1500000, None)),
        ("bytes=0-0", 206, "bytes 0-0/2560000", slice(0, 1)),
        ("bytes=2560000-", 416, "bytes */2560000", None),
        ("bytes=9-5", 416, "bytes */2560000", None),
        ("bytes=-5", 200, None, slice(None)),
        ("lines=1", 200, None, slice(None)),
    ],
)
def test_a_part_of_a_blob_may_be_asked_for(fake, blob, asked, status, said, piece):
    found = answer(fake, "GET", blob, asked)
    assert (found.status, found.headers.get("Content-Range")) == (status, said)
    body = b"".join(found.body)
    assert int(found.headers["Content-Length"]) == len(body)
    assert piece is None or body == CONTENT[piece]


def test_tags_are_listed(fake):
    assert list(answer(fake, "GET", "/v2/a/b/tags/list?n=5").body) == [b'{"name": "a/b", "tags": ["v1"]}']


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_whatever_would_write_is_not_allowed(fake, method):
    found = answer(fake, method, "/v2/a/b/blobs/uploads/")
    assert (found.status, found.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/a/b/manifests/v2", "MANIFEST_UNKNOWN"),
        (f"/v2/a/b/manifests/{NOTHING}", "MANIFEST_UNKNOWN"),
        (f"/v2/a/b/blobs/{NOTHING}", "BLOB_UNKNOWN"),
        ("/v2/x/tags/list", "NAME_UNKNOWN"),
        ("/v2/a/../b/manifests/v1", "NAME_UNKNOWN"),
        ("/v2/_catalog", "NAME_UNKNOWN"),
        ("/v2/a/b/blobs/uploads", "UNSUPPORTED"),
        ("/v2/a/b/blobs/..%2f..%2fetc", "UNSUPPORTED"),
        ("/elsewhere", "NAME_UNKNOWN"),
        ("/v2/a\n/manifests/v1", "NAME_UNKNOWN"),
    ],
)
def test_what_is_not_there_is_404_with_its_code(fake, path, code):
    found = answer(fake, "GET", path)
    assert found.status == 404
    assert f'"code": "{code}"'.encode() in b"".join(found.body)


def test_troubles_have_their_status(fake):
    fake.fail("manifest", Temporary("busy", delay=7))
    fake.fail("manifest", Permanent("broken", remedy=""))
    busy, broken = (answer(fake, "GET", "/v2/a/b/manifests/v1") for _ in range(2))
    assert (busy.status, busy.headers["Retry-After"], broken.status) == (503, "7", 500)


def test_the_loopback_server_keeps_a_connection_and_refuses_writing(fake, blob, session):
    with loopback(fake) as host:
        for _ in range(2):
            assert session.get(f"http://{host}{blob}", timeout=5).content == CONTENT
        assert session.head(f"http://{host}{blob}", timeout=5).headers["Content-Length"] == str(len(CONTENT))
        assert session.put(f"http://{host}{blob}", data=b"x" * 9999, timeout=5).status_code == 405
        assert session.get(f"http://{host}/v2/", timeout=5).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{host}/v2/", timeout=5)


def test_the_loopback_server_does_not_end_a_damaged_blob_as_if_it_were_whole(fake, session):
    written = fake.put_blob("a/b", [CONTENT], LAYER)
    fake.corrupt(written.digest)
    with loopback(fake) as host, pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get(f"http://{host}/v2/a/b/blobs/{written.digest}", timeout=5)


def test_the_pages_server_offers_the_same(fake, blob):
    application = FastAPI()
    application.include_router(registry_router(fake))
    with TestClient(application) as client:
        assert client.get(blob).content == CONTENT
        assert client.get(blob, headers={"Range": "bytes=5-9"}).content == CONTENT[5:10]
        assert client.head(blob).headers["content-length"] == str(len(CONTENT))
        assert client.get("/v2/a/b/manifests/v1").headers["docker-content-digest"].startswith("sha256:")
        assert client.get("/v2/").json() == {}
        assert client.post("/v2/a/b/blobs/uploads/").status_code == 405
        assert client.get("/v2/a/b/manifests/no").json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"
