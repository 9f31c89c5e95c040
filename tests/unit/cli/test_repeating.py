"""check --twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.builder import FakeBuilder
from fakes.registry import FakeRegistry
from fakes.runner import FakeRunner
from fakes.small_project import CITATION, MANIFEST, put_base
from tagstone.domain.runs.run import RunSpec


class Drifting(FakeRunner):
    """A runner whose every run leaves a number that is a little larger."""

    drift = 0.0

    def start(self, key: str, spec: RunSpec) -> None:
        self.outputs = {"results/fit.csv": f"{1.5 + self.begun * self.drift!r}\n".encode()}
        super().start(key, spec)


@pytest.fixture
def project(git: Callable[..., str], tmp_path: Path) -> Path:
    folder = tmp_path / "wobble"
    for name, text in (("tagstone.yml", MANIFEST), ("CITATION.cff", CITATION), ("LICENSE", "MIT License\n")):
        (folder / name).write_text(text)
    git("add", "--all")
    git("commit", "--quiet", "--message=Publish it")
    return folder


@pytest.fixture
def runner(tagstone, tmp_path: Path) -> Drifting:
    registry, runner = FakeRegistry(), Drifting(tmp_path / "runs", tagstone.installation.storage, looks=0)
    put_base(registry)
    engines = {"registry": registry, "runner": runner, "builder": FakeBuilder(tmp_path / "builds"), "upstream": None}
    tagstone.application.__dict__.update(engines | {"depository": None, "downloads": None})
    return runner


def test_an_analysis_that_repeats_itself_ends_with_0(tagstone, project, runner):
    done = tagstone("check", str(project), "--twice")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "identical: both runs left the same 1 outputs"
    assert "run 2 of 2; what it says:\nrunning\nstill running\ndone\n" in done.stderr


def test_one_that_does_not_ends_with_10_and_says_what_to_declare(tagstone, project, runner):
    runner.drift = 1e-12
    done = tagstone("check", str(project), "--twice")
    assert done.exit_code == 10, done.output
    assert '{path: "results/fit.csv", compare: numbers, rtol: 1e-11}' in done.stdout
    assert runner.begun == 2


def test_programs_are_told_too(tagstone, project, runner):
    answer = tagstone.json("check", str(project), "--twice")
    assert answer["ok"]
    assert answer["twice"] == {"result": "identical", "same": ["results/fit.csv"], "changes": [], "advice": []}


def test_what_has_faults_is_not_run(tagstone, project, runner):
    (project / "CITATION.cff").write_text("title: nothing else\n")
    assert tagstone("check", str(project), "--twice").exit_code == 3
    assert runner.begun == 0


def test_it_changes_nothing_and_judges_no_file_alone(tagstone, project):
    assert tagstone("check", str(project), "--twice", "--fix").exit_code == 2
    assert tagstone("check", "--twice", "--citation", "CITATION.cff").exit_code == 2
