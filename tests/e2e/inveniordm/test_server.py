"""The server that the other tests stand on: whether it is what they take it for."""

import pytest
import requests

from servers.faulty_proxy import Fault, FaultyProxy, Trouble
from servers.inveniordm.server import InvenioRDM, Person

pytestmark = pytest.mark.inveniordm

METADATA = {
    "resource_type": {"id": "dataset"},
    "title": "A data set",
    "publication_date": "2026-11-20",
    "publisher": "Us",
    "creators": [{"person_or_org": {"type": "personal", "family_name": "Lovelace", "given_name": "Ada"}}],
}
DRAFT = {"access": {"record": "public", "files": "public"}, "files": {"enabled": True}, "metadata": METADATA}


class Client:
    """Asks a server as a person."""

    def __init__(self, url: str, person: Person) -> None:
        self._api = f"{url}/api"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {person.token}"

    def ask(self, method: str, path: str, **options: object) -> requests.Response:
        return self._session.request(method, f"{self._api}{path}", timeout=60, **options)  # type: ignore[arg-type]

    def draft(self) -> str:
        return str(self.ask("POST", "/records", json=DRAFT).json()["id"])

    def add(self, record: str, name: str, data: bytes) -> requests.Response:
        files = f"/records/{record}/draft/files"
        assert self.ask("POST", files, json=[{"key": name}]).status_code == 201
        binary = {"Content-Type": "application/octet-stream"}
        assert self.ask("PUT", f"{files}/{name}/content", data=data, headers=binary).status_code == 200
        return self.ask("POST", f"{files}/{name}/commit")

    def publish(self, record: str) -> requests.Response:
        return self.ask("POST", f"/records/{record}/draft/actions/publish")


def test_a_record_gets_dois_that_datacite_was_told_of(inveniordm: InvenioRDM) -> None:
    client = Client(inveniordm.url, inveniordm.owner)
    record = client.draft()
    assert client.add(record, "a.txt", b"hello").json()["checksum"] == "md5:5d41402abc4b2a76b9719d911017c592"
    published = client.publish(record).json()
    told = {one["doi"]: one for one in inveniordm.told_to_datacite()}
    assert told[published["pids"]["doi"]["identifier"]]["event"] == "publish"
    assert told[published["parent"]["pids"]["doi"]["identifier"]]["url"].startswith(inveniordm.url)
    assert client.ask("GET", f"/records/{record}/files/a.txt/content").content == b"hello"


def test_a_lost_draft_is_found_by_an_address_in_its_metadata(inveniordm: InvenioRDM) -> None:
    client = Client(inveniordm.url, inveniordm.owner)
    mark = {"identifier": "https://example.org/p/one-two", "scheme": "url", "relation_type": {"id": "isderivedfrom"}}
    made = client.ask("POST", "/records", json={**DRAFT, "metadata": METADATA | {"related_identifiers": [mark]}}).json()
    query = f'metadata.related_identifiers.identifier:"{mark["identifier"]}"'
    found = client.ask("GET", "/user/records", params={"q": query}).json()["hits"]["hits"]
    assert [one["id"] for one in found] == [made["id"]]
    assert client.ask("GET", "/user/records", params={"q": query.replace("two", "three")}).json()["hits"]["hits"] == []


def test_a_curator_publishes_what_was_submitted_to_the_community(inveniordm: InvenioRDM) -> None:
    owner, curator = (Client(inveniordm.url, person) for person in (inveniordm.owner, inveniordm.curator))
    record = owner.draft()
    owner.add(record, "a.txt", b"hello")
    review = {"receiver": {"community": inveniordm.community}, "type": "community-submission"}
    assert owner.ask("PUT", f"/records/{record}/draft/review", json=review).status_code == 200
    submitted = owner.ask("POST", f"/records/{record}/draft/actions/submit-review").json()
    assert owner.ask("GET", f"/records/{record}").status_code == 404
    assert curator.ask("POST", f"/requests/{submitted['id']}/actions/accept").status_code == 200
    assert owner.ask("GET", f"/records/{record}").json()["parent"]["communities"]["ids"] == [inveniordm.community]


def test_somebody_else_neither_sees_nor_continues_a_draft_until_it_is_shared(inveniordm: InvenioRDM) -> None:
    owner, other = (Client(inveniordm.url, person) for person in (inveniordm.owner, inveniordm.other))
    record = owner.draft()
    owner.add(record, "a.txt", b"hello")
    assert other.ask("GET", f"/records/{record}/draft").status_code == 403
    owner.publish(record)
    assert other.ask("POST", f"/records/{record}/versions").status_code == 403
    found = owner.ask("GET", "/users", params={"q": inveniordm.other.address}).json()["hits"]["hits"]
    assert [one["id"] for one in found] == [inveniordm.other.id]
    grant = {"subject": {"type": "user", "id": inveniordm.other.id}, "permission": "manage"}
    assert owner.ask("POST", f"/records/{record}/access/grants", json={"grants": [grant]}).status_code == 201
    assert other.ask("POST", f"/records/{record}/versions").status_code == 201


def test_a_revoked_token_is_worth_nothing_until_it_is_restored(inveniordm: InvenioRDM) -> None:
    client = Client(inveniordm.url, inveniordm.other)
    inveniordm.revoke(inveniordm.other)
    assert client.ask("POST", "/records", json=DRAFT).status_code == 403
    inveniordm.restore(inveniordm.other)
    assert client.ask("POST", "/records", json=DRAFT).status_code == 201


def test_what_was_there_is_there_after_a_restart(inveniordm: InvenioRDM) -> None:
    client = Client(inveniordm.url, inveniordm.owner)
    record = client.draft()
    inveniordm.stop_web()
    with pytest.raises(requests.ConnectionError):
        client.draft()
    inveniordm.start_web()
    assert client.ask("GET", f"/records/{record}/draft").status_code == 200


def test_the_proxy_counts_calls_and_takes_the_servers_place_in_answers(inveniordm: InvenioRDM, proxy: FaultyProxy) -> None:
    client = Client(proxy.url, inveniordm.owner)
    record = client.draft()
    client.add(record, "a.txt", b"hello" * 1000)
    assert client.ask("GET", f"/records/{record}/draft").json()["links"]["self"].startswith(proxy.url)
    assert (proxy.count("POST"), proxy.count("PUT"), proxy.count("GET")) == (3, 1, 1)
    assert proxy.sent("/content$") == 5000


def test_a_lost_answer_is_no_lost_effect(inveniordm: InvenioRDM, proxy: FaultyProxy) -> None:
    client = Client(proxy.url, inveniordm.owner)
    record = client.draft()
    client.add(record, "a.txt", b"hello")
    proxy.disturb_once("POST", "/publish$", Trouble(Fault.LOSE))
    with pytest.raises(requests.ConnectionError):
        client.publish(record)
    assert client.ask("GET", f"/records/{record}").status_code == 200


@pytest.mark.parametrize(("fault", "there"), [(Fault.REPLACE, True), (Fault.REFUSE, False)])
def test_a_504_comes_with_and_without_an_effect(inveniordm: InvenioRDM, proxy: FaultyProxy, fault: Fault, there: bool) -> None:
    client = Client(proxy.url, inveniordm.owner)
    record = client.draft()
    client.add(record, "a.txt", b"hello")
    proxy.disturb_once("POST", "/publish$", Trouble(fault, 504, retry_after="7"))
    answer = client.publish(record)
    assert (answer.status_code, answer.headers["Retry-After"]) == (504, "7")
    assert client.ask("GET", f"/records/{record}").ok is there


def test_bodies_are_cut_on_either_way(inveniordm: InvenioRDM, proxy: FaultyProxy) -> None:
    client = Client(proxy.url, inveniordm.owner)
    record = client.draft()
    proxy.disturb_once("GET", "", Trouble(Fault.CUT))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.ask("GET", f"/records/{record}/draft")
    proxy.disturb_once("PUT", "/content$", Trouble(Fault.STALL))
    with pytest.raises(requests.ConnectionError):
        client.add(record, "a.txt", b"hello" * 100_000)
    listed = client.ask("GET", f"/records/{record}/draft/files").json()["entries"]
    assert [one["status"] for one in listed] == ["pending"]


def test_the_search_stand_in_knew_all_that_was_asked(inveniordm: InvenioRDM) -> None:
    Client(inveniordm.url, inveniordm.owner).ask("GET", "/records", params={"q": "id:abc"})
    assert inveniordm.refused_searches() == ""
