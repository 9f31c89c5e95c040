"""Manifests, requirements and locks that are bombs, lies, accidents or attempts to reach something else."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from assets.hostile import make, texts
from fakes.forge import FakeForge
from hostile.judge import Case, Place, cases, judged
from tagstone.actions.check import CheckReport, check
from tagstone.domain.manifests.manifest import FILE, command_line
from tagstone.domain.reading.faults import Fault

ASSETS = Path(make.__file__).parent
LICENCE = b"MIT License\n\nPermission is hereby granted, free of charge, to any person\n"

TAG, ALIAS, DEEP = "is a tag", "is an alias", "nested too deeply or has too many values"
ENCODING, CONTROL = "is not UTF-8", "cannot stand in YAML"
NO_BYTES, NO_TIME, NO_NUMBER = "is not an amount of bytes", "is not a duration", "must be a number, not the text"
NO_SOURCE = "is not a place that inputs can be fetched from"
NO_PACKAGE, NO_IMAGE, NO_NAME = "is not a Debian package", "is not an image", "is not a name"
EMPTY = "empty or not a mapping"

Row = tuple[str, int | None, str, str]
"""The file's name, the line that is told, what is said, and what the remedy names."""

MANIFESTS: list[Row] = [
    ("billion-laughs", 1, "is an anchor", "Remove it"),
    ("alias", 6, ALIAS, "in quotes"),
    ("anchor", 6, "is an anchor", "in quotes"),
    ("merge-key", 7, "`<<` is no key", "Known keys"),
    ("python-object", 6, TAG, "Remove it"),
    ("python-name", 6, TAG, "Remove it"),
    ("binary-tag", 6, TAG, "Remove it"),
    ("local-tag", 6, TAG, "Remove it"),
    ("set-tag", 6, TAG, "Remove it"),
    ("directive", 8, TAG, "Remove it"),
    ("deep-lists", 7, DEEP, "simpler"),
    ("deep-mappings", 7, DEEP, "simpler"),
    ("deep-block", 26, DEEP, "simpler"),
    ("many-values", 3, DEEP, "simpler"),
    ("question-marks", 1, "A key is not a plain word", "a colon"),
    ("unclosed-quote", 7, "This is not YAML", "quotes"),
    ("utf-16-with-mark", 1, ENCODING, "UTF-8"),
    ("utf-16-without-mark", 1, CONTROL, "Remove it"),
    ("utf-32", 1, ENCODING, "UTF-8"),
    ("latin-1", 6, ENCODING, "UTF-8"),
    ("overlong-utf-8", 7, ENCODING, "UTF-8"),
    ("surrogate-in-utf-8", 7, ENCODING, "UTF-8"),
    ("nul", 3, CONTROL, "Remove it"),
    ("escape-character", 7, CONTROL, "Remove it"),
    ("c1-control", 7, CONTROL, "Remove it"),
    ("escaped-nul", 5, "A control character is written with a backslash", "Remove it"),
    ("escaped-surrogate", 5, "invalid Unicode character", "quotes"),
    ("empty", 1, EMPTY, "Begin with this"),
    ("only-comments", 1, EMPTY, "Begin with this"),
    ("a-list", 1, EMPTY, "Begin with this"),
    ("json-with-comments", 1, "This is not YAML", "brackets"),
    ("two-documents", 7, "A second document begins", "---"),
    ("tab", 2, "A tab stands where YAML wants spaces", "spaces"),
    ("key-twice", 7, "is there twice (first in line 6)", "Keep one"),
    ("key-twice-deep", 6, "is there twice (first in line 5)", "Keep one"),
    ("unknown-key", 6, "`output` is no key", "Did you mean `outputs`?"),
    ("unknown-key-deep", 5, "is no key of this file", "Did you mean `resources`?"),
    ("key-that-is-a-list", 1, "A key is not a plain word", "a colon"),
    ("key-with-escape", 7, "A control character is written with a backslash", "Remove it"),
    ("prototype", 7, "`__proto__` is no key", "Known keys"),
    ("long-key", 7, "is no key of this file", "Known keys"),
    ("boolean-words", 5, "must be true or false, not the text 'yes'", "true or false"),
    ("number-as-argument", 5, "must be a text, not the number", "quotes"),
    ("command-as-text", 5, "must be a list, not the text", "Write a list"),
    ("command-empty", 5, "`run.command` is empty", "such as"),
    ("octal-cores", 5, NO_NUMBER, "as a number"),
    ("hexadecimal-cores", 5, NO_NUMBER, "as a number"),
    ("underscored-cores", 5, NO_NUMBER, "as a number"),
    ("sexagesimal-time", 5, NO_TIME, "90s"),
    ("huge-cores", 5, NO_NUMBER, "as a number"),
    ("many-cores", 5, "less than or equal to 4096", "limits"),
    ("nan-cores", 5, NO_NUMBER, "as a number"),
    ("infinite-cores", 5, NO_NUMBER, "as a number"),
    ("negative-cores", 5, "greater than 0", "limits"),
    ("no-cores", 5, "greater than 0", "limits"),
    ("nan-memory", 5, NO_BYTES, "512Mi"),
    ("infinite-memory", 5, NO_BYTES, "512Mi"),
    ("huge-memory", 5, NO_BYTES, "512Mi"),
    ("negative-memory", 5, NO_BYTES, "512Mi"),
    ("no-memory", 5, NO_BYTES, "512Mi"),
    ("memory-without-unit", 5, "has no unit", "4Gi"),
    ("arabic-digits", 5, NO_BYTES, "512Mi"),
    ("negative-time", 5, NO_TIME, "90s"),
    ("endless-time", 5, NO_TIME, "90s"),
    ("half-a-gpu", 5, "must be a whole number", "whole number"),
    ("negative-gpu", 5, "greater than or equal to 0", "limits"),
    ("gpu-type-with-shell", 5, NO_NAME, "letters"),
    ("long-argument", 5, "is too long", "from a file"),
    ("unknown-parameter", 5, "`{secret}` stands for no parameter", "below `parameters`"),
    ("unused-parameter", 5, "The parameter `bins` is not used", "remove it"),
    ("parameter-as-list", 5, "A parameter is a text, a number, true or false", "quotes"),
    ("parameter-name-with-dots", 5, "is not a parameter's name", "letters"),
    ("output-leaves", 6, "leaves the repository", "inside the workspace"),
    ("output-absolute", 6, "is absolute", "inside the workspace"),
    ("output-home", 6, "is absolute", "inside the workspace"),
    ("output-backslash", 6, "has a backslash", "inside the workspace"),
    ("output-git", 6, "lies in `.git`", "inside the workspace"),
    ("output-newline", 6, "has a control character", "inside the workspace"),
    ("output-bidi", 6, "change the direction of text", "inside the workspace"),
    ("output-many-stars", 6, "is too long", "inside the workspace"),
    ("output-open-bracket", 6, "has a `[` without its `]`", "inside the workspace"),
    ("output-double-star", 6, "has `**` beside other characters", "inside the workspace"),
    ("output-empty", 6, "is empty", "inside the workspace"),
    ("outputs-none", None, "the run would leave nothing", "Add `outputs`"),
    ("containerfile-outside", 2, "leaves the repository", "inside the repository"),
    ("pip-absolute", 3, "is absolute", "inside the repository"),
    ("install-in-git", 3, "lies in `.git`", "inside the repository"),
    ("base-with-option", 2, NO_IMAGE, "debian:bookworm"),
    ("base-with-newline", 2, NO_IMAGE, "debian:bookworm"),
    ("base-with-shell", 2, NO_IMAGE, "debian:bookworm"),
    ("apt-with-shell", 3, NO_PACKAGE, "python3-numpy"),
    ("apt-with-option", 3, NO_PACKAGE, "python3-numpy"),
    ("apt-with-path", 3, NO_PACKAGE, "python3-numpy"),
    ("apt-with-newline", 3, NO_PACKAGE, "python3-numpy"),
    ("community-with-slash", 7, NO_NAME, "letters"),
    ("depository-as-address", 7, NO_NAME, "letters"),
    ("related-script", 7, "is not a web address", "https://host/path"),
    ("related-doi-markup", 7, "is not a DOI", "10.5281"),
    ("input-http", 8, NO_SOURCE, "https://"),
    ("input-ftp", 8, NO_SOURCE, "https://"),
    ("input-file", 8, NO_SOURCE, "https://"),
    ("input-gopher", 8, NO_SOURCE, "https://"),
    ("input-credentials", 8, NO_SOURCE, "without a user name"),
    ("input-header", 8, NO_SOURCE, "https://"),
    ("input-space", 8, NO_SOURCE, "https://"),
    ("input-backslash", 8, NO_SOURCE, "https://"),
    ("input-without-host", 8, NO_SOURCE, "https://"),
    ("input-bad-checksum", 8, "is not a sha256", "sha256sum"),
    ("input-outside", 8, "leaves the repository", "inside the repository"),
    ("inputs-over-each-other", 9, "Two inputs would lie at", "a path of its own"),
    ("input-over-manifest-of-git", 8, "lies in `.git`", "inside the repository"),
]


def _command(report: CheckReport) -> tuple[str, ...]:
    assert report.manifest is not None
    return command_line(report.manifest)


HARMLESS: list[tuple[str, str, Callable[[CheckReport], object]]] = [
    ("utf-8-mark", "analysis.py", _command),
    ("windows-line-ends", "('python3', 'analysis.py')", _command),
    ("norway", "'no'", lambda report: report.manifest and report.manifest.environment and report.manifest.environment.base),
    ("date-as-argument", "'2026-01-01'", _command),
    ("line-separator-in-command", "a\\u2028b", _command),
    ("shell-in-command", "'; touch ", _command),
    ("format-string", "{0.__class__.__init__.__globals__}", _command),
    ("option-for-the-shell", "('-c', 'id')", _command),
]

REQUIREMENTS: list[Row] = [
    ("editable-long", 1, "would be a copy that changes", "Leave out -e"),
    ("path", 2, "is not in the repository", "Correct the path"),
    ("path-above", 1, "is not in the repository", "Correct the path"),
    ("file-address", 1, "is a path", "Name a package"),
    ("find-links", 1, "is a path", "Name a package"),
    ("include-above", 1, "is not in the repository", "into the repository"),
    ("include-absolute", 1, "is not in the repository", "into the repository"),
    ("include-from-the-web", 1, "is not in the repository", "into the repository"),
    ("include-missing", 2, "There is no file other.txt", "Add it"),
]

LOCKS: list[Row] = [
    ("not-yaml", 1, "A key is not a plain word", "a colon"),
    ("another-version", 1, "It is not of version 1", "tagstone check --fix"),
    ("unknown-section", 2, "`npm` is unknown", "tagstone check --fix"),
    ("shell-in-version", 2, "no name or version that could be", "tagstone check --fix"),
    ("option-as-name", 2, "no name or version that could be", "tagstone check --fix"),
    ("newline-in-version", 2, "no name or version that could be", "tagstone check --fix"),
    ("digest-that-is-none", 2, "no name or version that could be", "tagstone check --fix"),
    ("section-as-list", 2, "is no list of names and versions", "tagstone check --fix"),
]


def _file(path: str, place: Place) -> bytes:
    """A hostile file whose commands would make this place's canary."""
    return (ASSETS / path).read_bytes().replace(texts.CANARY.encode(), str(place.canary).encode())


def _project(path: str, name: str, place: Place) -> FakeForge:
    """A sound project with one hostile file."""
    manifest = (
        texts.MANIFEST.replace("[python3]", "[python3, python3-venv]\n  pip: requirements.txt")
        if name == "requirements.txt"
        else ""
    )
    files = {FILE: (manifest or texts.MANIFEST).encode(), "CITATION.cff": texts.CITATION.encode(), "LICENSE": LICENCE}
    forge = FakeForge()
    forge.create("/project", files | {"analysis.py": b"", name: _file(path, place)})
    forge.commit("/project")
    return forge


def _faults(_place: Place, forge: FakeForge) -> tuple[Fault, ...]:
    return check(forge, "/project").faults


def _taken(see: Callable[[CheckReport], object], _place: Place, forge: FakeForge) -> str:
    report = check(forge, "/project")
    assert report.faults == ()
    return repr(see(report))


def _table(family: str, end: str, name: str, rows: list[Row]) -> list[Case]:
    return [
        Case(
            f"{family}: {file}",
            partial(_project, f"{family}/{file}{end}", name),
            _faults,
            says,
            remedy,
            where=name + (f":{line}" if line else ""),
        )
        for file, line, says, remedy in rows
    ]


TABLE = [
    *_table("manifests", ".yml", FILE, MANIFESTS),
    *_table("requirements", ".txt", "requirements.txt", REQUIREMENTS),
    *_table("locks", ".lock", "tagstone.lock", LOCKS),
    *(
        Case(f"manifests: {file}", partial(_project, f"manifests/{file}.yml", FILE), partial(_taken, see), says, harmless=True)
        for file, says, see in HARMLESS
    ),
    *(
        Case(
            f"requirements: {name}",
            partial(_project, f"requirements/{name}.txt", "requirements.txt"),
            partial(_taken, lambda report: report.manifest and report.manifest.environment and report.manifest.environment.pip),
            "requirements.txt",
            harmless=True,
        )
        for name in ("include-itself", "editable")
    ),
]


@cases(TABLE)
def test_a_hostile_description(case: Case, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    judged(case, tmp_path, record_property)


@pytest.mark.parametrize("family", ["manifests", "requirements", "locks"])
def test_every_file_has_its_case(family: str) -> None:
    there = {path.name for path in (ASSETS / family).iterdir()}
    end = make.FAMILIES[family][1]
    assert {f"{case.name.removeprefix(f'{family}: ')}{end}" for case in TABLE if case.name.startswith(family)} == there
