"""What engines keep apart: no root, no capabilities, no network, a read-only image, nothing of ours inside."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rigs.runs import Rig
from tagstone.domain.runs.run import Outcome


@pytest.fixture
def listening() -> Iterator[int]:
    """The port of a server on this machine's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_run_is_nobody_and_may_nothing(real: Rig) -> None:
    _, said = real.shell("id -u; cat /proc/self/status; cat /proc/self/limits")
    lines = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert said.splitlines()[0] != "0"
    assert {int(lines[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {0}
    assert lines["NoNewPrivs"] == "1"
    assert lines["Seccomp"] == "2"
    assert [line.split()[4] for line in said.splitlines() if line.startswith("Max core")] == ["0"]


def test_the_image_is_read_only_and_the_workspace_is_not(real: Rig) -> None:
    _, said = real.shell(
        "for place in / /bin /etc /dev; do touch $place/x 2>/dev/null && echo wrote $place; done;"
        "for place in . $HOME $TMPDIR /tmp /var/tmp; do touch $place/x && echo wrote $place; done; pwd; cat code.txt"
    )
    places = [".", "/workspace/.home", "/workspace/.tmp", "/tmp", "/var/tmp"]
    assert said.splitlines() == [*(f"wrote {place}" for place in places), "/workspace", "code"]


def test_no_network_unless_asked_for(real: Rig, listening: int) -> None:
    _, said = real.shell(f"nc -w 2 127.0.0.1 {listening} </dev/null && echo reached; cat /proc/net/dev")
    assert "reached" not in said
    assert {"eth0", "lo"} & {line.split(":")[0].strip() for line in said.splitlines()} == {"lo"}


@pytest.mark.engines
def test_a_network_that_was_asked_for_leads_out_but_not_to_this_machine_s_loopback(podman_rig: Rig, listening: int) -> None:
    key, rig = podman_rig.key(), podman_rig
    script = f"nc -w 2 127.0.0.1 {listening} </dev/null && echo reached; cat /proc/net/dev"
    rig.runner.start(key, replace(rig.spec(script), network=True))
    rig.until_ended(key)
    said = rig.whole_log(key).decode()
    assert "reached" not in said
    assert "eth0" in said


def test_the_environment_holds_what_was_asked_for_and_nothing_of_ours(real: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTONE_SECRET", "hush")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush@127.0.0.1:9")
    _, said = real.shell("env")
    names = {line.partition("=")[0] for line in said.splitlines()}
    assert "hush" not in said
    assert {"GREETING", "HOME", "TMPDIR", "PATH"} <= names
    assert names <= {"GREETING", "HOME", "TMPDIR", "PATH", "HOSTNAME", "TERM", "container", "PWD", "SHLVL"}


def test_devices_and_mounts_are_refused(real: Rig) -> None:
    status, said = real.shell("mknod disk b 8 0; mount -t tmpfs none /tmp; echo done")
    assert status.outcome is Outcome.SUCCEEDED
    assert said.count("ermitted") + said.count("denied") == 2


def test_other_processes_are_not_seen(real: Rig) -> None:
    _, said = real.shell("ps")
    assert len(said.splitlines()) <= 4
