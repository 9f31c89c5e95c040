"""A matrix on its way to a DOI: one run for each combination, so many at once, each kept, told, tried again and stopped by itself."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from fakes.actors import ADA
from fakes.small_project import MANIFEST, commit
from tagstone.actions.submit import cancel, retry
from tagstone.domain.publications.publication import State, Step
from tagstone.domain.runs.run import Outcome, RunSpec
from tagstone.store import logs

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported
MATRIX = MANIFEST.replace(
    "run: {command: [python3, analysis.py]}",
    'run: {command: [python3, "{seed}", "{field}"], matrix: {seed: [1, 2], field: [north, south]}, parallel: 2}',
)
FOLDERS = ["1-seed=1-field=north", "2-seed=1-field=south", "3-seed=2-field=north", "4-seed=2-field=south"]


@pytest.fixture
def fan(site: Site) -> Site:
    """A site whose repository asks for four runs, two at once; each leaves its command in a file."""
    (site.repository / "tagstone.yml").write_text(MATRIX)
    commit(site.repository, "v1.0.0")
    site.runner.named = "results/command.txt"
    return site


def begun(site: Site) -> list[str]:
    """The keys of all runs that were really begun, in order."""
    found: list[str] = (site.runner.folder / "begun").read_text().split()
    return found


def again(site: Site, publication: str) -> None:
    with site.application.sessions.write() as session:
        retry(session, site.queue, 3.0, publication, ADA)


def content(site: Site, key: str) -> bytes:
    with site.application.storage.open(key) as stream:
        return bytes(stream.read())


def log_of(site: Site, publication: str, source: str) -> str:
    with site.application.sessions.read() as session:
        found = logs.find(session, publication, source)
    assert found is not None, source
    keys = [logs.chunk_key(publication, source, number) for number in range(1, found.last + 1)]
    return b"".join(content(site, key) for key in keys).decode()


def test_every_combination_is_run_once_and_leaves_a_folder_of_its_own(fan: Site) -> None:
    publication = fan.submit()
    assert fan.go(publication) == "go"
    facts = fan.facts(publication)
    assert fan.row(publication).state == State.PUBLISHED
    assert begun(fan) == [f"{publication}-1-{number}" for number in (1, 2, 3, 4)]
    assert [one.combination.folder for one in facts.matrix] == FOLDERS
    paths = [f"{folder}/results/{name}" for folder in FOLDERS for name in ("command.txt", "table.csv")]
    assert [file.path for file in facts.outputs] == paths
    said = [content(fan, file.storage_key) for file in facts.outputs if file.path.endswith("command.txt")]
    assert said == [b"python3 1 north", b"python3 1 south", b"python3 2 north", b"python3 2 south"]


def test_all_runs_are_one_in_the_rest_of_the_record(fan: Site) -> None:
    publication = fan.submit()
    fan.go(publication)
    run = fan.facts(publication).run
    assert run.spec.command == ("python3", "1", "north")
    assert (run.status.outcome, run.status.started_at, run.status.finished_at) == (Outcome.SUCCEEDED, 1.0, 2.0)
    assert run.status.cpu_seconds == 2.0
    assert content(fan, run.log_key).count(b"=== run ") == 4


def test_never_more_go_on_at_once_than_the_manifest_says(fan: Site) -> None:
    going: Counter[str] = Counter()
    most = 0
    start: Callable[[str, RunSpec], None] = fan.runner.start
    remove: Callable[[str], None] = fan.runner.remove

    def started(key: str, spec: RunSpec) -> None:
        nonlocal most
        going[key] += 1
        most = max(most, going.total())
        start(key, spec)

    def removed(key: str) -> None:
        going.pop(key, None)
        remove(key)

    fan.runner.__dict__.update(start=started, remove=removed)
    assert fan.go(fan.submit()) == "go"
    assert most == 2


def test_a_site_may_let_fewer_go_on_at_once(fan: Site) -> None:
    fan.policy = {"parallel": 1}
    publication = fan.submit()
    assert fan.go(publication) == "stop"
    assert "parallel: 2 runs at once asked for, at most 1 allowed" in fan.row(publication).error


def test_failures_are_told_for_each_and_the_others_are_kept(fan: Site) -> None:
    fan.runner.ends = {"south": Outcome.OUT_OF_MEMORY}
    publication = fan.submit()
    assert fan.go(publication) == "stop"
    row, facts = fan.row(publication), fan.facts(publication)
    assert (row.state, row.error_kind) == (State.FAILED, "out-of-memory")
    assert "2 of 4 runs failed; what the others left is kept." in row.error
    assert "run 2 (seed=1, field=south): The analysis needed more than the 2 GiB of memory" in row.error
    assert "run 4 (seed=2, field=south)" in row.error
    assert "Ask for more in tagstone.yml" in row.error
    assert f"tagstone retry {publication}" in row.remedy
    assert len(facts.outputs) == 8, "what the failed ones left is kept as well"
    assert "=== run 2 (seed=1, field=south): out-of-memory" in log_of(fan, publication, "run-1")


def test_those_alone_that_failed_are_run_again(fan: Site) -> None:
    fan.runner.ends = {"south": Outcome.FAILED}
    publication = fan.submit()
    fan.go(publication)
    fan.runner.ends = {}
    again(fan, publication)
    assert fan.go(publication) == "go"
    assert fan.row(publication).state == State.PUBLISHED
    assert begun(fan)[4:] == [f"{publication}-2-2", f"{publication}-2-4"]
    assert [file.path.split("/")[0] for file in fan.facts(publication).outputs] == [name for name in FOLDERS for _ in (1, 2)]


def test_a_run_without_its_outputs_has_failed_alone(fan: Site) -> None:
    fan.runner.outputs, fan.runner.named = {}, ""
    publication = fan.submit()
    assert fan.go(publication) == "stop"
    assert "run 3 (seed=2, field=north): No file matches the output pattern 'results/*'." in fan.row(publication).error
    fan.runner.outputs = {"results/table.csv": b"1\n"}
    again(fan, publication)
    assert fan.go(publication) == "go"


@pytest.mark.parametrize(("outcome", "answer"), [(Outcome.DISRUPTED, "wait"), (Outcome.ENGINE, "retry")])
def test_what_was_taken_away_is_begun_again_alone(fan: Site, outcome: Outcome, answer: str) -> None:
    fan.runner.ends = {"north": outcome}
    publication = fan.submit()
    assert fan.go(publication) == answer
    assert len(begun(fan)) == 4, "the others came to their end before"
    assert [one.combination.number for one in fan.facts(publication).matrix] == [2, 4]
    fan.runner.ends = {}
    assert fan.go(publication) == "go"
    assert begun(fan)[4:] == [f"{publication}-1-1", f"{publication}-1-3"]


def test_failures_of_an_attempt_are_not_run_twice_in_it(fan: Site) -> None:
    fan.runner.ends = {"north": Outcome.DISRUPTED, "south": Outcome.FAILED}
    publication = fan.submit()
    assert fan.go(publication) == "wait"
    fan.runner.ends = {}
    assert fan.go(publication) == "stop"
    assert "2 of 4 runs failed" in fan.row(publication).error
    assert Counter(begun(fan))[f"{publication}-1-2"] == 1


def test_a_start_whose_answer_was_lost_is_adopted_not_doubled(fan: Site) -> None:
    fan.runner.lose["start"] = 1
    publication = fan.submit()
    assert fan.go(publication) == "retry"
    assert fan.go(publication) == "go"
    assert len(begun(fan)) == 4


@pytest.mark.parametrize("call", ["start", "observe", "collect", "remove"])
def test_trouble_in_the_middle_loses_nothing_that_was_done(fan: Site, call: str) -> None:
    publication = fan.submit()
    fan.go(publication, until=Step.RUN)
    for _ in range(6):
        fan.runner.lose[call] = 1
        fan.perform(publication, Step.RUN)
        fan.runner.lose[call] = 0
    assert fan.persist(publication) == "go"
    assert sorted(begun(fan)) == sorted({f"{publication}-1-{number}" for number in (1, 2, 3, 4)})


def test_all_are_stopped_together(fan: Site) -> None:
    fan.runner.looks = -1
    publication = fan.submit()
    fan.go(publication, until=Step.RUN)
    observe = fan.runner.observe

    def look(key: str) -> Any:
        if fan.runner.begun == 2:
            with fan.application.sessions.write() as session:
                cancel(session, fan.queue, 3.0, publication, ADA)
        return observe(key)

    fan.runner.__dict__["observe"] = look
    assert fan.perform(publication, Step.RUN) == "stop"
    assert fan.row(publication).state == State.CANCELLED
    assert fan.runner.begun == 2
    assert list(fan.runner.folder.glob("*.json")) == [], "nothing of them is left with the runner"


def test_outputs_of_all_runs_count_together(fan: Site) -> None:
    fan.policy = {"output_files": 5}
    publication = fan.submit()
    assert fan.go(publication) == "stop"
    assert (
        "run 3 (seed=2, field=north): There are more than 1 outputs. The other runs left 4 files before."
        in fan.row(publication).error
    )


def test_how_far_it_is_stands_on_the_publication(fan: Site) -> None:
    said: list[str | None] = []
    observe = fan.runner.observe

    def look(key: str) -> Any:
        said.append(fan.row(publication).waiting)
        return observe(key)

    publication = fan.submit()
    fan.go(publication, until=Step.RUN)
    fan.runner.__dict__["observe"] = look
    assert fan.perform(publication, Step.RUN) == "go"
    assert "Of 4 runs 0 have ended, 2 are under way." in said
    assert "Of 4 runs 2 have ended, 2 are under way." in said
