"""What every Runner does: the fake, Podman, Docker Engine, Kubernetes."""

from dataclasses import replace

import pytest

from rigs.runs import Analysis, Rig
from tagstone.domain.runs.run import Outcome, OutputRules
from tagstone.errors import Conflict, Invalid, NotFound


def test_a_run_that_ends_well_leaves_log_and_outputs(rig: Rig) -> None:
    key = rig.start(Analysis(writes={"results/a.csv": "1,2\n", "results/b.png": "png", "other": "x"}, says="one\ntwo"))
    status = rig.until_ended(key)
    assert (status.outcome, status.exit_code) == (Outcome.SUCCEEDED, 0)
    assert rig.whole_log(key) == b"one\ntwo"
    outputs = rig.runner.collect(key, OutputRules(("results/*.csv", "code.txt")))
    assert [(file.path, file.size) for file in outputs] == [("code.txt", 5), ("results/a.csv", 4)]
    with rig.storage.open(outputs[1].storage_key) as stream:
        assert stream.read() == b"1,2\n"


def test_a_run_that_fails_says_its_exit_code_and_keeps_what_it_left(rig: Rig) -> None:
    key = rig.start(Analysis(writes={"partial.csv": "1"}, says="no!", exit_code=3))
    status = rig.until_ended(key)
    assert (status.outcome, status.exit_code) == (Outcome.FAILED, 3)
    assert rig.whole_log(key) == b"no!"
    assert [file.path for file in rig.runner.collect(key, OutputRules(("*.csv",)))] == ["partial.csv"]


def test_a_run_that_was_ended_is_stopped_and_its_log_stays(rig: Rig) -> None:
    key = rig.start(Analysis(says="waiting\n", endless=True))
    status = rig.until_said(key)
    assert status.running
    with pytest.raises(Conflict, match="not ended"):
        rig.runner.collect(key, OutputRules(("*",)))
    rig.runner.stop(key)
    rig.runner.stop(key)
    assert rig.until_ended(key).outcome is Outcome.STOPPED
    assert rig.whole_log(key) == b"waiting\n"


def test_another_runner_adopts_what_the_first_began(rig: Rig) -> None:
    analysis = Analysis(writes={"out.txt": "x"}, says="before\n", endless=True)
    key = rig.start(analysis)
    rig.until_said(key)
    before = rig.whole_log(key)
    rig.runner = rig.make()
    rig.start(replace(analysis, says="again"), key)
    rig.runner.stop(key)
    assert rig.until_ended(key).outcome is Outcome.STOPPED
    assert rig.whole_log(key) == b"before\n"
    assert before == b"before\n"


def test_starting_what_has_ended_runs_nothing(rig: Rig) -> None:
    key = rig.start(Analysis(says="once"))
    ended = rig.until_ended(key)
    rig.start(Analysis(says="twice"), key)
    assert rig.until_ended(key) == ended
    assert rig.whole_log(key) == b"once"


def test_a_pattern_that_matches_nothing_is_invalid(rig: Rig) -> None:
    key = rig.start(Analysis(writes={"results/table.csv": "x"}))
    rig.until_ended(key)
    with pytest.raises(Invalid, match=r"matches the output pattern 'results/\*\.png'.*'results/table\.csv'"):
        rig.runner.collect(key, OutputRules(("results/*.png",)))


def test_what_was_never_started_is_not_found_and_nothing_to_remove(rig: Rig) -> None:
    rig.runner.stop("p-nothing")
    rig.runner.remove("p-nothing")
    with pytest.raises(NotFound):
        rig.runner.observe("p-nothing")
    with pytest.raises(NotFound):
        rig.runner.logs("p-nothing", "")


def test_what_was_removed_can_be_started_afresh(rig: Rig) -> None:
    key = rig.start(Analysis(writes={"left.txt": "x"}, says="begun\n", endless=True))
    rig.until_said(key)
    rig.runner.remove(key)
    rig.runner.remove(key)
    with pytest.raises(NotFound):
        rig.runner.observe(key)
    rig.start(Analysis(says="afresh"), key)
    assert rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert rig.whole_log(key) == b"afresh"
    with pytest.raises(Invalid):
        rig.runner.collect(key, OutputRules(("left.txt",)))
