"""The citation and the pipeline that are proposed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.proposal.people import Contribution, authors, creator_of
from tagstone.domain.proposal.readme import read_readme

MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\n"
GPL = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n"


def names(found):
    return [creator.name for creator in found]


def test_authors_are_ordered_by_commits_and_merged_by_address_and_name():
    history = (
        Contribution("Grace Hopper", "grace@navy.example", 5),
        Contribution("ada", "ADA@example.org", 2),
        Contribution("Ada Lovelace", "ada@example.org", 4),
        Contribution("Lovelace, Ada", "other@example.org", 1),
    )
    assert names(authors(history, ())) == ["Lovelace, Ada", "Hopper, Grace"]


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.example"),
        ("renovate-bot", "bot@example.org"),
        ("GitHub Actions", "actions@example.org"),
        ("pre-commit-ci", "x@example.org"),
        ("project_17_bot", "project17_bot@example.org"),
        ("root", "root@localhost"),
        ("", "x@example.org"),
    ],
)
def test_machines_are_no_authors(name, email):
    assert names(authors((Contribution(name, email, 99), Contribution("Ada Lovelace", "a@b.example", 1)), ())) == [
        "Lovelace, Ada"
    ]


@pytest.mark.parametrize(
    ("name", "given_name", "family"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Jan van der Berg", "Jan", "van der Berg"),
        ("van der Berg, Jan", "Jan", "van der Berg"),
        ("ada", None, "ada"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Софья Ковалевская", "Софья", "Ковалевская"),
    ],
)
def test_names_are_parted(name, given_name, family):
    creator = creator_of(name)
    assert (creator.given, creator.family) == (given_name, family)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "codemeta.json",
            json.dumps(
                {
                    "name": "The work",
                    "author": [
                        {
                            "@type": "Person",
                            "@id": "https://orcid.org/0000-0002-1825-0097",
                            "givenName": "Ada",
                            "familyName": "Lovelace",
                            "email": "ada@example.org",
                        }
                    ],
                }
            ),
        ),
        (".zenodo.json", json.dumps({"creators": [{"name": "Lovelace, Ada", "orcid": "0000-0002-1825-0097"}]})),
        ("AUTHORS.md", "# Authors\n\n* Ada Lovelace <ada@example.org> (https://orcid.org/0000-0002-1825-0097)\n"),
    ],
)
def test_an_orcid_that_a_file_knows_is_found_by_name_or_address(proposed, path, text):
    made = proposed({path: text})
    assert [(one.name, one.orcid) for one in made.citation.authors] == [("Lovelace, Ada", "0000-0002-1825-0097")]
    assert not made.asks("no ORCID")


def test_an_orcid_with_a_wrong_check_digit_is_left_out(proposed):
    made = proposed({".zenodo.json": json.dumps({"creators": [{"name": "Lovelace, Ada", "orcid": "0000-0002-1825-0098"}]})})
    assert made.citation.authors[0].orcid is None


def test_where_nobody_committed_yet_the_files_know_the_authors(proposed):
    toml = '[project]\nname = "x"\nauthors = [{name = "Ada Lovelace", email = "ada@example.org"}]\nkeywords = ["waves"]\n'
    made = proposed({"pyproject.toml": toml}, history=())
    assert names(made.citation.authors) == ["Lovelace, Ada"]
    assert made.citation.keywords == ("waves",)
    assert names(proposed({"setup.cfg": "[metadata]\nauthor = Ada Lovelace\n"}, history=()).citation.authors) == [
        "Lovelace, Ada"
    ]


def test_where_nobody_is_known_the_author_is_asked(proposed):
    assert proposed({}, history=()).asks("nobody is known")


@pytest.mark.parametrize(
    "text",
    [
        "# The *wobble* of [Earth](https://x.example)\n\n![build](b.svg) [![doi](d.svg)](https://x.example)\n\nIt wobbles.\nA lot.\n\nMore.",
        "The wobble of Earth\n===================\n\n.. image:: x.png\n\nIt wobbles.\nA lot.\n\nMore.\n",
        "<p align=center><img src=x></p>\n<!-- # not this -->\n# The wobble of Earth\n\n- a\n\n> b\n\nIt wobbles. A lot. Parts:\n\n- c",
    ],
)
def test_title_and_abstract_come_from_the_readme(text):
    readme = read_readme(text)
    assert (readme.title, readme.abstract) == ("The wobble of Earth", "It wobbles. A lot.")


def test_without_a_heading_the_folder_lends_its_name(proposed):
    made = proposed({}, name="the-chandler_wobble")
    assert made.citation.title == "the chandler wobble"
    assert made.asks("only the folder's name")


@pytest.mark.parametrize(
    ("files", "licences", "asked"),
    [
        ({"LICENSE": MIT}, ("MIT",), False),
        ({"COPYING": GPL}, ("GPL-3.0-only",), True),
        (
            {"COPYING": GPL, "pyproject.toml": '[project]\nname="x"\nlicense = "GPL-3.0-or-later"\n'},
            ("GPL-3.0-or-later",),
            False,
        ),
        ({"LICENSE": "All rights reserved."}, (), True),
        ({}, (), True),
    ],
)
def test_the_licence_is_the_one_of_the_licence_file(proposed, files, licences, asked):
    made = proposed(files)
    assert (made.citation.licences, made.asks("licence")) == (licences, asked)


def test_the_version_is_left_to_the_tag(proposed):
    made = proposed({}, tags=("v1.2.0", "v1.1.0"))
    assert made.citation.version is None
    assert "(newest: v1.2.0)" in made.texts["CITATION.cff"]


def test_the_repository_is_the_remote(proposed):
    assert proposed({}, url="https://gitlab.example/ada/wobble").citation.repository == "https://gitlab.example/ada/wobble"


def test_the_pipeline_takes_in_the_templates_of_this_version(proposed):
    text = proposed({}).texts[".gitlab-ci.yml"]
    assert text.startswith("include:\n  - project: tagstone/tagstone\n    ref: v")
    assert "file: /ci-templates/tagstone.yml" in text


def test_to_a_pipeline_that_is_there_the_lines_are_only_told(proposed):
    made = proposed({".gitlab-ci.yml": "stages: [test]\n"})
    assert ".gitlab-ci.yml" not in made.texts
    assert made.proposal.pipeline.startswith("include:\n")
    assert proposed({".gitlab-ci.yml": made.proposal.pipeline}).proposal.pipeline == ""


def test_what_is_there_is_left_alone(proposed):
    made = proposed({"tagstone.yml": "{}\n", "CITATION.cff": "x"})
    assert set(made.texts) == {".gitlab-ci.yml"}
    assert made.proposal.left == ("tagstone.yml", "CITATION.cff")
    assert made.proposal.questions == ()


@given(st.text(max_size=300))
def test_any_readme_gives_a_sound_title_and_abstract(text):
    readme = read_readme(text)
    assert "\n" not in readme.title + readme.abstract
    assert len(readme.title) <= 300


@pytest.mark.parametrize("text", ["<!--" * 50_000, "[" * 200_000, "![" * 100_000, "`" * 200_000, "#" * 200_000, "<a" * 100_000])
def test_a_readme_that_is_made_to_be_slow_is_read_quickly(text):
    assert read_readme(text).commands == ()


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_people_and_titles_are_called_the_citation_can_be_read(name, email, title):
    from tagstone.domain.citations.citation import parse_citation
    from tagstone.domain.code.source_tree import Tree
    from tagstone.domain.proposal.propose import Repository, propose

    repository = Repository(Tree((), lambda _path: b""), (Contribution(name, email, 1),), (title,), title, None)
    text = next(file.text for file in propose(repository, (), title).files if file.path == "CITATION.cff")
    assert parse_citation(text)[0] is not None


@pytest.mark.parametrize("path", ["codemeta.json", ".zenodo.json", "pyproject.toml", "setup.cfg", "AUTHORS"])
@pytest.mark.parametrize(
    "text", ["[" * 50_000, "\0", "[[[", '{"author": 3, "creators": [3, {"name": 4}]}', "[project]\nauthors = 3\n"]
)
def test_broken_files_break_nothing(proposed, path, text):
    assert proposed({path: text}).citation.title == "the work"
