"""What programs do by the API is written down with whose token it was."""

from typing import Any

import pytest

from tagstone.domain.people.deed import Deed, Origin
from tagstone.domain.publications.publication import Step
from tagstone.store import audit
from tagstone.store.audit import Wanted

World = Any  # the fixture's class lives in conftest.py, which cannot be imported


@pytest.mark.parametrize(
    ("what", "deed", "state"),
    [("retry", Deed.RETRIED, "failed"), ("cancel", Deed.CANCELLED, "working"), ("approve", Deed.APPROVED, "")],
)
def test_who_did_it_and_that_it_was_a_program(world: World, what: str, deed: Deed, state: str):
    ada = world.person("ada", 5, levels={17: 40})
    made = world.publication(**({"state": state} if state else {"step": "review", "attempt": 1}))
    if what == "approve":
        world.installation.step(made, Step.REVIEW, "waiting")
    token = world.token(ada)
    assert world.post(f"/publications/{made}/{what}", token, {"attempt": 1}).status_code == 200
    with world.installation.sessions.read() as session:
        (row,) = audit.newest(session, Wanted(), 9)
    assert (row.deed, row.actor, row.person, row.origin, row.subject) == (deed, "ada", ada, Origin.API, made)
    assert token not in row.detail


def test_what_is_refused_to_a_program_is_not_told_as_done(world: World):
    reporter = world.token(world.person("rae", 6, levels={17: 20}))
    made = world.publication(state="failed")
    assert world.post(f"/publications/{made}/retry", reporter).status_code == 403
    with world.installation.sessions.read() as session:
        assert audit.total(session, Wanted()) == 0
