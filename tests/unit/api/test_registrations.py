"""Registrations for programs: who maintains a project asks, and sees what became of it."""

from typing import Any

import pytest

from tagstone.domain.people.viewer import Role, Scope

World = Any  # the fixture's class lives in conftest.py, which cannot be imported


@pytest.fixture
def asker(world: World) -> str:
    """A token of somebody who maintains project 19."""
    world.pipelines.forges.add(19, "stars/pulsar")
    token: str = world.token(world.person("ada", 5, levels={19: 40}))
    return token


def test_a_maintainer_asks_and_sees_it_in_the_list(world: World, asker: str):
    made = world.post("/registrations", asker, {"project": "stars/pulsar", "tags": ["v*"], "note": "papers"})
    assert made.status_code == 201
    told = made.json()
    registration = told["registration"]
    assert (registration["path"], registration["standing"]) == ("stars/pulsar", "asked")
    assert (told["asked_by"], told["note"]) == ("ada", "papers")
    assert registration["caps"] == {"cpu": None, "memory": None, "disk": None, "time": None, "gpu": None}
    assert world.get("/registrations", asker).json()["registrations"] == [told]


def test_curators_see_all_and_others_nothing_of_it(world: World, asker: str):
    world.post("/registrations", asker, {"project": "19"})
    other = world.token(world.person("bob", 6))
    curator = world.token(world.person("grace", role=Role.CURATOR))
    assert world.get("/registrations", other).json() == {"registrations": []}
    assert world.get("/registrations", curator).json()["registrations"][0]["registration"]["path"] == "stars/pulsar"


def test_what_is_registered_is_not_asked_for_again(world: World):
    token = world.token(world.person("ada", 5, levels={17: 40}))
    assert world.post("/registrations", token, {"project": "17"}).status_code == 409


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"project": "17"}, 404),
        ({"project": ""}, 422),
        ({"project": "19", "builder": "x"}, 422),
        ({"project": "19", "more": 1}, 422),
    ],
)
def test_what_may_not_be_asked_is_refused(world: World, asker: str, document: dict[str, Any], status: int):
    assert world.post("/registrations", asker, document).status_code == status


def test_nobody_jobs_and_tokens_that_only_read_ask_for_nothing(world: World, asker: str):
    world.jobs["job"] = world.pipelines.claims()
    reading = world.token(world.person("eve", 5, levels={19: 40}), frozenset({Scope.READ}))
    asked = {"project": "19"}
    assert [world.post("/registrations", token, asked).status_code for token in (None, "job", reading)] == [401, 401, 403]
    assert world.get("/registrations").status_code == 401
