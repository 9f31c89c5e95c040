"""`reproduce.sh` of a matrix: every run again in a fresh workspace, each compared with its own folder."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.kept import Kept
from fakes.programs import found
from tagstone.actions.bundle import write_bundle
from tagstone.domain.runs.run import OutputFile

Reproduce = Callable[..., subprocess.CompletedProcess[str]]
COMMANDS = {field: ("sh", "analysis.sh", field) for field in ("north", "the south; $(id)")}
FOLDERS = ("1-field=north", "2-field=the_south_id")
ODD = 'it\'s "$(touch /pwned)" `x` \\ $HOME'


@pytest.fixture
def bundle(kept: Kept, tmp_path: Path) -> Path:
    """The bundle of two runs of the same script."""
    outputs: list[OutputFile] = []
    for folder, command in zip(FOLDERS, COMMANDS.values(), strict=True):
        words = "|".join((command[2], "10.5072/tagstone.abc123", ODD)) + "|"
        for name, data in (("a table; $(touch pwned) 'x'.txt", b"data\ngiven\n"), ("words.txt", words.encode())):
            stored = kept.storage.keep([data])
            outputs.append(OutputFile(f"{folder}/results/{name}", stored.size, stored.sha256, stored.key))
    facts = recorded.of_matrix(kept.facts, COMMANDS, tuple(outputs))
    folder_of_bundle = tmp_path / "bundles" / "matrix"
    write_bundle(facts, recorded.metadata(), recorded.CITATION, kept.registry, kept.storage, folder_of_bundle)
    return folder_of_bundle


@pytest.fixture
def moving(shell: Path) -> None:
    """A run that has ended makes room for the next one."""
    (shell / "mv").symlink_to("/bin/busybox" if (shell / "sh").readlink().name == "busybox" else found("mv"))


@pytest.mark.usefixtures("moving")
def test_all_runs_are_repeated_and_compared_each_with_its_own(with_fake: Reproduce, tmp_path: Path):
    done = with_fake()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("Running")] == [f"Running {name} again with podman." for name in FOLDERS]
    assert lines[-1] == "identical: all 4 outputs have the recorded checksums"
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.usefixtures("moving")
def test_differences_are_named_with_the_folder_of_their_run(with_fake: Reproduce):
    done = with_fake("case $* in *north*) echo more >> data.txt ;; esac")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        "different: 3 of 4 outputs have the recorded checksums",
        "  changed: 1-field=north/results/a table; $(touch pwned) 'x'.txt",
    ]


@pytest.mark.usefixtures("moving")
def test_the_workspaces_of_all_runs_are_kept_when_asked_for(with_fake: Reproduce, tmp_path: Path):
    done = with_fake("", "--keep")
    (work,) = (tmp_path / "temporary").iterdir()
    for folder in FOLDERS:
        assert f"The new workspace is {work}/workspace-{folder}" in done.stdout
        assert (work / f"workspace-{folder}" / "results" / "words.txt").is_file()
