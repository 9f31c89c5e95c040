"""What happens on the way to a DOI: what is recorded, what is tried again, what is kept when it fails."""

from collections.abc import Callable
from typing import Any

import pytest

from fakes.actors import ADA
from fakes.small_project import commit
from tagstone.actions.submit import cancel, retry
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.domain.runs.run import Outcome, RunStatus
from tagstone.store import logs, publications

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


def whole_log(site: Site, publication: str, source: str) -> bytes:
    row = site.row(publication)
    name = logs.source(source, row.attempt)
    with site.application.sessions.read() as session:
        found = logs.find(session, publication, name)
    assert found is not None
    chunks = []
    for number in range(1, found.last + 1):
        with site.application.storage.open(logs.chunk_key(publication, name, number)) as stream:
            chunks.append(stream.read())
    return b"".join(chunks)


def drafts(site: Site) -> list[str]:
    folder = site.application.home / "depository" / "deposits"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def again(site: Site, publication: str) -> None:
    with site.application.sessions.write() as session:
        retry(session, site.queue, 3.0, publication, ADA)


def ask_to_stop(site: Site, publication: str) -> None:
    with site.application.sessions.write() as session:
        cancel(session, site.queue, 3.0, publication, ADA)


def test_a_publication_ends_published_with_everything_recorded(site: Site) -> None:
    publication = site.submit()
    assert site.go(publication) == "go"
    row, facts = site.row(publication), site.facts(publication)
    assert (row.state, row.title, row.version) == (State.PUBLISHED, "Wobble", "1.0.0")
    assert row.doi == facts.deposit.doi
    assert dict(facts.run.spec.env)["TAGSTONE_DOI"] == row.doi
    assert facts.deposit.state is DepositState.PUBLISHED
    assert [file.path for file in facts.outputs] == ["results/table.csv"]
    assert whole_log(site, publication, "run") == site.runner.log


def test_a_rehearsal_ends_with_a_bundle_and_without_an_identifier(site: Site) -> None:
    publication = site.submit(kind=Kind.REHEARSAL)
    assert site.go(publication) == "go"
    row = site.row(publication)
    assert (row.state, row.doi) == (State.REHEARSED, None)
    assert "TAGSTONE_DOI" not in dict(site.facts(publication).run.spec.env)
    assert (site.application.home / row.bundle_key / "ro-crate-metadata.json").exists()
    assert drafts(site) == []


def test_a_run_that_fails_keeps_its_log_and_outputs_and_says_what_to_do(site: Site) -> None:
    site.runner.outcome = Outcome.FAILED
    publication = site.submit()
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert (row.state, row.error_kind) == (State.FAILED, "failed")
    assert "exit code 1" in row.error
    assert publication in row.remedy
    assert whole_log(site, publication, "run") == site.runner.log
    assert [file.path for file in site.facts(publication).outputs] == ["results/table.csv"]


@pytest.mark.parametrize(
    ("outcome", "word"),
    [(Outcome.OUT_OF_MEMORY, "memory"), (Outcome.TIME_LIMIT, "time"), (Outcome.DISK_LIMIT, "disk"), (Outcome.IMAGE, "command")],
)
def test_ends_of_a_run_are_told_apart_and_not_tried_again(site: Site, outcome: Outcome, word: str) -> None:
    site.runner.outcome = outcome
    publication = site.submit()
    assert site.go(publication) == "stop"
    assert word in site.row(publication).remedy
    assert site.row(publication).error_kind == outcome
    assert site.runner.begun == 1


def test_engine_trouble_is_tried_again_by_itself(site: Site) -> None:
    site.runner.outcome = Outcome.ENGINE
    publication = site.submit()
    assert site.go(publication) == "retry"
    site.runner.outcome = Outcome.SUCCEEDED
    assert site.go(publication) == "go"
    assert site.row(publication).state == State.PUBLISHED


def test_what_was_taken_away_is_begun_again_and_counts_as_no_try(site: Site) -> None:
    site.runner.outcome = Outcome.DISRUPTED
    publication = site.submit()
    assert site.go(publication) == "wait"
    assert "The run was interrupted" in site.row(publication).waiting
    last = site.application.durations.attempts + 10
    assert site.perform(publication, Step.RUN, failures=last) == "wait"
    site.runner.outcome = Outcome.SUCCEEDED
    assert site.go(publication) == "go"
    assert site.row(publication).state == State.PUBLISHED
    assert site.runner.begun == 3


@pytest.mark.parametrize(
    ("outcome", "word"),
    [(Outcome.UNSCHEDULABLE, "check --cluster"), (Outcome.REFUSED, "doctor --cluster"), (Outcome.HARDWARE, "Ask for less")],
)
def test_what_a_cluster_refuses_is_not_tried_again(site: Site, outcome: Outcome, word: str) -> None:
    site.runner.outcome = outcome
    publication = site.submit()
    assert site.go(publication) == "stop"
    assert word in site.row(publication).remedy
    assert (site.row(publication).error_kind, site.runner.begun) == (outcome, 1)


def test_what_a_run_waits_for_is_told_until_it_begins(site: Site) -> None:
    said: list[str | None] = []
    observe: Callable[[str], RunStatus] = site.runner.observe
    site.runner.waits, site.runner.looks = "It waits for a node.", 4

    def look(key: str) -> RunStatus:
        said.append(site.row(publication).waiting)
        return observe(key)

    publication = site.submit()
    site.go(publication, until=Step.RUN)
    site.runner.__dict__["observe"] = look
    assert site.go(publication) == "go"
    assert said == [None, "It waits for a node.", "It waits for a node.", "It waits for a node.", None]


def test_trouble_that_does_not_pass_ends_as_a_failure(site: Site) -> None:
    site.runner.outcome = Outcome.ENGINE
    publication = site.submit()
    site.go(publication, until=Step.RUN)
    last = site.application.durations.attempts - 1
    assert site.perform(publication, Step.RUN, failures=last) == "stop"
    assert site.row(publication).state == State.FAILED
    assert "retry" in site.row(publication).remedy


def test_a_start_whose_answer_was_lost_is_adopted_not_doubled(site: Site) -> None:
    site.runner.lose["start"] = 1
    publication = site.submit()
    assert site.go(publication) == "retry"
    assert site.go(publication) == "go"
    assert site.runner.begun == 1


def test_a_build_that_fails_is_told_with_its_last_line(site: Site) -> None:
    site.builder.fail("E: Unable to locate package nonsense")
    publication = site.submit()
    assert site.go(publication) == "stop"
    assert "nonsense" in site.row(publication).error
    assert b"nonsense" in whole_log(site, publication, "build")


def test_a_build_whose_process_is_lost_is_begun_again(site: Site) -> None:
    site.builder.lose()
    publication = site.submit()
    assert site.go(publication) == "retry"
    assert site.go(publication) == "go"


def test_a_tag_that_changed_only_code_touches_no_builder(site: Site) -> None:
    assert site.go(site.submit()) == "go"
    begun = site.builder.calls["start"]
    (site.repository / "analysis.py").write_text("print('other')\n")
    commit(site.repository, "v1.1.0")
    second = site.submit("v1.1.0")
    assert site.go(second) == "go"
    assert site.builder.calls["start"] == begun
    assert not site.facts(second).image.built


def test_a_second_tag_is_a_version_of_the_same_series(site: Site) -> None:
    first = site.submit()
    site.go(first)
    commit(site.repository, "v1.1.0")
    second = site.submit("v1.1.0")
    site.go(second)
    assert site.row(first).concept_doi == site.row(second).concept_doi
    assert site.row(first).doi != site.row(second).doi


def test_a_later_tag_waits_until_the_earlier_one_is_released(site: Site) -> None:
    first = site.submit()
    site.go(first, until=Step.RUN)
    commit(site.repository, "v1.1.0")
    second = site.submit("v1.1.0")
    assert site.go(second) == "wait"
    assert site.row(second).waiting == "waits for v1.0.0"
    assert site.go(first) == "go"
    assert site.go(second) == "go"


def test_the_draft_of_a_failed_publication_gives_way_to_the_next(site: Site) -> None:
    site.runner.outcome = Outcome.FAILED
    first = site.submit()
    site.go(first)
    site.runner.outcome = Outcome.SUCCEEDED
    commit(site.repository, "v1.1.0")
    second = site.submit("v1.1.0")
    assert site.go(second) == "go"
    assert len(drafts(site)) == 1
    again(site, first)
    assert site.go(first) == "go"
    assert site.row(first).concept_doi == site.row(second).concept_doi


def test_a_release_whose_answer_was_lost_counts_when_the_next_tag_comes(site: Site) -> None:
    first = site.submit()
    site.go(first, until=Step.RELEASE)
    deposit = site.facts(first).deposit
    site.application.depository.publish(deposit.id)
    with site.application.sessions.write() as session:
        publications.get(session, first).state = State.FAILED
    commit(site.repository, "v1.1.0")
    second = site.submit("v1.1.0")
    assert site.go(second) == "go"
    assert site.row(second).concept_doi == site.row(first).concept_doi
    again(site, first)
    assert site.go(first) == "go"


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
def test_what_has_ended_stays_as_it_is_when_its_last_step_is_found_again(site: Site, outcome: Outcome) -> None:
    site.runner.outcome = outcome
    publication = site.submit()
    site.go(publication)
    before = site.row(publication)
    last = Step.CONFIRM if outcome is Outcome.SUCCEEDED else Step.RUN
    assert site.perform(publication, last) == "stop"
    after = site.row(publication)
    assert (after.state, after.doi, len(drafts(site))) == (before.state, before.doi, 1)


def test_trouble_while_tidying_up_does_not_undo_a_publication(site: Site) -> None:
    def broken(_key: str) -> None:
        raise ZeroDivisionError("oops")

    site.runner.remove = broken
    publication = site.submit()
    site.go(publication)
    assert site.row(publication).state == State.PUBLISHED


def test_a_retried_publication_keeps_its_identifier_and_its_earlier_log(site: Site) -> None:
    site.runner.outcome = Outcome.FAILED
    publication = site.submit()
    site.go(publication)
    reserved, earlier = site.row(publication).doi, logs.source("run", 1)
    site.runner.outcome = Outcome.SUCCEEDED
    again(site, publication)
    assert site.go(publication) == "go"
    assert site.row(publication).doi == reserved
    with site.application.sessions.read() as session:
        assert logs.find(session, publication, earlier) is not None


def test_a_cancelled_publication_stops_and_gives_its_draft_back(site: Site) -> None:
    publication = site.submit()
    site.go(publication, until=Step.RUN)
    assert len(drafts(site)) == 1
    ask_to_stop(site, publication)
    assert site.perform(publication, Step.RUN) == "stop"
    assert site.row(publication).state == State.CANCELLED
    assert drafts(site) == []


def test_a_cancelled_publication_can_be_taken_up_again(site: Site) -> None:
    publication = site.submit()
    site.go(publication, until=Step.RUN)
    ask_to_stop(site, publication)
    site.perform(publication, Step.RUN)
    again(site, publication)
    assert site.go(publication) == "go"
    assert site.row(publication).state == State.PUBLISHED


def test_a_tag_that_moved_hands_draft_and_identifier_to_the_new_commit(site: Site) -> None:
    first = site.submit()
    site.go(first, until=Step.RUN)
    reserved = site.row(first).doi
    (site.repository / "analysis.py").write_text("print('mended')\n")
    commit(site.repository, "v1.0.0")
    second = site.submit(supersede=True)
    assert site.perform(first, Step.RUN) == "stop"
    assert site.row(first).state == State.SUPERSEDED
    assert site.go(second) == "go"
    assert site.row(second).doi == reserved
    assert len(drafts(site)) == 1


def test_a_tag_that_moved_twice_still_has_its_identifier(site: Site) -> None:
    first = site.submit()
    site.go(first, until=Step.RUN)
    reserved = site.row(first).doi
    for text in ("mended", "mended again"):
        (site.repository / "analysis.py").write_text(f"print('{text}')\n")
        commit(site.repository, "v1.0.0")
        last = site.submit(supersede=True)
    assert site.go(last) == "go"
    assert site.row(last).doi == reserved
    assert len(drafts(site)) == 1


def test_a_manifest_that_is_wrong_fails_at_once_with_every_fault(site: Site) -> None:
    (site.repository / "tagstone.yml").write_text("enviroment: {base: debian}\nrun: {command: [x]}\noutputs: [a]\n")
    commit(site.repository, "v2.0.0")
    publication = site.submit("v2.0.0")
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert row.state == State.FAILED
    assert "enviroment" in row.error
    assert drafts(site) == []


def test_a_fault_of_our_own_ends_as_a_failure_that_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    site.runner.collect = broken
    publication = site.submit()
    assert site.go(publication) == "stop"
    assert "Tagstone itself broke" in site.row(publication).error
