"""What a stranger's code may leave in its workspace and in the folder that it shares with the keeper."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rigs.pods import KEY, PATIENCE, Counter, Pod, log_of, outputs_of, pod, to_its_end
from tagstone.domain.runs.run import OutputRules
from tagstone.domain.runs.told import Told
from tagstone.errors import Invalid


def left_behind(counter: Counter, folder: Path, leave: Callable[[Pod], object], *outputs: str) -> Told:
    """A run whose command left something; what was told of it."""
    with pod(folder, counter.port, counter.desk.open(KEY, counter.spec("true", outputs=outputs or ("**",)))) as made:
        assert made.stage() == 0
        keeper = made.keep()
        leave(made)
        made.run("true")
        assert keeper.wait(PATIENCE) == 0
    return counter.desk.told(KEY)


def _with_two_names(path: Path) -> None:
    path.touch()
    path.with_name("again").hardlink_to(path)


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "is a symbolic link"),
        (lambda path: path.symlink_to("../token"), "is a symbolic link"),
        (os.mkfifo, "is a device, pipe or socket"),
        (_with_two_names, "is a hard link"),
    ],
)
@pytest.mark.attack("outputs of a pod")
def test_links_and_devices_are_refused_as_everywhere(
    counter: Counter, tmp_path: Path, leave: Callable[[Path], object], said: str
):
    told = left_behind(counter, tmp_path / "pod", lambda made: leave(made.workspace / "bad.csv"), "*.csv")
    assert told.problem is None
    with pytest.raises(Invalid, match=rf"'bad\.csv' {said}"):
        outputs_of(counter, "*.csv")


@pytest.mark.attack("outputs of a pod")
def test_a_folder_that_is_a_link_leads_nowhere(counter: Counter, tmp_path: Path):
    def leave(made: Pod) -> None:
        (made.workspace / "results").symlink_to(made.own)

    left_behind(counter, tmp_path / "pod", leave, "results/*")
    with pytest.raises(
        Invalid, match=r"No file matches the output pattern 'results/\*'. There are: 'results' \(a link\), 'code.txt'"
    ):
        outputs_of(counter, "results/*")


@pytest.mark.parametrize("name", [b"new\nline", b"back\\slash", b"not-\xff-text", b"turned\xe2\x80\xae.csv", b".git"])
@pytest.mark.attack("outputs of a pod")
def test_names_that_cannot_be_archived_are_refused_by_name(counter: Counter, tmp_path: Path, name: bytes):
    def leave(made: Pod) -> None:
        (made.workspace / "results").mkdir()
        Path(os.fsdecode(os.fsencode(made.workspace / "results") + b"/" + name)).touch()

    told = left_behind(counter, tmp_path / "pod", leave, "results/*")
    assert told.problem is None
    with pytest.raises(Invalid, match="cannot be archived"):
        outputs_of(counter, "results/*")


def test_a_pattern_without_a_match_names_what_is_near(counter: Counter, tmp_path: Path):
    told = to_its_end(
        counter, tmp_path / "pod", counter.spec("sh", "-c", "mkdir results; touch results/plot.png", outputs=("results/*.csv",))
    )
    assert told.problem is None
    with pytest.raises(Invalid, match=r"No file matches the output pattern 'results/\*\.csv'. There are: 'results/plot.png'"):
        outputs_of(counter, "results/*.csv")


@pytest.mark.parametrize(
    ("limits", "command", "said"),
    [
        ({"max_files": 3}, "touch 1.csv 2.csv 3.csv 4.csv 5.csv", "more than 3 outputs"),
        ({"max_bytes": 1000}, "head -c 600 /dev/zero > 1.csv; head -c 600 /dev/zero > 2.csv", "more than 1000 B together"),
        ({"max_bytes": 1000}, "truncate -s 1T huge.csv", "'huge.csv' has 1 TiB"),
    ],
)
@pytest.mark.attack("outputs of a pod")
def test_too_many_and_too_large_outputs_are_refused_and_do_not_fill_the_disk(
    tmp_path: Path, limits: dict[str, int], command: str, said: str
):
    counter = Counter(tmp_path / "service", limits)
    with counter.open():
        spec = counter.spec("sh", "-c", command, outputs=("*.csv",), disk=2**50)
        told = to_its_end(counter, tmp_path / "pod", spec)
        assert told.problem is None
        rules = OutputRules(
            ("*.csv",), limits.get("max_files", 100), limits.get("max_bytes", 10**6), limits.get("max_bytes", 10**6)
        )
        with pytest.raises(Invalid, match=said):
            counter.desk.collect(KEY, rules)
    taken = sum(file.lstat().st_blocks * 512 for file in (counter.folder / "desk").rglob("*") if file.is_file())
    assert taken < 100_000


@pytest.mark.attack("outputs of a pod")
def test_folders_without_end_are_told_and_walked_no_further(counter: Counter, tmp_path: Path):
    def leave(made: Pod) -> None:
        place = made.workspace
        for _ in range(260):
            place /= "d"
            place.mkdir()

    told = left_behind(counter, tmp_path / "pod", leave)
    assert told.problem is not None
    assert "nested more than" in told.problem.message


@pytest.mark.parametrize(
    "leave",
    [
        lambda control: (control / "usage").symlink_to("/dev/zero"),
        lambda control: os.mkfifo(control / "usage"),
        lambda control: (control / "usage").mkdir(),
        lambda control: (control / "granted").write_bytes(
            b"memory.max:" + b"9" * 200_000 + b"\n/proc/self/status:Cpus_allowed_list: x-y\n"
        ),
        lambda control: (control / "main").write_text("-1"),
        lambda control: (control / "main").write_text("1"),
    ],
)
@pytest.mark.attack("notes beside a run")
def test_notes_that_a_stranger_forges_harm_nobody_else(counter: Counter, tmp_path: Path, leave: Callable[[Path], object]):
    with pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("true"))) as made:
        assert made.stage() == 0
        keeper = made.keep()
        leave(made.control)
        made.run("sh", "-c", f"rm -rf {made.control}/main; echo -1 > {made.control}/main; echo out > out.csv")
        assert keeper.wait(PATIENCE) == 0
    assert counter.desk.told(KEY).done
    assert outputs_of(counter, "out.csv") == {"out.csv": b"out\n"}


@pytest.mark.attack("notes beside a run")
def test_an_end_that_a_stranger_announces_is_his_own(counter: Counter, tmp_path: Path):
    command = f"echo some > some.csv; echo 0 > {tmp_path}/pod/control/ended; sleep 0.5; exit 9"
    told = to_its_end(counter, tmp_path / "pod", counter.spec("sh", "-c", command))
    # What the cluster says of the container's exit code is compared with it where the run is judged.
    assert told.done
    assert outputs_of(counter, "*.csv") == {"some.csv": b"some\n"}


@pytest.mark.attack("notes beside a run")
def test_a_pipe_that_is_taken_away_costs_the_log_only(counter: Counter, tmp_path: Path):
    command = f"echo before; rm {tmp_path}/pod/control/log; echo after; echo out > out.csv"
    told = to_its_end(counter, tmp_path / "pod", counter.spec("sh", "-c", command))
    assert (told.done, told.keeping.exit_code) == (True, 0)
    assert log_of(counter.desk) == b"before\nafter\n"
    assert outputs_of(counter, "*.csv") == {"out.csv": b"out\n"}
