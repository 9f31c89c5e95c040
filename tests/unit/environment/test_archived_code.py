"""The forge of an archive says of a commit what Git says of it."""

import io
import os
import subprocess

import pytest

from fakes.some_ports import source_of
from tagstone.actions.code import code_files
from tagstone.adapters.archived_code import ArchivedCode
from tagstone.adapters.git import GitForge
from tagstone.errors import NotFound
from tagstone.image.code import code_archive

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"


@pytest.fixture(params=["sha1", "sha256"])
def repository(request, tmp_path):
    folder = tmp_path / "project"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a\n")
    (folder / "empty").touch()
    (folder / "sub.txt").write_text("sorts between folders\n")
    (folder / "sub" / "deep" / "größe.csv").write_text("1,2\n")
    (folder / "large.bin").write_text(POINTER)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("sub/deep")
    git = ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
    for command in (["init", "-q", f"--object-format={request.param}"], ["add", "--all"]):
        subprocess.run([*git, *command], check=True, env=environment)
    submodule = "1" * (40 if request.param == "sha1" else 64)
    subprocess.run(
        [*git, "update-index", "--add", "--cacheinfo", f"160000,{submodule},vendor/lib"], check=True, env=environment
    )
    subprocess.run([*git, "commit", "-q", "--message=First"], check=True, env=environment)
    return str(folder)


@pytest.fixture
def both(repository):
    """Git, the archive's forge, and the commit."""
    forge = GitForge()
    commit = forge.resolve(repository, "HEAD")
    archive = io.BytesIO()
    code_archive(code_files(forge, repository, forge.entries(repository, commit)), commit.time, archive)
    archive.seek(0)
    return forge, ArchivedCode(source_of("", commit, repository), archive, io.BytesIO()), commit


def test_entries_are_those_of_git_but_for_the_commit_of_a_submodule(both, repository):
    forge, archived, commit = both
    wanted = [
        (entry.path, entry.kind, entry.size, entry.lfs, "" if entry.path == "vendor/lib" else entry.object_id)
        for entry in forge.entries(repository, commit)
    ]
    found = [(entry.path, entry.kind, entry.size, entry.lfs, entry.object_id) for entry in archived.entries("", commit)]
    assert found == wanted


def test_contents_are_read_by_gits_ids(both, repository):
    forge, archived, commit = both
    ids = [entry.object_id for entry in archived.entries("", commit) if entry.object_id]
    assert list(archived.read("", ids)) == list(forge.read(repository, ids))


def test_it_knows_its_own_commit_only(both):
    _, archived, commit = both
    assert archived.resolve("", commit.ref) == archived.resolve("", commit.sha) == archived.snapshot("") == commit
    assert archived.identify("anywhere").name == "project"
    with pytest.raises(NotFound):
        archived.resolve("", "v2.0.0")
    with pytest.raises(NotFound):
        list(archived.read("", ["0" * 40]))
