"""Which files of a repository say what its environment is, as repo2docker would read them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.code.source import EntryKind, SourceEntry
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.rees.found import find_environment_files


def tree(files, links=()):
    entries = [
        SourceEntry(
            path,
            EntryKind.SYMLINK if path in links else EntryKind.FILE,
            hashlib.sha1(content.encode()).hexdigest(),
            len(content),
        )
        for path, content in sorted(files.items())
    ]
    return Tree(entries, lambda path: files[path].encode())


def found(*names, **contents):
    return find_environment_files(tree(dict.fromkeys(names, "") | contents))


@pytest.mark.parametrize(
    ("there", "counting"),
    [
        (["analysis.py", "README.md"], []),
        (["requirements.txt"], ["requirements.txt"]),
        (["requirements.txt", "apt.txt", "runtime.txt", "postBuild", "start"], None),
        (["setup.py", "requirements.txt"], None),
        (["install.R", "requirements.txt", "apt.txt"], None),
        (["DESCRIPTION"], ["DESCRIPTION"]),
        (["Project.toml", "requirements.txt"], None),
        (["Project.toml", "JuliaProject.toml"], ["JuliaProject.toml"]),
        (["environment.yml", "requirements.txt", "setup.py", "Pipfile", "apt.txt"], ["apt.txt", "environment.yml"]),
        (["environment.yml", "install.R", "postBuild"], None),
        (["Pipfile", "Pipfile.lock", "requirements.txt"], ["Pipfile.lock"]),
        (["Pipfile"], ["Pipfile"]),
        (["Dockerfile", "requirements.txt", "environment.yml", "apt.txt", "start"], ["Dockerfile"]),
        (["Dockerfile", "Containerfile"], ["Containerfile"]),
        (["binder/requirements.txt", "environment.yml", "setup.py"], ["binder/requirements.txt"]),
        ([".binder/Dockerfile", "requirements.txt"], [".binder/Dockerfile"]),
        (["binder/setup.py", "binder/notes.txt", "requirements.txt"], ["requirements.txt"]),
        (["environment.yaml"], []),
        (["default.nix"], []),
        (["deeper/requirements.txt"], []),
    ],
)
def test_the_files_that_count(there, counting):
    assert list(found(*there).used) == sorted(there if counting is None else counting)


def test_two_folders_are_a_fault_because_only_one_can_count():
    both = found("binder/apt.txt", ".binder/requirements.txt")
    assert not both
    assert "two folders" in both.faults[0].message


def test_one_message_says_which_files_count_and_which_are_not_looked_at():
    (warning,) = found("environment.yml", "requirements.txt", "setup.py").faults
    assert warning.warning
    assert warning.message.startswith("requirements.txt, setup.py are not looked at: environment.yml counts instead")
    assert "comes from environment.yml" in warning.remedy


def test_files_at_the_top_are_named_where_a_folder_replaces_them():
    (warning,) = found("binder/apt.txt", "requirements.txt").faults
    assert warning.message == "requirements.txt is not looked at: where there is a folder binder, only that counts."


def test_a_file_that_is_easily_mistaken_is_named():
    (warning,) = found("apt.txt", "environment.yaml").faults
    assert "rename it" in warning.message


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("[tool.ruff]\nline-length = 100\n", False),
        ("", False),
        ("[project]\nname = 'x'\n", True),
        ("[build-system]\n", True),
        ("[tool.poetry]\nname = 'x'\n", True),
        ("this is no toml", True),
    ],
)
def test_a_pyproject_that_only_sets_up_tools_is_no_environment(text, counts):
    assert bool(found(**{"pyproject.toml": text})) is counts


def test_a_link_counts_as_the_file_that_it_leads_to():
    files = {"binder/requirements.txt": "../docs/wanted.txt", "docs/wanted.txt": "numpy", "binder/apt.txt": "../../out"}
    found_there = find_environment_files(tree(files, links=("binder/requirements.txt", "binder/apt.txt")))
    assert found_there.used == ("binder/requirements.txt",)
    assert found_there.path("requirements.txt") == "docs/wanted.txt"
    assert [(fault.file, fault.warning) for fault in found_there.faults] == [("binder/apt.txt", False)]


def test_the_kind_of_a_file_is_asked_by_its_name():
    files = found("binder/Pipfile", "binder/Pipfile.lock", "binder/apt.txt")
    assert files.path("Pipfile.lock", "Pipfile") == "binder/Pipfile.lock"
    assert files.path("requirements.txt") is None


@given(st.text(max_size=60))
def test_whatever_stands_in_a_pyproject_it_can_be_looked_at(text):
    found(**{"pyproject.toml": text})
