"""`reproduce.sh` on a PATH that has a shell, the usual commands and one tool, but neither Tagstone nor Python."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.programs import found
from servers.dockerd import running_dockerd

Reproduce = Callable[..., subprocess.CompletedProcess[str]]


def test_identical_outputs_end_with_0(with_fake: Reproduce, tmp_path: Path):
    done = with_fake()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "identical: all 2 outputs have the recorded checksums"
    assert list((tmp_path / "temporary").iterdir()) == []


def test_different_outputs_end_with_1_and_are_listed(with_fake: Reproduce):
    done = with_fake("echo more >> data.txt")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        "different: 1 of 2 outputs have the recorded checksums",
        "  changed: results/a table; $(touch pwned) 'x'.txt",
    ]


def test_outputs_that_are_missing_or_links_are_different(with_fake: Reproduce):
    done = with_fake("set -- sh -c 'mkdir results; ln -s /etc/hostname results/words.txt'")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-3:] == [
        "different: 0 of 2 outputs have the recorded checksums",
        "  missing: results/a table; $(touch pwned) 'x'.txt",
        "  missing: results/words.txt",
    ]


def test_a_run_that_ends_badly_is_told_with_its_log_made_harmless(with_fake: Reproduce):
    done = with_fake("set -- sh -c 'printf \"\\033[31mno such module\\n\"; exit 3'")
    assert done.returncode == 2
    assert "  | [31mno such module" in done.stdout
    assert "ended with 3, not with 0 as recorded" in done.stderr


def test_the_workspace_is_kept_when_asked_for(with_fake: Reproduce, tmp_path: Path):
    done = with_fake("", "--keep")
    (work,) = (tmp_path / "temporary").iterdir()
    assert f"The new workspace is {work}/workspace" in done.stdout
    assert (work / "workspace" / "results" / "words.txt").is_file()


def test_an_image_of_another_digest_is_not_run(with_fake: Reproduce, reproduce: Reproduce):
    done = reproduce(FAKE_DIGEST="sha256:" + "0" * 64, FAKE_BEFORE="")
    assert done.returncode == 2
    assert "podman loaded sha256:000" in done.stderr


def test_a_damaged_bundle_is_named_and_not_run(with_fake: Reproduce, bundle: Path):
    (bundle / "outputs" / "results" / "words.txt").write_text("other")
    done = with_fake()
    assert done.returncode == 2
    assert "outputs/results/words.txt: FAILED" in done.stdout
    assert "not as it was archived" in done.stderr
    assert "Running" not in done.stdout


def test_an_incomplete_bundle_is_not_run(with_fake: Reproduce, bundle: Path):
    (bundle / "code.tar").unlink()
    assert with_fake().returncode == 2


def test_without_a_tool_it_says_what_to_install(reproduce: Reproduce, tmp_path: Path):
    done = reproduce()
    assert done.returncode == 2
    assert "Install podman" in done.stderr
    assert list((tmp_path / "temporary").iterdir()) == []


def test_an_unknown_option_or_tool_is_refused(reproduce: Reproduce):
    assert reproduce("--fast").returncode == 2
    assert reproduce("--tool").returncode == 2
    assert reproduce("--tool", "rkt").returncode == 2
    assert reproduce("--tool", "buildah").returncode == 2


def test_an_input_is_never_laid_through_a_link_of_the_code(with_fake: Reproduce, shell: Path, bundle: Path, tmp_path: Path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "in").symlink_to(tmp_path / "victim")
    subprocess.run(["tar", "-cf", bundle / "code.tar", "-C", tmp_path / "code", "in"], check=True)
    lines = (bundle / "SHA256SUMS").read_text().splitlines()
    new = subprocess.run(["sha256sum", "code.tar"], cwd=bundle, check=True, capture_output=True, text=True).stdout.rstrip()
    (bundle / "SHA256SUMS").write_text("".join(f"{new if line.endswith('  code.tar') else line}\n" for line in lines))
    done = with_fake()
    assert done.returncode == 2
    assert "behind a link" in done.stderr
    assert list((tmp_path / "victim").iterdir()) == []


@pytest.mark.engines
@pytest.mark.parametrize("tool", ["podman", "buildah", "umoci"])
def test_each_tool_says_identical(tool: str, shell: Path, reproduce: Reproduce, confined: dict[str, str], tmp_path: Path):
    for name in {"umoci": ("umoci", "skopeo", "runc")}.get(tool, (tool,)):
        (shell / name).symlink_to(found(name))
    done = reproduce("--tool", tool, **confined)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines()[-1] == "identical: all 2 outputs have the recorded checksums"
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.docker
def test_docker_says_identical_though_it_reads_no_oci_layout(shell: Path, reproduce: Reproduce):
    (shell / "docker").symlink_to(found("docker"))
    with tempfile.TemporaryDirectory(prefix="ts-") as folder, running_dockerd(Path(folder)) as socket:
        done = reproduce("--tool", "docker", DOCKER_HOST=socket)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines()[-1] == "identical: all 2 outputs have the recorded checksums"
