"""What hooks deliver is verified, written down once with its work queued, and then answered; all else changes nothing."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text
from starlette.testclient import TestClient

from fakes.installation import NOW
from tagstone.domain.forges.delivery import MAX_BYTES, Delivered, Happening
from tagstone.domain.forges.registration import Standing
from tagstone.store import deliveries
from tagstone.store.tables import Registration
from tagstone_webhooks.app import create_app
from tagstone_webhooks.receive import Receiver
from unit.forges.conftest import SECRET, SHA, Receiving, asked, pushed

JSON = {"content-type": "application/json"}


def nothing_happened(receiving: Receiving) -> bool:
    return receiving.deliveries() == [] and receiving.queue.deliveries == []


def test_a_pushed_tag_is_written_down_and_its_work_is_queued(receiving: Receiving):
    answer = receiving.send(pushed())
    assert (answer.status_code, answer.json()) == (202, {"delivery": 1, "new": True})
    (row,) = receiving.deliveries()
    assert (row.hook_id, row.key, row.ref, row.state, row.received_at) == ("mine", "one", "v1.0.0", "received", NOW)
    assert deliveries.told(row) == Delivered(Happening.TAG, 17, "v1.0.0", SHA, protected=True)
    assert receiving.queue.deliveries == [(1, 1)]


@pytest.mark.attack("deliveries")
def test_the_same_delivery_is_answered_again_and_has_no_second_effect(receiving: Receiving):
    receiving.send(pushed())
    answer = receiving.send(pushed())
    assert (answer.status_code, answer.json()) == (202, {"delivery": 1, "new": False})
    assert len(receiving.deliveries()) == 1
    assert receiving.queue.deliveries == [(1, 1)]


def test_an_id_is_the_hooks_own(receiving: Receiving):
    receiving.send(pushed(project=18), hook="all")
    assert receiving.send(pushed()).json()["new"] is True
    assert len(receiving.deliveries()) == 2


def test_a_forge_that_sends_no_id_is_known_by_what_it_says(receiving: Receiving):
    token: dict[str, Any] = {"webhook_id": "", "webhook_signature": "", "x_gitlab_token": SECRET}
    assert receiving.send(pushed(), hook="tokened", **token).json()["new"] is True
    assert receiving.send(pushed(), hook="tokened", **token).json()["new"] is False
    assert receiving.send(pushed("v2.0.0"), hook="tokened", **token).json()["new"] is True


def test_older_forges_call_the_id_idempotency_key(receiving: Receiving):
    token: dict[str, Any] = {"webhook_id": "", "webhook_signature": "", "x_gitlab_token": SECRET, "idempotency_key": "k1"}
    receiving.send(pushed(), hook="tokened", **token)
    assert [row.key for row in receiving.deliveries()] == ["k1"]


UNVERIFIED: dict[str, tuple[str, dict[str, Any]]] = {
    "no signature and no token": ("mine", {"webhook_signature": ""}),
    "a signature of something else": ("mine", {"webhook_signature": "v1,AAAA"}),
    "a signature that is no text of one": ("mine", {"webhook_signature": "v1"}),
    "a signature of another version": ("mine", {"webhook_signature": "v2,AAAA"}),
    "a signature of an hour ago": ("mine", {"age": 3600}),
    "a signature of tomorrow": ("mine", {"age": -86_400}),
    "another time than was signed": ("mine", {"webhook_timestamp": "1772400000"}),
    "a time that is none": ("mine", {"webhook_timestamp": "now"}),
    "another id than was signed": ("mine", {"webhook_id": "two"}),
    "a token where a signature is expected": ("mine", {"webhook_signature": "", "x_gitlab_token": SECRET}),
    "a wrong token": ("tokened", {"webhook_signature": "", "x_gitlab_token": "guessed"}),
    "a signature where a token is expected": ("tokened", {}),
    "a wrong signature beside a right token": ("moving", {"webhook_signature": "v1,AAAA", "x_gitlab_token": SECRET}),
    "a hook that has no secret": ("bare", {}),
    "a hook that has no secret, and an empty token": ("bare", {"webhook_signature": "", "x_gitlab_token": " "}),
}


@pytest.mark.attack("signatures")
@pytest.mark.parametrize("case", UNVERIFIED)
def test_what_does_not_come_from_who_knows_the_secret_changes_nothing(
    receiving: Receiving, case: str, record_property: Callable[[str, object], None]
):
    hook, change = UNVERIFIED[case]
    answer = receiving.send(pushed(), hook=hook, **change)
    assert answer.status_code == 401
    record_property("said", f"401 {answer.json()['title']}")
    assert SECRET not in answer.text
    assert nothing_happened(receiving)


@pytest.mark.parametrize("change", [{"webhook_signature": "", "x_gitlab_token": SECRET}, {}])
def test_a_hook_on_its_way_from_token_to_signature_may_use_either(receiving: Receiving, change: dict[str, Any]):
    assert receiving.send(pushed(), hook="moving", **change).status_code == 202


@pytest.mark.attack("signatures")
def test_a_hook_that_is_not_there_is_not_found(receiving: Receiving):
    assert receiving.send(pushed(), hook="unknown").status_code == 404
    assert nothing_happened(receiving)


@pytest.mark.attack("signatures")
def test_a_projects_hook_speaks_for_no_other_project(receiving: Receiving):
    answer = receiving.send(pushed(project=18))
    assert answer.status_code == 401
    assert "does not speak for that project" in answer.json()["title"]
    assert nothing_happened(receiving)


def test_the_whole_forges_hook_speaks_for_those_that_are_registered(receiving: Receiving):
    assert receiving.send(pushed(project=18), hook="all").status_code == 202
    assert receiving.send(pushed(project=19), hook="all", key="two").status_code == 204
    assert len(receiving.deliveries()) == 1


@pytest.mark.parametrize("standing", [Standing.ASKED, Standing.REFUSED, Standing.ENDED])
def test_of_a_project_that_is_not_granted_nothing_is_taken(receiving: Receiving, standing: Standing):
    with receiving.installation.sessions.write() as session:
        session.query(Registration).update({"standing": standing})
    assert receiving.send(pushed()).status_code == 204
    assert nothing_happened(receiving)


def test_events_that_mean_nothing_here_are_told_so(receiving: Receiving):
    assert receiving.send({"object_kind": "issue", "project": {"id": 17}}).status_code == 204
    assert nothing_happened(receiving)


@pytest.mark.attack("deliveries")
def test_a_deleted_tag_is_written_down_and_deletes_nothing_by_itself(receiving: Receiving):
    assert receiving.send(pushed() | {"after": "0" * 40}).status_code == 202
    assert [row.happening for row in receiving.deliveries()] == ["tag deleted"]


MALFORMED: dict[str, tuple[Any, dict[str, Any], int]] = {
    "no JSON": (b"{", {}, 400),
    "no object": ([1], {}, 400),
    "nested too deeply": (b'{"a":' * 40 + b"1" + b"}" * 40, {}, 400),
    "a tag with a line break": (pushed("v1\r\nX-Evil: yes"), {}, 400),
    "a project that is no number": (pushed() | {"project_id": "17 OR 1=1"}, {}, 400),
    "a form": (pushed(), {"content_type": "application/x-www-form-urlencoded"}, 415),
    "no type": (pushed(), {"content_type": ""}, 415),
    "an announced size beyond GitLab's": (pushed(), {"content_length": str(MAX_BYTES + 1)}, 413),
}


@pytest.mark.attack("bodies")
@pytest.mark.parametrize("case", MALFORMED)
def test_what_no_forge_sends_is_refused(receiving: Receiving, case: str, record_property: Callable[[str, object], None]):
    payload, change, status = MALFORMED[case]
    answer = receiving.send(payload, **change)
    assert answer.status_code == status
    record_property("said", f"{status} {answer.json()['title']}")
    assert nothing_happened(receiving)


@pytest.mark.attack("bodies")
def test_a_body_beyond_gitlabs_limit_is_refused_while_it_comes(receiving: Receiving):
    def pieces():
        for _ in range(30):
            yield b" " * 2**20

    answer = receiving.client.post("/hooks/mine", content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_what_is_private_is_not_written_down(receiving: Receiving):
    receiving.send(pushed())
    with receiving.installation.sessions.read() as session:
        body = session.execute(text("SELECT body FROM deliveries")).scalar_one()
    assert "ada@example.org" not in body
    assert "v1.0.0" in body


@pytest.mark.attack("outages")
def test_when_nothing_can_be_written_the_forge_is_told_and_nothing_is_half_made(receiving: Receiving):
    receiving.queue.broken = True
    answer = receiving.send(pushed())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert nothing_happened(receiving)
    receiving.queue.broken = False
    assert receiving.send(pushed()).json() == {"delivery": 1, "new": True}


@pytest.mark.attack("outages")
def test_while_the_database_is_away_the_forge_is_told_so_and_nothing_of_the_inside(receiving: Receiving):
    with receiving.installation.sessions.write() as session:
        session.execute(text("DROP TABLE hooks"))
    answer = receiving.send(pushed())
    assert answer.status_code == 503
    assert "hooks" not in answer.text


@pytest.mark.attack("outages")
def test_what_broke_inside_is_not_told_outside(receiving: Receiving):
    with receiving.installation.sessions.write() as session:
        session.execute(text("DROP TABLE deliveries"))
    answer = receiving.send(pushed())
    assert answer.status_code == 503
    assert "deliveries (" not in answer.text
    assert "sqlite" not in answer.text.lower()


@pytest.mark.attack("deliveries")
def test_one_that_breaks_does_not_take_the_others_with_it(receiving: Receiving):
    receiving.queue.defects = {1, 4}  # the transaction of all, and that of the third alone
    statuses = receiving.send_at_once([pushed(f"v{number}.0.0") for number in range(5)])
    assert sorted(statuses) == [202, 202, 202, 202, 500]
    assert len(receiving.deliveries()) == len(receiving.queue.deliveries) == 4


@pytest.mark.attack("outages")
def test_a_database_that_says_nothing_is_not_waited_for_and_what_waited_is_let_go(receiving: Receiving):
    installation = receiving.installation
    receiver = Receiver(installation.sessions, receiving.queue, receiving.vault, installation.clock, patience=0.2)
    gate = receiving.queue.gate = threading.Event()

    async def deliver() -> list[int]:
        first = asyncio.create_task(receiving.deliver(receiver, "one"))
        await asyncio.sleep(0.1)
        statuses = [await first, *await asyncio.gather(*(receiving.deliver(receiver, key) for key in ("two", "three")))]
        assert receiver._waiting == []
        gate.set()
        return [*statuses, *[await receiving.deliver(receiving.receiver, key) for key in ("two", "one")]]

    assert asyncio.run(deliver()) == [503, 503, 503, 202, 202]
    assert [row.key for row in receiving.deliveries()] == ["one", "two"]
    assert receiving.queue.deliveries == [(1, 1), (2, 1)]


@pytest.mark.attack("bodies")
def test_names_that_no_database_takes_are_written_down_all_the_same(receiving: Receiving):
    body = json.dumps(pushed() | {"user_name": "\ud800", "message": "\u0000"}).encode()
    assert receiving.send(body).status_code == 202


@pytest.mark.attack("bodies")
def test_a_body_that_never_ends_is_not_waited_for(receiving: Receiving):
    async def trickle() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    assert asyncio.run(asked(create_app(receiving.receiver, slowest=0.1), JSON, trickle)) == 408
    assert nothing_happened(receiving)


@pytest.mark.attack("bodies")
def test_a_sender_who_hangs_up_has_delivered_nothing(receiving: Receiving):
    coming: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"object_kind":', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def half() -> dict[str, Any]:
        return coming.pop(0)

    assert asyncio.run(asked(create_app(receiving.receiver), JSON, half)) == 400
    assert nothing_happened(receiving)


@pytest.mark.attack("bodies")
def test_bodies_have_only_so_much_room_together_and_give_it_back(receiving: Receiving):
    app = create_app(receiving.receiver, room=5000)

    async def endless() -> dict[str, Any]:
        return {"type": "http.request", "body": b" " * 2000, "more_body": True}

    async def three() -> list[int]:
        return [await asked(app, JSON, endless) for _ in range(3)]

    assert asyncio.run(three()) == [503, 503, 503]
    with TestClient(app) as receiving.client:
        assert receiving.send(pushed()).status_code == 202


@pytest.mark.attack("deliveries")
def test_two_thousand_at_once_are_written_in_few_transactions_each_once(receiving: Receiving):
    commits: list[object] = []
    event.listen(receiving.installation.sessions.engine, "commit", commits.append)
    statuses = receiving.send_at_once([pushed(f"v1.0.{number}") for number in range(2000)])
    assert statuses == [202] * 2000
    assert len(receiving.deliveries()) == len(receiving.queue.deliveries) == 2000
    assert len(commits) < 200


@pytest.mark.attack("deliveries")
def test_many_at_once_are_all_taken_and_each_once(receiving: Receiving):
    answers: list[Any] = []
    senders = [
        threading.Thread(target=lambda n=number: answers.append(receiving.send(pushed(f"v{n // 2}"), key=f"k{n // 2}")))
        for number in range(40)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert {answer.status_code for answer in answers} == {202}
    assert sum(answer.json()["new"] for answer in answers) == 20
    assert sorted(row.key for row in receiving.deliveries()) == sorted(f"k{number}" for number in range(20))
    assert len(receiving.queue.deliveries) == 20


def test_it_says_that_it_lives(receiving: Receiving):
    assert receiving.client.get("/health").json() == {"status": "ok"}
    assert receiving.client.get("/hooks/mine").status_code == 405
