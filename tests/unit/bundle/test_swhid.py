"""The SWHID of the archived code is that of what the archive unpacks to."""

import io
import os
import subprocess
from pathlib import Path

import pytest
from swh.model.from_disk import Directory

from tagstone.bundle.swhid import directory_swhid, revision_swhid
from tagstone.domain.code.source import EntryKind
from tagstone.image.code import CodeFile, code_archive

FILES = (
    CodeFile("a-b", EntryKind.FILE, b"beside a\n", 9),
    CodeFile("a/b/x.txt", EntryKind.FILE, b"x\n", 2),
    CodeFile("a/empty", EntryKind.FILE, b"", 0),
    CodeFile("link", EntryKind.SYMLINK, b"a/b/x.txt", 9),
    CodeFile("run.sh", EntryKind.EXECUTABLE, b"#!/bin/sh\n", 10),
    CodeFile("\u00fcn\u00ef.txt", EntryKind.FILE, b"1", 1),
)
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def archive(*files: CodeFile) -> io.BytesIO:
    out = io.BytesIO()
    code_archive(files, 1_700_000_000, out)
    out.seek(0)
    return out


def unpack(data: io.BytesIO, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=data.getvalue(), check=True)
    return folder


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    return unpack(archive(*FILES), tmp_path / "code")


def test_gits_tree_has_the_same_number(unpacked: Path):
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=unpacked, env=environment, capture_output=True, text=True, check=True).stdout

    git("init", "--quiet")
    git("add", "--all")
    assert directory_swhid(archive(*FILES)) == f"swh:1:dir:{git('write-tree').strip()}"


def test_software_heritage_counts_the_unpacked_folder_the_same(unpacked: Path):
    assert directory_swhid(archive(*FILES)) == str(
        Directory.from_disk(path=os.fsencode(unpacked), max_content_length=None).swhid()
    )


def test_a_submodule_counts_as_the_empty_folder_that_it_is_in_the_archive(tmp_path: Path):
    data = archive(CodeFile("a.txt", EntryKind.FILE, b"1", 1), CodeFile("sub", EntryKind.SUBMODULE, b"", 0))
    unpack(data, tmp_path / "code")
    data.seek(0)
    assert directory_swhid(data) == str(
        Directory.from_disk(path=os.fsencode(tmp_path / "code"), max_content_length=None).swhid()
    )


def test_no_code_is_the_empty_tree():
    assert directory_swhid(archive()) == f"swh:1:dir:{EMPTY_TREE}"


def test_a_path_of_a_thousand_folders_is_no_trouble():
    path = "/".join("a" * 1500)
    assert directory_swhid(archive(CodeFile(path, EntryKind.FILE, b"", 0))).startswith("swh:1:dir:")


def test_a_commit_has_one_too_unless_git_counts_with_sha256():
    assert revision_swhid("c" * 40) == "swh:1:rev:" + "c" * 40
    assert revision_swhid("c" * 64) == ""
