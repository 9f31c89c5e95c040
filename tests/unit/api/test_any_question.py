"""Whatever is asked of the API, it answers as its description says, and never that it broke itself."""

import json
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

import openapi_reference
from tagstone.domain.people.viewer import Role

World = Any  # the fixture's class lives in conftest.py, which cannot be imported
DESCRIPTION = Path(__file__).resolve().parents[3] / "docs" / "reference" / "openapi.json"
OPERATIONS = [
    (method.upper(), path)
    for path, methods in json.loads(DESCRIPTION.read_text(encoding="utf-8"))["paths"].items()
    for method in methods
]


@pytest.mark.attack("API")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_asked_is_answered_as_described(world: World, method: str, path: str):
    for state in ("working", "failed", "published"):
        world.publication(18, state=state)
    world.jobs["job"] = world.pipelines.claims()
    askers = [None, "job", world.token(world.person("ada", role=Role.ADMIN))]
    operation = schemathesis.openapi.from_asgi("/openapi.json", world.app())[path][method]

    @hypothesis.settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(), token=st.sampled_from(askers))
    def ask(case: Any, token: str | None) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {token}"} if token else {})
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, checks=[response_schema_conformance, status_code_conformance, content_type_conformance])

    ask()


def test_the_description_that_is_kept_is_the_one_of_the_code():
    assert DESCRIPTION.read_text(encoding="utf-8") == openapi_reference.described(), "make reference"
