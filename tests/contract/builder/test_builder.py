"""What every builder does."""

import tarfile

import pytest

from tagstone.domain.environments.build import BuildState
from tagstone.errors import Conflict, NotFound

PLAIN = "ENV GREETING=hello\nWORKDIR /work\nRUN mkdir -p /opt && echo made > /opt/environment.json\n"


def names(rig, key):
    with rig.builder.collect(key) as built, tarfile.open(fileobj=built.tar, mode="r|") as tar:
        return {member.name.removeprefix("./").rstrip("/") for member in tar}


def test_a_build_that_was_never_started_is_not_found(rig):
    with pytest.raises(NotFound):
        rig.builder.observe("p1")
    with pytest.raises(NotFound), rig.builder.collect("p1"):
        pass


def test_a_build_ends_with_a_root_and_its_settings(rig):
    rig.succeeded("p1", rig.recipe(PLAIN))
    assert "opt/environment.json" in names(rig, "p1")
    with rig.builder.collect("p1") as built:
        assert built.settings.workdir == "/work"
        assert dict(built.settings.env)["GREETING"] == "hello"


def test_a_root_can_be_collected_again_after_it_was_left_half_read(rig):
    rig.succeeded("p1", rig.recipe(PLAIN))
    with rig.builder.collect("p1") as built:
        built.tar.read(512)
    assert "opt/environment.json" in names(rig, "p1")


def test_a_second_start_adopts_the_first(rig):
    rig.succeeded("p1", rig.recipe(PLAIN))
    log = rig.log("p1")
    rig.start("p1", rig.failing())
    assert rig.builder.observe("p1").state is BuildState.SUCCEEDED
    assert rig.log("p1") == log


def test_another_worker_adopts_what_a_dead_one_began(rig):
    rig.start("p1", rig.recipe(PLAIN))
    rig.builder = rig.again()
    rig.start("p1", rig.recipe(PLAIN))
    assert rig.ended("p1").state is BuildState.SUCCEEDED
    assert "opt/environment.json" in names(rig, "p1")


def test_a_failed_build_says_why_and_gives_no_root(rig):
    rig.start("p1", rig.failing())
    status = rig.ended("p1")
    assert status.state is BuildState.FAILED
    assert status.exit_code
    assert "3" in status.detail
    with pytest.raises(Conflict), rig.builder.collect("p1"):
        pass


def test_a_running_build_gives_no_root_and_can_be_stopped(rig):
    rig.start("p1", rig.slow())
    assert rig.builder.observe("p1").state is BuildState.RUNNING
    with pytest.raises(Conflict), rig.builder.collect("p1"):
        pass
    rig.builder.stop("p1")
    with pytest.raises(NotFound):
        rig.builder.observe("p1")


def test_logs_go_on_where_they_were_left(rig):
    rig.succeeded("p1", rig.recipe(PLAIN))
    whole = rig.builder.logs("p1", "")
    assert whole.data
    again = rig.builder.logs("p1", whole.cursor)
    assert (again.data, again.cursor) == (b"", whole.cursor)


def test_a_stopped_build_can_be_started_anew(rig):
    rig.succeeded("p1", rig.recipe(PLAIN))
    rig.builder.stop("p1")
    rig.succeeded("p1", rig.recipe(PLAIN))


def test_stopping_what_is_not_there_is_no_error(rig):
    rig.builder.stop("p1")
    rig.builder.stop("p1")


def test_two_builds_do_not_meet(rig):
    rig.start("p1", rig.recipe(PLAIN))
    rig.start("p2", rig.recipe(PLAIN))
    assert [rig.ended(key).state for key in ("p1", "p2")] == [BuildState.SUCCEEDED] * 2
    rig.builder.stop("p1")
    assert "opt/environment.json" in names(rig, "p2")
