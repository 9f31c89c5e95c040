"""init."""

from pathlib import Path

import pytest

from tagstone.actions.propose import write
from tagstone.domain.manifests.manifest import parse_manifest
from tagstone.domain.proposal.propose import ProposedFile
from tagstone.errors import Forbidden

README = "# The wobble\n\nIt wobbles.\n\n```\npython3 analysis.py\n```\n"
SCRIPT = "import numpy\nnumpy.savetxt('results/wobble.txt', [1.0])\n"


@pytest.fixture
def folder(repository) -> Path:
    """A repository as it is before anybody thought of publishing it, with things that are not committed."""
    folder = Path(repository)
    (folder / "README.md").write_text(README)
    (folder / "analysis.py").write_text(SCRIPT)
    (folder / "LICENSE").write_text("Permission is hereby granted, free of charge, to any person obtaining a copy\n")
    return folder


def test_what_init_writes_is_what_check_wants(tagstone, folder):
    done = tagstone("init", str(folder))
    assert done.exit_code == 0, done.stderr
    assert {"wrote tagstone.yml", "wrote CITATION.cff", "wrote .gitlab-ci.yml"} <= set(done.stdout.splitlines())
    assert tagstone.json("check", str(folder))["ok"] is True
    assert "apt: [python3, python3-numpy]" in (folder / "tagstone.yml").read_text()


def test_nothing_is_written_over(tagstone, folder):
    (folder / "CITATION.cff").write_text("mine")
    (folder / "tagstone.yml").symlink_to("/nowhere")
    done = tagstone("init", str(folder))
    assert (folder / "CITATION.cff").read_text() == "mine"
    assert (folder / "tagstone.yml").is_symlink()
    assert "left  CITATION.cff: it is there already" in done.stdout
    assert "to do: CITATION.cff" in done.stdout


def test_asked_twice_it_leaves_all_as_it_is(tagstone, folder):
    tagstone("init", str(folder))
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    told = tagstone.json("init", str(folder))
    assert (told["written"], told["left"]) == ([], ["tagstone.yml", "CITATION.cff", ".gitlab-ci.yml"])
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_dry_run_prints_the_files_and_writes_none(tagstone, folder):
    before = sorted(path.name for path in folder.iterdir())
    done = tagstone("init", str(folder), "--dry-run")
    assert "--- tagstone.yml (would be written)" in done.stdout
    assert "command: [python3, analysis.py]" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_could_only_be_guessed_is_told(tagstone, folder):
    assert "please check: authors: what are the given names of Ada?" in tagstone("init", str(folder)).stdout


def test_lines_for_a_pipeline_that_is_there_are_told(tagstone, folder):
    (folder / ".gitlab-ci.yml").write_text("stages: [test]\n")
    done = tagstone("init", str(folder), "--ci-project", "science/tagstone")
    assert (folder / ".gitlab-ci.yml").read_text() == "stages: [test]\n"
    assert "      - project: science/tagstone" in done.stdout


def test_programs_are_told_everything(tagstone, folder):
    told = tagstone.json("init", str(folder), "--dry-run")
    assert parse_manifest(told["files"]["tagstone.yml"])[0] is not None
    assert (told["written"], told["ready"]) == ([], None)
    assert told["please_check"]


def test_authors_are_those_of_the_history_by_the_mailmap_of_the_tree_alone(tagstone, folder, git, tmp_path):
    stranger = tmp_path / "stranger"
    stranger.write_text("Mallory Mallet <m@example.org> <ada@example.org>\n")
    git("config", "mailmap.file", str(stranger))
    (folder / ".mailmap").write_text("Ada Lovelace <ada@example.org>\n")
    (folder / "more.txt").write_text("x")
    git("add", "--all")
    git("-c", "user.name=helper[bot]", "commit", "--quiet", "--message=By a machine", "--author=helper[bot] <b@example.org>")
    citation = tagstone.json("init", str(folder), "--dry-run")["files"]["CITATION.cff"]
    assert '  - family-names: "Lovelace"\n    given-names: "Ada"\n' in citation
    assert "Mallory" not in citation
    assert "helper" not in citation


def test_a_file_that_asks_for_the_terminal_gets_none_of_it(tagstone, folder):
    (folder / "README.md").write_text("# Wob\x1b[31mble \u202e\n\nText \x9b5m.\n")
    done = tagstone("init", str(folder), "--dry-run")
    assert not {"\x1b", "\u202e", "\x9b"} & set(done.stdout)


def test_where_nothing_may_be_written_that_is_said(folder):
    with pytest.raises(Forbidden, match="cannot be written"):
        write(folder / "nowhere", (ProposedFile("tagstone.yml", "x"),))


def test_a_folder_without_git_is_told_so(tagstone, tmp_path):
    assert tagstone("init", str(tmp_path)).exit_code == 4
