"""The desk: who is let in, what is taken of what pods send, and what a stranger gets who has a token of his own."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from rigs.pods import KEY, Counter, outputs_of
from tagstone.desk.app import create_app
from tagstone.domain.runs.plan import PART
from tagstone.domain.runs.told import Keeping, Phase
from tagstone.errors import Invalid, NotFound

OTHER = "publication-2"
DONE = Keeping(Phase.DONE)


class Asking:
    """One pod's questions."""

    def __init__(self, client: TestClient, token: str, *, pod: str = "pod-1", key: str = KEY) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}", "Tagstone-Pod": pod}
        self._key = key

    def get(self, what: str, **headers: str) -> Any:
        return self._client.get(f"/desk/{self._key}/{what}", headers=self._headers | headers)

    def post(self, what: str, said: object = None) -> Any:
        return self._client.post(f"/desk/{self._key}/{what}", json=said, headers=self._headers)

    def put(self, what: str, data: bytes) -> Any:
        return self._client.put(f"/desk/{self._key}/{what}", content=data, headers=self._headers)

    def brings(self, path: str | bytes, content: bytes, number: int = 0, **changed: Any) -> Any:
        """Send a file, and say where it belongs."""
        if content:
            assert self.put(f"outputs/{number}/0", content).status_code == 204
        said = {"kind": "file", "size": len(content), "sha256": sha256(content).hexdigest(), "number": number}
        return self.post("outputs", [{"path": quote(os.fsencode(path))} | said | changed])


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path / "service", {"log_limit": 1000, "max_files": 5, "max_bytes": 20_000_000})


@pytest.fixture
def client(counter: Counter) -> Iterator[TestClient]:
    with TestClient(create_app(counter.desk)) as made:
        yield made


@pytest.fixture
def asking(counter: Counter, client: TestClient) -> Asking:
    made = Asking(client, counter.desk.open(KEY, counter.spec("true", files={"in.txt": b"input"})))
    assert made.post("begin").status_code == 200
    assert counter.desk.hear_keeping(KEY, DONE).end == ""
    return made


def test_a_token_is_the_same_until_the_run_is_closed_and_new_when_it_is_opened_again(counter: Counter):
    spec = counter.spec("true")
    first = counter.desk.open(KEY, spec)
    assert counter.anew().open(KEY, spec) == first
    counter.desk.close(KEY)
    assert counter.desk.open(KEY, spec) != first


def test_what_is_not_in_storage_cannot_be_given(counter: Counter):
    spec = counter.spec("true")
    counter.storage.delete(spec.code)
    with pytest.raises(NotFound):
        counter.desk.open(KEY, spec)


@pytest.mark.parametrize("key", ["../other", "", ".hidden", "a/b", "x" * 200])
def test_keys_that_could_lead_elsewhere_are_refused(counter: Counter, key: str):
    with pytest.raises(Invalid):
        counter.desk.open(key, counter.spec("true"))


@pytest.mark.attack("desk")
def test_without_the_runs_own_token_nothing_is_answered(counter: Counter, client: TestClient, asking: Asking):
    others = counter.desk.open(OTHER, counter.spec("true"))
    for token in ("", "wrong", others, others[:-1]):
        stranger = Asking(client, token)
        answers = [
            stranger.post("begin"), stranger.get("given/0"), stranger.post("staging", {}), stranger.post("keeping", {}),
            stranger.put("log/0", b"x"), stranger.put("outputs/0/0", b"x"), stranger.post("outputs", []),
        ]  # fmt: skip
        assert [answer.status_code for answer in answers] == [401] * 7
    unknown = Asking(client, others, key="publication-3").get("given/0")
    assert unknown.status_code == 401
    assert unknown.json() == Asking(client, others).get("given/0").json()
    assert client.get("/desk/..%2f..%2fetc/given/0", headers={"Authorization": f"Bearer {others}"}).status_code in (401, 404)
    assert counter.desk.log(KEY, "").data == b""


@pytest.mark.attack("desk")
def test_a_token_ends_with_its_run(counter: Counter, asking: Asking):
    assert asking.get("given/0").status_code == 200
    counter.desk.close(KEY)
    assert asking.get("given/0").status_code == 401
    assert asking.put("log/0", b"x").status_code == 401
    assert not (counter.folder / "desk" / KEY).exists()


def test_a_pod_that_begins_anew_finds_nothing_of_what_it_had_brought(counter: Counter, asking: Asking):
    assert asking.put("log/0", b"first").status_code == 200
    assert asking.brings("a.txt", b"bytes").status_code == 204
    counter.desk.end(KEY, "stop")
    counter.desk.gone(KEY)
    assert asking.post("begin").status_code == 200
    assert counter.desk.log(KEY, "").data == b""
    assert not counter.desk.told(KEY).done
    assert asking.post("keeping", {"phase": "done"}).json() == {"end": "stop", "gone": False}
    with pytest.raises(Invalid, match="No file matches"):
        outputs_of(counter, "**")


def test_another_pod_of_the_run_is_told_that_it_counts_no_more(client: TestClient, counter: Counter, asking: Asking):
    token = counter.desk.open(KEY, counter.spec("true"))
    later = Asking(client, token, pod="pod-2")
    assert later.put("log/0", b"x").status_code == 409
    assert later.post("begin").status_code == 200
    assert asking.put("log/0", b"x").status_code == 409
    assert asking.post("keeping", {}).status_code == 409


@pytest.mark.parametrize(
    ("header", "status", "content"),
    [
        ({}, 200, b"input"),
        ({"Range": "bytes=2-"}, 206, b"put"),
        ({"Range": "bytes=5-"}, 206, b""),
        ({"Range": "lines=2-"}, 200, b"input"),
    ],
)
def test_what_is_given_can_be_read_from_anywhere_on(asking: Asking, header: dict[str, str], status: int, content: bytes):
    answer = asking.get("given/1", **header)
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers["content-length"] == str(len(content))
    assert asking.get("given/2").status_code == 404


def test_the_log_grows_by_what_is_new_and_never_has_holes(counter: Counter, asking: Asking):
    assert asking.put("log/0", b"one\n").json() == {"have": 4}
    assert asking.put("log/0", b"one\ntwo\n").json() == {"have": 8}
    assert asking.put("log/20", b"later").status_code == 409
    assert asking.put("log/8", b"x" * 5000).json() == {"have": 1000}
    assert counter.desk.log(KEY, "").data == b"one\ntwo\n" + b"x" * 992


def test_an_output_that_is_sent_twice_is_there_once(counter: Counter, asking: Asking):
    assert asking.put("outputs/0/0", b"first ").status_code == 204
    assert asking.put("outputs/0/0", b"first ").status_code == 204
    assert asking.put("outputs/0/20", b"third").status_code == 409
    assert asking.put("outputs/0/3", b"st second").status_code == 204
    content = b"first second"
    said = [{"path": "a/b.txt", "kind": "file", "size": 12, "sha256": sha256(content).hexdigest(), "number": 0}]
    assert asking.post("outputs", said).status_code == 204
    assert asking.post("outputs", said).status_code == 204
    assert outputs_of(counter, "**") == {"a/b.txt": content}


def test_an_output_goes_on_after_a_restart_of_the_service(counter: Counter, asking: Asking):
    assert asking.put("outputs/0/0", b"first ").status_code == 204
    with TestClient(create_app(counter.anew())) as client:
        later = Asking(client, counter.desk.open(KEY, counter.spec("true")))
        assert later.put("outputs/0/6", b"second").status_code == 204
        content = b"first second"
        said = [{"path": "b.txt", "kind": "file", "size": 12, "sha256": sha256(content).hexdigest(), "number": 0}]
        assert later.post("outputs", said).status_code == 204
    assert outputs_of(counter, "**") == {"b.txt": content}


def test_empty_files_are_outputs_too(counter: Counter, asking: Asking):
    assert asking.brings("empty.csv", b"").status_code == 204
    assert outputs_of(counter, "**") == {"empty.csv": b""}


@pytest.mark.parametrize("changed", [{"size": 4}, {"sha256": "0" * 64}])
def test_bytes_that_are_not_those_announced_are_no_output(counter: Counter, asking: Asking, changed: dict[str, Any]):
    assert asking.brings("a.txt", b"bytes", **changed).status_code == 400
    assert list((counter.folder / "desk" / KEY / "outputs").iterdir()) == []


def test_what_never_arrived_is_no_output(asking: Asking):
    said = [{"path": "a.txt", "kind": "file", "size": 4, "sha256": "0" * 64, "number": 3}]
    answer = asking.post("outputs", said)
    assert (answer.status_code, "never arrived" in answer.json()["title"]) == (400, True)


@pytest.mark.parametrize(
    "path", ["../out", "/etc/cron.d/x", "a/../../b", "a//b", "", ".", "a/./b", "nul\0", "d/" * 300 + "f", "n" * 300]
)
@pytest.mark.attack("desk")
def test_no_path_leads_out_of_a_runs_own_folder(counter: Counter, asking: Asking, path: str):
    before = {found for found in counter.folder.rglob("*") if "desk" not in found.parts}
    assert asking.brings(path, b"bytes").status_code == 400
    assert {found for found in counter.folder.rglob("*") if "desk" not in found.parts} == before
    assert all(found.is_dir() for found in (counter.folder / "desk" / KEY / "outputs").rglob("*"))


@pytest.mark.parametrize("kind", ["link", "special", "file"])
@pytest.mark.attack("desk")
def test_nothing_is_laid_out_through_what_was_laid_out_before(counter: Counter, asking: Asking, kind: str):
    assert asking.brings("a", b"", number=0, kind=kind).status_code == 204
    assert asking.brings("a/b", b"bytes", number=1).status_code == 400


@pytest.mark.attack("desk")
def test_no_more_is_taken_than_a_run_may_bring(asking: Asking):
    part = bytes(PART)
    assert asking.put("outputs/0/0", part + b"x").status_code == 400
    assert asking.put("outputs/5/0", b"x").status_code == 400
    assert asking.put("outputs/0/0", part).status_code == 204
    assert asking.put("outputs/1/0", part).status_code == 204
    assert asking.put("outputs/2/0", part).status_code == 400
    assert asking.put("log/0", part + b"x").status_code == 400
    assert asking.post("keeping", {"unstarted": "x" * 2**20}).status_code == 400


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("keeping", {"phase": "dreaming"}),
        ("keeping", []),
        ("staging", {"files": "many"}),
        ("outputs", [{"path": "a"}]),
        ("outputs", {}),
    ],
)
@pytest.mark.attack("desk")
def test_words_that_no_pod_of_ours_says_are_refused(asking: Asking, what: str, said: object):
    answer = asking.post(what, said)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "faults" in answer.json()["title"]


def test_orders_are_answered_to_every_word_and_the_first_end_counts(counter: Counter, asking: Asking):
    assert asking.post("keeping", {"phase": "running"}).json() == {"end": "", "gone": False}
    counter.anew().end(KEY, "stop")
    counter.anew().end(KEY, "time")
    counter.desk.gone(KEY)
    assert asking.post("keeping", {"phase": "running"}).json() == {"end": "stop", "gone": True}


def test_what_is_asked_of_a_run_that_nobody_opened(counter: Counter):
    assert not counter.desk.told(KEY).done
    assert counter.desk.log(KEY, "").data == b""
    counter.desk.close(KEY)
    with pytest.raises(NotFound):
        counter.desk.end(KEY, "stop")
    assert not (counter.folder / "desk" / KEY).exists()


def test_the_desk_says_that_it_lives(client: TestClient):
    assert client.get("/desk/health").json() == {"status": "ok"}
