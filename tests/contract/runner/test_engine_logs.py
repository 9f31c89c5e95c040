"""Logs of real containers."""

import hashlib

import pytest

from rigs.runs import Rig
from tagstone.adapters import engine_logs


def test_both_streams_come_in_order_and_a_last_line_needs_no_newline(real: Rig) -> None:
    _, said = real.shell("echo one; sleep 0.2; echo two >&2; sleep 0.2; printf three")
    assert said == "one\ntwo\nthree"


def test_a_log_is_read_on_from_a_cursor_by_another_runner(real: Rig) -> None:
    key = real.key()
    real.runner.start(key, real.spec("for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.2; done"))
    said, cursor = b"", ""
    while real.runner.observe(key).running:
        real.runner = real.make()
        chunk = real.runner.logs(key, cursor)
        said, cursor = said + chunk.data, chunk.cursor
    said += real.whole_log(key, cursor)
    assert said.decode().splitlines() == [f"line {i}" for i in range(1, 9)]


def test_fifty_megabytes_without_a_newline(real: Rig) -> None:
    key = real.key()
    real.runner.start(key, real.spec("dd if=/dev/zero bs=1M count=50 2>/dev/null | tr '\\0' x", memory=256 * 2**20))
    digest, size, cursor = hashlib.sha256(), 0, ""
    ended = False
    while True:
        chunk = real.runner.logs(key, cursor)
        digest.update(chunk.data)
        size, cursor = size + len(chunk.data), chunk.cursor
        if not chunk.data:
            if ended:
                break
            ended = not real.runner.observe(key).running
    assert size == 50 * 2**20
    assert digest.hexdigest() == hashlib.sha256(b"x" * size).hexdigest()


def test_many_short_lines(real: Rig) -> None:
    _, said = real.shell("seq 1 100000")
    assert said == "".join(f"{number}\n" for number in range(1, 100_001))


def test_what_is_over_the_limit_is_counted_and_told_once(real: Rig) -> None:
    key = real.key()
    real.runner.start(key, real.spec("dd if=/dev/zero bs=1M count=90 2>/dev/null | tr '\\0' x", memory=256 * 2**20))
    real.until_ended(key)
    cursor, total, last = "", 0, b""
    while (chunk := real.runner.logs(key, cursor)).data:
        cursor, total, last = chunk.cursor, total + len(chunk.data), chunk.data
    assert last == f"\n[Tagstone kept {80 * 2**20} bytes of this log; {10 * 2**20} more were left out.]\n".encode()
    assert total == 80 * 2**20 + len(last)
    assert real.runner.logs(key, cursor).data == b""


@pytest.mark.docker
def test_through_the_api_nothing_is_lost_or_doubled(docker_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagstone.adapters.engine_runs.os.access", lambda *_: False)
    monkeypatch.setattr(engine_logs, "API_PIECE", 5000)
    key = docker_rig.key()
    docker_rig.runner.start(key, docker_rig.spec("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; printf end"))
    said, cursor = b"", ""
    while docker_rig.runner.observe(key).running:
        chunk = docker_rig.runner.logs(key, cursor)
        said, cursor = said + chunk.data, chunk.cursor
    said += docker_rig.whole_log(key, cursor)
    assert docker_rig.runner.logs(key, "").cursor.startswith("api:")
    assert said.decode() == "".join(f"{i}\n" for i in range(1, 3001)) + "end"
