"""What becomes of every answer that a server may give, hostile ones too, against a web server on loopback."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.clock import FakeClock
from fakes.scripted_server import Reply, ScriptedServer, scripted_server
from tagstone.adapters.inveniordm.answers import Answer
from tagstone.adapters.inveniordm.client import Client
from tagstone.adapters.inveniordm.curation import InvenioCuration
from tagstone.adapters.inveniordm.depository import InvenioDepository
from tagstone.adapters.inveniordm.files import InvenioFiles
from tagstone.adapters.inveniordm.gate import Gate
from tagstone.adapters.inveniordm.records import Reading
from tagstone.adapters.inveniordm.vocabularies import Vocabularies
from tagstone.domain.deposits.deposit import Creator, Deposit, DepositMetadata, DepositState
from tagstone.errors import Away, Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

CANARY = "canary-0123456789abcdef"
METADATA = DepositMetadata("p1", "Wobble", "1.0.0", "2026-01-02", (Creator("Ada Lovelace"),), ("MIT",))
DRAFT: dict[str, Any] = {
    "id": "abcde-12345",
    "parent": {"id": "fghij-12345", "access": {"grants": []}},
    "versions": {"index": 1},
    "links": {"self_html": "https://rdm.example.org/uploads/abcde-12345"},
    "is_published": False,
    "status": "draft",
    "pids": {"doi": {"identifier": "10.5072/rdm.abcde-12345"}},
}
RECORD = DRAFT | {"is_published": True, "status": "published"}
PLACE = "/api/records/abcde-12345"
CONTENT = f"{PLACE}/draft/files/x/content"
COMMIT = f"{PLACE}/draft/files/x/commit"
WHOLE = {"key": "x", "status": "completed", "checksum": "md5:" + "0" * 32, "size": 3}
PENDING = {"key": "x", "status": "pending"}
LICENCE = {"hits": {"hits": [{"id": "mit"}]}}


class Account:
    """An account at the scripted server, and what its threads slept."""

    def __init__(self, server: ScriptedServer, silence: float = 2.0) -> None:
        self.slept: list[float] = []
        session = requests.Session()
        self.client = Client(session, server.url, CANARY, Gate(self.slept.append), silence, self.slept.append)
        reading = Reading("rdm", server.url, registered=True)
        self.depository = InvenioDepository(
            self.client, reading, Vocabularies(), FakeClock(), pauses=(0.0, 1.0), sleep=self.slept.append
        )
        self.files = InvenioFiles(self.client, self.depository, self.slept.append)
        self.curation = InvenioCuration(self.client, reading, self.depository, restricted=False)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        running.script("GET", "/api/vocabularies/licenses", Reply(200, LICENCE))
        yield running


@pytest.fixture
def account(server: ScriptedServer) -> Account:
    return Account(server)


def send(account: Account) -> object:
    return account.files.upload("abcde-12345", "x", io.BytesIO(b"abc"), 3)


def failure(account: Account, call: Callable[[Account], object]) -> str:
    try:
        return repr(call(account))
    except TagstoneError as error:
        return f"{error!r} {error.remedy} {error.__cause__!r}"


CALLS: dict[str, Callable[[Account], object]] = {
    "draft": lambda account: account.depository.draft(METADATA, None),
    "next version": lambda account: account.depository.draft(METADATA, "fghij-12345"),
    "reserve": lambda account: account.depository.reserve("abcde-12345"),
    "describe": lambda account: account.depository.describe("abcde-12345", METADATA),
    "publish": lambda account: account.depository.publish("abcde-12345"),
    "find": lambda account: account.depository.find("abcde-12345"),
    "discard": lambda account: account.depository.discard("abcde-12345"),
    "list": lambda account: account.files.list("abcde-12345"),
    "carry over": lambda account: account.files.carry_over("abcde-12345"),
    "upload": send,
    "delete": lambda account: account.files.delete("abcde-12345", "x"),
    "open": lambda account: account.files.open("abcde-12345", "x").read(),
    "faults": lambda account: account.curation.faults(METADATA),
    "latest": lambda account: account.curation.latest("10.5072/rdm.fghij-12345"),
    "submit": lambda account: account.curation.submit("abcde-12345", "geo"),
    "amend": lambda account: account.curation.amend("abcde-12345", METADATA),
    "withdraw": lambda account: account.curation.withdraw("abcde-12345", "It is wrong."),
    "share": lambda account: account.curation.share("abcde-12345", "ada@example.org"),
}
HOSTILE = {
    "no JSON": Reply(200, body=b"<html>"),
    "truncated JSON": Reply(200, body=b'{"id": "abcde-12345", "par'),
    "a list": Reply(200, []),
    "null": Reply(200, body=b"null"),
    "nothing": Reply(200),
    "deep nesting": Reply(200, body=b"[" * 200_000),
    "wrong shapes": Reply(200, {"id": 7, "parent": "x", "hits": [1], "errors": {"a": [1]}, "entries": {"x": 1}, "links": None}),
    "an identifier that leads elsewhere": Reply(200, DRAFT | {"id": "../../users", "parent": {"id": "a/b"}}),
    "a message without end": Reply(
        400, {"message": "x\n\x1b[31m" * 100_000, "errors": [{"field": {}, "messages": [[]] * 1000}]}
    ),
    "another kind of list": Reply(400, {"message": ["x"], "errors": "no"}),
    "an unknown status": Reply(299, DRAFT),
    "a redirect without a place": Reply(302),
    "nobody's server error": Reply(500, {"message": CANARY}),
}


@pytest.mark.parametrize("answer", HOSTILE)
@pytest.mark.parametrize("call", CALLS)
def test_whatever_is_answered_ends_in_an_error_of_ours_or_in_order(
    server: ScriptedServer, account: Account, call: str, answer: str
):
    server.otherwise = HOSTILE[answer]
    with suppress(TagstoneError):
        CALLS[call](account)
    assert len(server.asked) < 20
    assert sum(account.slept) < 60


def test_an_answer_without_end_is_broken_off(server: ScriptedServer, account: Account):
    server.script("GET", PLACE, Reply(200, endless=True))
    with pytest.raises(Permanent, match="no end"):
        account.depository.find("abcde-12345")


def test_an_answer_that_was_cut_off_leaves_open_what_happened(server: ScriptedServer, account: Account):
    for reply in (Reply(201, body=json.dumps(DRAFT).encode()[:-9]), Reply(201, DRAFT, cut=50)):
        server.script("POST", "/api/records", reply)
        with pytest.raises(Temporary):
            account.depository.draft(METADATA, None, lost=False)


def test_a_redirect_to_another_server_is_not_followed(server: ScriptedServer, account: Account):
    server.script("GET", "/api/user/records", Reply(200, {}))
    with scripted_server() as elsewhere:
        elsewhere.otherwise = Reply(200, RECORD)
        for method, path in (
            ("GET", PLACE),
            ("POST", f"{PLACE}/draft/pids/doi"),
            ("GET", "/api/records/fghij-12345/versions/latest"),
        ):
            server.script(method, path, Reply(307, headers={"Location": f"{elsewhere.url}{path}"}))
        for call in (CALLS["find"], CALLS["reserve"], CALLS["next version"]):
            with pytest.raises(Permanent):
                call(account)
        assert elsewhere.asked == []


def test_a_redirect_on_the_server_is_followed_with_the_token(server: ScriptedServer, account: Account):
    server.script("GET", "/api/records/fghij-12345/versions/latest", Reply(301, headers={"Location": PLACE}))
    server.script("GET", PLACE, Reply(200, RECORD))
    assert account.curation.latest("fghij-12345") == account.depository.find("abcde-12345")
    assert {one.headers["Authorization"] for one in server.asked} == {f"Bearer {CANARY}"}


def test_the_token_is_in_no_error_no_log_and_no_address(
    server: ScriptedServer, account: Account, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    said = [repr(account.client), repr(vars(account.client)), repr(account.depository), repr(account.files)]
    for reply in (Reply(403, {"message": "Permission denied."}), Reply(500), Reply(400, {"message": "No."}), Reply(dead=True)):
        server.otherwise = reply
        said += [failure(account, call) for call in CALLS.values()]
    said += [record.getMessage() for record in caplog.records] + [one.path for one in server.asked]
    assert len(said) > 70
    assert not any(CANARY in text for text in said)


def test_a_token_with_a_line_break_is_refused_without_being_told():
    for token in (f"{CANARY}\r\nX: y", f"{CANARY} x", f"{CANARY}é", ""):
        with pytest.raises(Forbidden) as refused:
            Client(requests.Session(), "http://127.0.0.1:9", token, Gate())
        assert CANARY not in f"{refused.value!r} {refused.value.remedy}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, NotFound),
        (412, Conflict),
        (413, Invalid),
        (429, Away),
        (500, Temporary),
        (502, Temporary),
        (504, Temporary),
        (418, Permanent),
    ],
)
def test_each_refusal_of_a_change_is_an_error_that_says_what_to_do(
    server: ScriptedServer, account: Account, status: int, kind: type[TagstoneError]
):
    server.otherwise = Reply(status, {"status": status, "message": "So it is."})
    with pytest.raises(TagstoneError) as refused:
        account.depository.publish("abcde-12345")
    assert type(refused.value) is kind or (kind is Away and isinstance(refused.value, Away))
    assert refused.value.remedy
    assert len(server.asked) == 1


@pytest.mark.parametrize("call", ["find", "list", "describe", "upload", "next version", "discard"])
def test_an_outage_is_waited_for_where_asking_again_harms_nothing(server: ScriptedServer, account: Account, call: str):
    server.otherwise = Reply(503)
    with pytest.raises(Away):
        CALLS[call](account)


def test_a_servers_own_fault_is_no_outage_while_it_can_be_looked_at(server: ScriptedServer, account: Account):
    server.script("PUT", f"{PLACE}/draft", Reply(500))
    with pytest.raises(Temporary) as fault:
        account.depository.describe("abcde-12345", METADATA)
    assert not isinstance(fault.value, Away)
    server.otherwise = Reply(500)
    with pytest.raises(Away):
        account.depository.find("abcde-12345")


def test_a_server_that_nobody_reaches_was_asked_nothing(server: ScriptedServer, account: Account):
    server.otherwise = Reply(503)
    with pytest.raises(Away):
        account.depository.find("abcde-12345")
    assert server.calls("GET", PLACE) == 4
    with pytest.raises(Away):
        Account(ScriptedServer(port=9)).depository.publish("abcde-12345")  # nobody listens: the question never arrived


def test_a_look_is_taken_again_when_its_answer_was_lost_and_a_release_is_never_asked_twice(
    server: ScriptedServer, account: Account
):
    server.script("GET", PLACE, Reply(dead=True), Reply(200, RECORD, cut=30), Reply(502), Reply(200, RECORD))
    assert account.depository.find("abcde-12345").state is DepositState.PUBLISHED
    server.script("POST", f"{PLACE}/draft/actions/publish", Reply(dead=True))
    with pytest.raises(Temporary) as lost:
        account.depository.publish("abcde-12345")
    assert not isinstance(lost.value, Away)
    assert server.calls("POST", f"{PLACE}/draft/actions/publish") == 1


def test_a_spam_filters_word_is_for_a_person(server: ScriptedServer, account: Account):
    message = "Your account has been blocked ... classified as spam ... the record has not been published"
    server.script("POST", f"{PLACE}/draft/actions/publish", Reply(400, {"status": 400, "message": message}))
    with pytest.raises(Permanent) as blocked:
        account.depository.publish("abcde-12345")
    assert "person" in blocked.value.remedy


def test_a_limit_is_heeded_before_it_is_hit(server: ScriptedServer, account: Account):
    headers = {"X-RateLimit-Remaining": "1", "Retry-After": "7"}
    server.script("GET", PLACE, Reply(200, RECORD, headers=headers))
    account.depository.find("abcde-12345")
    account.depository.find("abcde-12345")
    assert account.slept == []
    server.script("GET", PLACE, Reply(200, RECORD, headers={"X-RateLimit-Remaining": "0", "Retry-After": "1000"}))
    account.depository.find("abcde-12345")
    with pytest.raises(Away) as away:
        account.depository.find("abcde-12345")
    assert 900 < away.value.delay <= 1000
    assert server.calls("GET", PLACE) == 3


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry-After": "100"}, 99, 100),
        ({}, 59, 60),
        ({"Retry-After": "soon"}, 59, 60),
        ({"Retry-After": "9" * 400}, 3599, 3600),
        ({"X-RateLimit-Reset": "100"}, 99, 100),
    ],
)
def test_a_refusal_for_its_rate_says_how_long_to_wait(
    server: ScriptedServer, account: Account, headers: dict[str, str], least: float, most: float
):
    server.otherwise = Reply(429, {"message": "100 per 1 minute", "status": 429}, headers=headers)
    for _ in range(2):  # the second is not even asked
        with pytest.raises(Away) as away:
            account.depository.publish("abcde-12345")
        assert least <= away.value.delay <= most
    assert len(server.asked) == 1


def test_a_draft_that_was_saved_with_errors_is_refused_with_every_field(server: ScriptedServer, account: Account):
    errors = [
        {"field": "metadata.publisher", "messages": ["Missing publisher."]},
        {"field": "files.enabled", "messages": ["Missing uploaded files. To disable files…"]},
        {"field": "files.default_preview", "messages": ['No file with key "README.md"']},
        {"field": "custom_fields.code:codeRepository", "messages": ["Unknown field."]},
        {"field": "metadata.creators.0", "messages": ["Bad\x1b[31m ORCID."]},
    ]
    server.script("POST", "/api/records", Reply(201, DRAFT | {"errors": errors}))
    server.script("GET", f"{PLACE}/draft", Reply(200, DRAFT))
    with pytest.raises(Invalid) as refused:
        account.depository.draft(METADATA, None, lost=False)
    assert refused.value.faults == ("metadata.publisher: Missing publisher.", "metadata.creators.0: Bad [31m ORCID.")
    assert server.calls("DELETE", f"{PLACE}/draft") == 1
    server.script("POST", "/api/records", Reply(201, DRAFT | {"errors": errors[1:4]}))
    assert account.depository.draft(METADATA, None, lost=False).state is DepositState.DRAFT


def test_a_lost_draft_is_found_on_any_page_and_before_another_is_made(server: ScriptedServer, account: Account):
    server.script("POST", "/api/records", Reply(201, DRAFT))
    made = account.depository.draft(METADATA, None, lost=False)
    carried = json.loads(server.asked[-1].body)["metadata"]["identifiers"]
    others = {"hits": {"hits": [DRAFT | {"metadata": {"identifiers": []}}] * 100}}
    ours = {"hits": {"hits": [DRAFT | {"metadata": {"identifiers": carried}}]}}
    server.script("GET", "/api/user/records", Reply(200, {"hits": {"hits": []}}), Reply(200, others), Reply(200, ours))
    server.script("GET", f"{PLACE}/draft", Reply(200, DRAFT))
    assert account.depository.draft(METADATA, None) == made
    assert server.calls("POST", "/api/records") == 1


def test_a_file_whose_answer_was_lost_is_closed_and_not_sent_again(server: ScriptedServer, account: Account):
    server.script("POST", f"{PLACE}/draft/files", Reply(201, {}))
    server.script("PUT", CONTENT, Reply(dead=True))
    server.script("POST", COMMIT, Reply(dead=True))
    server.script("GET", f"{PLACE}/draft/files/x", Reply(200, WHOLE))
    send(account)
    assert (server.calls("PUT", CONTENT), server.calls("POST", COMMIT)) == (1, 1)


def test_a_file_that_did_not_arrive_is_sent_again(server: ScriptedServer, account: Account):
    server.script("POST", f"{PLACE}/draft/files", Reply(201, {}), Reply(400, {"message": "File with key x already exists."}))
    server.script("PUT", CONTENT, Reply(502), Reply(200, PENDING))
    server.script("POST", COMMIT, Reply(500), Reply(200, WHOLE))
    server.script("GET", f"{PLACE}/draft/files/x", Reply(200, PENDING))
    send(account)
    assert [one.body for one in server.asked if one.method == "PUT"] == [b"abc", b"abc"]


def test_a_closed_file_is_deleted_before_its_name_is_sent_to(server: ScriptedServer, account: Account):
    server.script("POST", f"{PLACE}/draft/files", Reply(400, {"message": "File with key x already exists."}), Reply(201, {}))
    server.script("GET", f"{PLACE}/draft/files/x", Reply(200, WHOLE))
    server.script("DELETE", f"{PLACE}/draft/files/x", Reply(204))
    server.script("PUT", CONTENT, Reply(200, PENDING))
    server.script("POST", COMMIT, Reply(200, WHOLE))
    send(account)
    assert [one.method for one in server.asked] == ["POST", "GET", "DELETE", "POST", "PUT", "POST"]


def test_an_upload_answered_with_errors_is_no_upload(server: ScriptedServer, account: Account):
    server.script("POST", f"{PLACE}/draft/files", Reply(201, {}))
    server.script("PUT", CONTENT, Reply(200, {"errors": [{"field": "x", "messages": ["Not allowed."]}]}))
    with pytest.raises(Temporary, match="Not allowed"):
        send(account)
    assert server.calls("POST", COMMIT) == 0


def test_a_file_that_comes_out_shorter_is_no_file(server: ScriptedServer, account: Account):
    server.script("POST", f"{PLACE}/draft/files", Reply(201, {}))
    server.script("PUT", CONTENT, Reply(200, PENDING))
    server.script("POST", COMMIT, Reply(200, WHOLE | {"size": 2}))
    with pytest.raises(Temporary):
        send(account)


def test_a_reading_that_breaks_off_is_said(server: ScriptedServer, account: Account):
    server.script("GET", f"{PLACE}/files/x/content", Reply(200, body=b"abc" * 100_000, cut=1000))
    stream = account.files.open("abcde-12345", "x")
    with stream, pytest.raises(Temporary):
        stream.read()


def test_an_amendment_whose_answer_was_lost_is_looked_at(server: ScriptedServer, account: Account):
    server.script("GET", PLACE, Reply(200, RECORD))
    server.script("POST", f"{PLACE}/draft", Reply(201, RECORD))
    server.script("PUT", f"{PLACE}/draft", Reply(200, RECORD))
    server.script("POST", f"{PLACE}/draft/actions/publish", Reply(504))
    account.curation.amend("abcde-12345", METADATA)  # its draft is gone: it happened
    server.script("GET", f"{PLACE}/draft", Reply(200, RECORD))
    with pytest.raises(Temporary):
        account.curation.amend("abcde-12345", METADATA)


def test_a_withdrawal_that_only_people_may_do_comes_with_a_letter_for_them(server: ScriptedServer, account: Account):
    server.script("GET", PLACE, Reply(200, RECORD))
    server.script("POST", f"{PLACE}/request-deletion", Reply(403, {"message": "Permission denied."}))
    with pytest.raises(Forbidden) as refused:
        account.curation.withdraw("abcde-12345", "The data are wrong.")
    assert "The data are wrong." in refused.value.remedy
    server.script("POST", f"{PLACE}/request-deletion", Reply(200, {"status": "accepted"}))
    account.curation.withdraw("abcde-12345", "The data are wrong.")
    server.script("GET", PLACE, Reply(410, {"message": "Deleted."}))
    account.curation.withdraw("abcde-12345", "The data are wrong.")
    assert account.depository.find("abcde-12345").state is DepositState.WITHDRAWN
    assert server.calls("POST", f"{PLACE}/request-deletion") == 2


def test_a_series_of_somebody_else_is_not_continued(server: ScriptedServer, account: Account):
    foreign = RECORD | {"parent": {"id": "fghij-12345", "access": {"owned_by": {"user": "9"}}}}
    server.script("GET", "/api/records/fghij-12345/versions/latest", Reply(200, foreign))
    with pytest.raises(Forbidden):
        account.curation.latest("fghij-12345")


def test_a_record_is_shared_with_the_one_user_who_has_the_address(server: ScriptedServer, account: Account):
    grants = f"{PLACE}/access/grants"
    server.script("GET", grants, Reply(200, {"hits": {"hits": []}}))
    server.script("POST", grants, Reply(201, {}))
    server.script("GET", "/api/users", Reply(200, {"hits": {"hits": [{"id": "7", "email": "ada@example.org"}, {"id": "8"}]}}))
    assert account.curation.share("abcde-12345", "Ada@example.org")
    assert json.loads(server.asked[-1].body)["grants"][0]["subject"] == {"type": "user", "id": "7"}
    server.script("GET", grants, Reply(200, {"hits": {"hits": [{"subject": {"id": "7"}}]}}))
    assert account.curation.share("abcde-12345", "ada@example.org")
    assert not account.curation.share("abcde-12345", "bob@example.org")
    assert server.calls("POST", grants) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*DRAFT, "metadata", "identifiers", "errors", "field", "messages", "hits"]), inner, max_size=6
        )
    ),
    max_leaves=30,
)


@given(JSON)
def test_whatever_is_said_to_be_wrong_becomes_short_printable_lines(document: Any):
    faults = Answer(400, {}, json.dumps({"errors": document, "message": document}).encode()).faults()
    assert all(fault.isprintable() and 0 < len(fault) <= 300 for fault in faults)
    assert len(faults) <= 10


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(JSON)
def test_any_json_is_a_deposit_or_an_error_of_ours(document: Any):
    reading = Reading("rdm", "https://rdm.example.org", registered=True)
    deposit: Deposit | None = None
    with suppress(TagstoneError):
        deposit = reading.deposit(DRAFT | (document if isinstance(document, dict) else {}))
    assert deposit is None or deposit.url.startswith("http")
