"""Handing in at a service that loses answers, is away, refuses, or says anything."""

import json
from collections.abc import Iterator
from itertools import repeat

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.clock import FakeClock
from fakes.scripted_server import Reply
from fakes.tagstone_service import ID, IMAGE, PUBLISHED, ScriptedService, problem, scripted_service, standing
from tagstone.actions.hand_in import Patience, follow, hand_in
from tagstone.adapters.publication_service import PublicationService
from tagstone.domain.publications.outside_view import OutsideView
from tagstone.domain.publications.publication import State
from tagstone.errors import Away, Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

TOKEN = "the-token-of-the-job"
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with scripted_service() as scripted:
        yield scripted


class Job:
    """A job with ten minutes of patience, and what it told."""

    def __init__(self, service: ScriptedService, seconds: float = 600.0) -> None:
        self.client = PublicationService(requests.Session(), service.url, TOKEN, silence=5.0)
        self.clock, self.told = FakeClock(), list[str]()
        self.patience = Patience(self.clock, seconds, self.clock.advance)

    def hand_in(self, image: str | None = DIGEST, manifest: str | None = None) -> OutsideView:
        return hand_in(self.client, self.patience, self.told.append, image, manifest, rehearsal=False)

    def follow(self) -> OutsideView:
        return follow(self.client, self.patience, self.told.append, self.hand_in(), repeat(2.0))


def test_what_is_handed_in_is_image_and_manifest_with_the_jobs_token(service: ScriptedService):
    view = Job(service).hand_in(manifest="{}\n")
    (asked,) = service.server.asked
    assert json.loads(asked.body) == {"image": DIGEST, "manifest": "{}\n", "rehearsal": False}
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert (view.id, view.state, view.address) == (ID, State.QUEUED, f"{service.url}/publications/{ID}")


def test_a_lost_answer_is_asked_for_again(service: ScriptedService):
    service.takes(Reply(dead=True), Reply(202, {"publication": ID}, cut=4))
    assert Job(service).hand_in().id == ID
    assert service.server.calls("POST", "/api/v1/publications") == 3


@pytest.mark.parametrize("status", [429, 502, 503, 504, 500])
def test_trouble_that_may_pass_is_waited_for_as_long_as_the_service_asks(service: ScriptedService, status: int):
    service.takes(problem(status, "Away.", "Wait.", {"Retry-After": "30"}))
    job = Job(service)
    started = job.clock.now()
    assert job.hand_in().id == ID
    assert job.clock.now() - started == (5.0 if status == 500 else 30.0)


def test_a_service_that_stays_away_ends_the_job_when_its_patience_has(service: ScriptedService):
    service.server.script("POST", "/api/v1/publications", problem(503, "Being mended.", "Come back at noon."))
    with pytest.raises(Away, match="Being mended"):
        Job(service, 20.0).hand_in()
    assert service.server.calls("POST", "/api/v1/publications") == 5


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Forbidden), (403, Forbidden), (404, NotFound), (409, Conflict), (422, Invalid), (418, Permanent)]
)
def test_a_refusal_is_told_in_the_services_words_and_not_asked_again(
    service: ScriptedService, status: int, kind: type[TagstoneError]
):
    service.takes(problem(status, "The tag is not\nprotected.", "Protect it."))
    with pytest.raises(kind) as caught:
        Job(service).hand_in()
    assert (caught.value.message, caught.value.remedy) == ("The tag is not protected.", "Protect it.")
    assert service.server.calls("POST", "/api/v1/publications") == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(202, [1, 2]),
        Reply(202, {"publication": ID}),
        Reply(202, {"publication": "../x", "state": "queued"}),
        Reply(202, {"publication": ID, "state": "sleeping"}),
        Reply(202, {"publication": [ID], "state": "queued"}),
        Reply(202, body=b"[" * 100_000),
        Reply(202, body=b"\xff\xfe"),
        Reply(302, {}, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
        Reply(202, endless=True),
    ],
    ids=["list", "no state", "no id", "unknown state", "list as id", "nested without end", "no text", "redirect", "no end"],
)
def test_an_answer_that_is_none_is_an_error_of_ours(service: ScriptedService, reply: Reply):
    service.server.script("POST", "/api/v1/publications", reply)
    with pytest.raises(Permanent):
        Job(service).hand_in()


def test_a_publication_is_followed_to_its_end_and_every_change_told_once(service: ScriptedService):
    away = problem(503, "Being mended.", "Wait.")
    service.stands(
        standing("queued"),
        standing("working", step="build"),
        standing("working", step="build"),
        away,
        away,
        Reply(dead=True),
        standing("working", step="run"),
        standing("published", **PUBLISHED),
    )
    job = Job(service)
    view = job.follow()
    assert (view.state, view.doi, view.record, view.image) == (State.PUBLISHED, PUBLISHED["doi"], PUBLISHED["record"], IMAGE)
    assert job.told[:3] == ["queued", "working, build", "Being mended."]
    assert job.told[-2:] == ["working, run", "published"]
    assert len(job.told) == 6, job.told


def test_what_had_ended_when_it_was_handed_in_is_looked_at_all_the_same(service: ScriptedService):
    said = {"publication": ID, "state": "published", "url": f"{service.url}/publications/{ID}", "new": False}
    service.server.script("POST", "/api/v1/publications", Reply(202, said))
    view = Job(service).follow()
    assert (view.state, view.doi, view.record) == (State.PUBLISHED, PUBLISHED["doi"], PUBLISHED["record"])


def test_patience_ends_and_the_publication_goes_on(service: ScriptedService):
    service.stands(standing("working", step="run"))
    job = Job(service)
    started = job.clock.now()
    assert job.follow().state is State.WORKING
    assert job.clock.now() - started == 600.0


def test_patience_ends_also_while_the_service_is_away(service: ScriptedService):
    service.stands(problem(503, "Being mended.", "Wait."))
    job = Job(service)
    started = job.clock.now()
    assert job.follow().state is State.QUEUED
    assert job.clock.now() - started == 600.0


def test_nobody_watches_a_publication_that_waits_for_a_person(service: ScriptedService):
    service.stands(standing("working", step="review", waiting="waits for approval"))
    job = Job(service)
    view = job.follow()
    assert view.rests
    assert service.server.calls("GET", f"/api/v1/publications/{ID}") == 1


def test_a_refusal_while_looking_is_told(service: ScriptedService):
    service.stands(problem(403, "The token ran out.", "Run the job again."))
    with pytest.raises(Forbidden, match="ran out"):
        Job(service).follow()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tagstone",
        "ftp://example.org",
        "http://example.org",
        "https://me:pw@example.org",
        "https://e.org/?x",
        "https://e.org\n",
    ],
)
def test_a_token_is_sent_to_no_address_that_is_not_plainly_a_service(url: str):
    with pytest.raises(Invalid) as caught:
        PublicationService(requests.Session(), url, TOKEN)
    assert TOKEN not in str(caught.value)


def test_no_error_holds_the_token(service: ScriptedService):
    client = PublicationService(requests.Session(), service.url, TOKEN)
    assert TOKEN not in repr(client.__dict__)
    service.takes(Reply(dead=True))
    with pytest.raises(Temporary) as caught:
        client.hand_in(None, None, rehearsal=False)
    assert TOKEN not in repr(caught.value.__dict__)
    assert caught.value.__cause__ is None


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)))
def test_whatever_a_service_says_of_a_publication_is_a_text_on_one_line_or_nothing(service: ScriptedService, value: object):
    names = ("step", "waiting", "error", "remedy", "doi", "concept_doi", "record", "image")
    service.stands(standing("failed", **dict.fromkeys(names, value)))
    view = Job(service).client.look(ID)
    for name in names:
        said = getattr(view, name)
        assert said is None or (isinstance(said, str) and said == " ".join(said.split()) != "")
