"""A tagged repository whose pipeline is run for real, against a scripted service."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.small_project import commit, make_repository
from fakes.tagstone_service import ScriptedService, scripted_service
from servers.gitlab_ci_local.pipeline import Pipeline

IMAGE = "registry.example.org/tagstone/ci@sha256:" + "0" * 64


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with scripted_service() as scripted:
        yield scripted


@pytest.fixture
def pipeline(tmp_path: Path, service: ScriptedService) -> Pipeline:
    """The whole template, included by a sound project; nothing is built here, since building has tests of its own."""
    project = tmp_path / "wobble"
    make_repository(project)
    variables = {"TAGSTONE_ID_TOKEN": "eyJ.identity.token", "TAGSTONE_HOME": str(tmp_path / "home")}
    inputs: dict[str, object] = {"service": service.url, "image": IMAGE, "builder": "service", "patience": 60}
    made = Pipeline(project, tmp_path / "ci", variables=variables, path=str(Path(sys.executable).parent), inputs=inputs)
    made.include("tagstone.yml", inputs)
    commit(project, "v1.0.0")
    return made
