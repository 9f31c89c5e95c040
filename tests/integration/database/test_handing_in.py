"""A CI job's question that arrives many times at the same moment has one effect."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fakes.installation import Installation
from fakes.job import Pipelines
from tagstone.actions.submit import Submitted
from tagstone.actions.take_in import HandedIn
from tagstone.errors import Temporary
from tagstone.store.session import Sessions


def asked_at_once(pipelines: Pipelines, times: int = 8) -> list[Submitted]:
    """What is answered to those that were not asked to come again."""
    intake, claims, handed = pipelines.intake, pipelines.claims(), HandedIn(pipelines.push())

    def ask(_: int) -> Submitted | None:
        try:
            return intake.take_in("gitlab", claims, handed)
        except Temporary:
            return None

    with ThreadPoolExecutor(times) as pool:
        return [answer for answer in pool.map(ask, range(times)) if answer is not None]


def assert_one_effect(pipelines: Pipelines) -> None:
    answers = asked_at_once(pipelines)
    assert sum(answer.new for answer in answers) == 1
    assert len({answer.publication for answer in answers}) == 1
    assert len(pipelines.rows()) == len(pipelines.queue.queued) == 1


@pytest.mark.attack("tokens of jobs")
def test_on_sqlite_the_first_is_taken_and_all_are_answered_the_same(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    pipelines = Pipelines(installation)
    pipelines.register()
    assert_one_effect(pipelines)
    installation.close()


@pytest.mark.attack("tokens of jobs")
@pytest.mark.postgres
def test_on_postgresql_the_first_is_taken_and_the_others_may_have_to_come_again(tmp_path: Path, engine: Engine) -> None:
    installation = Installation(tmp_path)
    installation.close()
    installation.sessions = Sessions(engine)
    pipelines = Pipelines(installation)
    pipelines.register()
    assert_one_effect(pipelines)
