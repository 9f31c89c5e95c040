"""What a job finds out about its runner: whether it can build there, and what hardware it was given."""

import os
from pathlib import Path

import pytest

from tagstone.adapters.build_probe import probe
from tagstone.adapters.cgroups import here
from tagstone.adapters.git import GitForge
from tagstone.cli.exit_codes import ExitCode
from tagstone.errors import Forbidden, Permanent
from unit.ci.conftest import Job

# What buildah 1.28 said where these were missing.
NO_USER_NAMESPACE = "Error during unshare(CLONE_NEWUSER): Operation not permitted"
NO_ID_MAPS = "running `/usr/bin/newuidmap 42 0 1000 1`: newuidmap: write to uid_map failed: Operation not permitted"
NO_MOUNTS = "error mounting proc: mount proc: permission denied"


def program(folder: Path, verb: str, said: str) -> str:
    """A buildah that fails at one verb, with these words."""
    path = folder / "buildah"
    path.write_text(
        f'#!/bin/sh\nfor word in "$@"; do [ "$word" = {verb} ] && {{ echo \'{said}\' >&2; exit 125; }}; done\nexit 0\n'
    )
    path.chmod(0o755)
    return str(path)


def test_where_builds_are_possible_nothing_is_said_and_nothing_left(tmp_path: Path):
    place = tmp_path / "scratch"
    place.mkdir()
    probe(place)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("verb", "said", "setting"),
    [
        ("from", NO_USER_NAMESPACE, "seccomp:unconfined"),
        ("from", NO_USER_NAMESPACE, "build_container_security_context.seccomp_profile"),
        ("from", NO_ID_MAPS, "allow_privilege_escalation = true"),
        ("run", NO_MOUNTS, "app_armor_profile"),
    ],
)
def test_where_they_are_not_the_setting_of_the_runner_is_named(tmp_path: Path, verb: str, said: str, setting: str):
    with pytest.raises(Permanent, match="lets no job build") as caught:
        probe(tmp_path, program(tmp_path, verb, said))
    assert setting in caught.value.remedy
    assert said in caught.value.message


def test_what_fails_once_and_then_no_more_is_no_reason_to_refuse(tmp_path: Path):
    path, tries = tmp_path / "buildah", tmp_path / "tries"
    path.write_text(f'#!/bin/sh\n[ -e {tries} ] && exit 0\n: > {tries}\necho "{NO_MOUNTS}" >&2\nexit 125\n')
    path.chmod(0o755)
    probe(tmp_path, str(path))
    assert tries.exists()


def test_a_job_without_buildah_is_told_which_image_has_it(tmp_path: Path):
    with pytest.raises(Permanent, match="no buildah") as caught:
        probe(tmp_path, str(tmp_path / "nowhere"))
    assert "image" in caught.value.remedy


def test_the_hardware_of_this_very_process_is_read_from_inside():
    granted = here()
    assert granted is not None
    assert granted.source == "inside"
    assert granted.cpus_visible == len(os.sched_getaffinity(0))
    assert granted.memory_total == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_checkout_that_belongs_to_another_user_is_read_in_jobs_only(job: Job, tmp_path: Path):
    git = tmp_path / "git"
    git.write_text('#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec git "$@"\n')
    git.chmod(0o755)
    with pytest.raises(Forbidden, match="belongs to another user"):
        GitForge(str(git)).identify(str(job.folder))
    assert GitForge(str(git), anybodys=True).resolve(str(job.folder), "refs/tags/v1.0.0").ref == "v1.0.0"


def test_a_fault_of_the_checkout_itself_is_told(job: Job):
    (job.folder / "tagstone.yml").unlink()
    (job.folder / "tagstone.yml").symlink_to("/etc/passwd")
    result = job("publish")
    assert result.exit_code == ExitCode.INVALID
    assert "no plain file" in result.stderr
