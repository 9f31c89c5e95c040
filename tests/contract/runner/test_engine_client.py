"""Which engine is found, and what its troubles become."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rigs.runs import Rig, put_image
from servers.dockerd import running_dockerd
from servers.podman import running_podman
from tagstone.adapters.engine_client import Engine, connect, pull
from tagstone.adapters.engine_runs import EngineRuns
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.podman_service import answers
from tagstone.domain.images.oci import ImageReference, ImageSettings
from tagstone.domain.runs.run import Outcome
from tagstone.errors import Invalid, NotFound, Permanent, Temporary
from tagstone.ports import Storage


def test_podman_s_own_service_says_what_it_is(podman: Engine) -> None:
    assert (podman.flavour, podman.rootless, podman.cgroup_driver) == ("podman", False, "cgroupfs")
    assert str(podman).startswith("Podman 4")


def test_an_image_is_pulled_by_digest_from_a_registry_on_this_machine(
    podman: Engine, registry: OciLayout, image: ImageReference
) -> None:
    with registry.pullable(image) as reference:
        assert reference.endswith(image.digest)
        assert pull(podman, reference) == podman.pull(reference)


def test_an_image_that_is_not_there_is_not_found(podman: Engine, registry: OciLayout, image: ImageReference) -> None:
    with registry.pullable(image) as reference, pytest.raises(NotFound, match="could not be pulled"):
        podman.pull(reference.replace(image.digest, f"sha256:{'404' * 21}0"))


def test_a_registry_that_is_away_is_temporary(podman: Engine) -> None:
    with pytest.raises(Temporary, match="could not be pulled"):
        podman.pull(f"127.0.0.1:1/x@sha256:{'404' * 21}0")


def test_a_socket_where_nobody_listens_is_temporary(tmp_path: Path) -> None:
    with pytest.raises(Temporary, match="does not answer"):
        connect(tmp_path, socket=str(tmp_path / "nothing.sock"))


@pytest.mark.parametrize("socket", ["tcp://10.0.0.1:2375", "http://127.0.0.1", "engine.sock", ""])
def test_an_engine_on_another_machine_is_refused(tmp_path: Path, socket: str) -> None:
    with pytest.raises(Invalid, match="no socket of this machine"):
        connect(tmp_path, socket=socket)


def test_an_engine_of_another_flavour_is_refused(podman: Engine, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"is Podman 4.*, not docker"):
        connect(tmp_path, socket=podman.socket, flavour="docker")


def test_a_home_with_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    with running_podman(tmp_path / ("long" * 30)) as engine:
        assert engine.flavour == "podman"


def test_an_image_that_is_missing_ends_the_run_and_is_no_trouble_of_the_engine(podman_rig: Rig) -> None:
    key, rig = podman_rig.key(), podman_rig
    gone = ImageReference(rig.image.name, f"sha256:{'0' * 64}")
    rig.runner.start(key, replace(rig.spec("true"), image=gone))
    status = rig.runner.observe(key)
    assert status.outcome is Outcome.IMAGE
    assert rig.whole_log(key) == b""


def test_a_gpu_that_cannot_be_had_is_permanent(podman_rig: Rig) -> None:
    with pytest.raises(Permanent, match="GPU"):
        podman_rig.runner.start(podman_rig.key(), podman_rig.spec("true", gpu=1))


@pytest.mark.parametrize("workdir", ["/", "/tmp", "/proc/self", "relative", "/etc/"])
def test_a_workspace_cannot_cover_the_system(podman_rig: Rig, workdir: str) -> None:
    with pytest.raises(Invalid, match="workspace cannot be at"):
        podman_rig.runner.start(podman_rig.key(), replace(podman_rig.spec("true"), workdir=workdir))


@pytest.mark.engines
def test_an_entrypoint_stays_in_front_of_the_command(podman_rig: Rig, registry: OciLayout) -> None:
    key, rig = podman_rig.key(), podman_rig
    image = put_image(registry, ImageSettings(env=(("PATH", "/bin"),), entrypoint=("echo", "entry")))
    rig.runner.start(key, replace(rig.spec(), image=image, command=("a", "b")))
    rig.until_ended(key)
    assert rig.whole_log(key) == b"entry a b\n"


@pytest.mark.engines
def test_a_container_that_was_made_but_not_begun_is_begun(
    podman_rig: Rig, podman: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, rig = podman_rig.key(), podman_rig
    with monkeypatch.context() as patch:
        patch.setattr(EngineRuns, "_begin", lambda *_: (_ for _ in ()).throw(Temporary("killed here")))
        with pytest.raises(Temporary):
            rig.runner.start(key, rig.spec("echo once"))
    rig.runner = rig.make()
    assert rig.runner.observe(key).running
    rig.runner.start(key, rig.spec("echo once"))
    assert rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert rig.whole_log(key) == b"once\n"


@pytest.mark.engines
def test_a_container_that_somebody_removed_is_trouble_of_the_engine(podman_rig: Rig, podman: Engine) -> None:
    key, rig = podman_rig.key(), podman_rig
    rig.runner.start(key, rig.spec("sleep 60"))
    for container in podman.client.containers.list(filters={"label": f"org.tagstone.run={key}"}):
        container.remove(force=True)
    assert rig.runner.observe(key).outcome is Outcome.ENGINE
    rig.runner.start(key, rig.spec("echo again"))
    assert rig.runner.observe(key).outcome is Outcome.ENGINE


@pytest.mark.engines
def test_containers_outlive_the_service_which_is_started_again(
    tmp_path: Path, storage: Storage, engine_runs: Callable[[Engine], EngineRuns], image: ImageReference
) -> None:
    with running_podman(tmp_path / "p", idle_seconds=1) as engine:
        rig = Rig(lambda: engine_runs(engine), storage, image)
        key = rig.key()
        rig.runner.start(key, rig.spec("sleep 4; echo outlived"))
        _wait_until_away(Path(engine.socket.removeprefix("unix://")))
        assert rig.until_ended(key).outcome is Outcome.SUCCEEDED
        assert rig.whole_log(key) == b"outlived\n"
        rig.runner.remove(key)


@pytest.mark.docker
def test_an_engine_that_goes_away_is_temporary_and_its_runs_are_found_again(
    tmp_path: Path, storage: Storage, engine_runs: Callable[[Engine], EngineRuns], image: ImageReference
) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    with running_dockerd(folder) as address:
        engine = connect(tmp_path, socket=address)
        rig = Rig(lambda: engine_runs(engine), storage, image)
        key = rig.key()
        rig.runner.start(key, rig.spec("echo done"))
        rig.until_ended(key)
        unseen = rig.key()
        rig.runner.start(unseen, rig.spec("exit 5"))
        engine.client.api.wait(str(engine.client.containers.list(all=True)[0].id))
    with pytest.raises(Temporary, match="does not answer"):
        rig.runner.observe(unseen)
    assert rig.runner.observe(key).outcome is Outcome.SUCCEEDED
    with running_dockerd(folder):
        assert rig.until_ended(unseen).exit_code == 5
        for one in rig.keys:
            rig.runner.remove(one)
        engine.close()


def _wait_until_away(path: Path) -> None:
    for _ in range(200):
        if not answers(path):
            return
        time.sleep(0.2)
    raise AssertionError("the service stays")
