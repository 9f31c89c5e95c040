"""Documents point at what is there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

import values_reference
from tagstone.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[3]
DOCUMENTS = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_decision_is_listed() -> None:
    index = (CHECKOUT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    decisions = sorted((CHECKOUT / "docs" / "adr").glob("[0-9]*.md"))
    assert [path.name for path in decisions if f"({path.name})" not in index] == []
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_make_knows_every_target_that_documents_name(document: str) -> None:
    named = set(
        re.findall(r"`make ([a-z-]+)`|^    make ([a-z-]+)", (CHECKOUT / document).read_text(encoding="utf-8"), re.MULTILINE)
    )
    known = subprocess.run(["make", "--directory", CHECKOUT, "help"], capture_output=True, text=True, check=True).stdout
    assert {one or other for one, other in named} <= set(re.findall(r"make ([a-z-]+)", known))


@pytest.mark.parametrize("citation", ["CITATION.cff", "examples/chandler-wobble/CITATION.cff"])
def test_citations_are_valid_to_cffconvert(citation: str) -> None:
    program = CHECKOUT / ".cache" / "tools" / "cffconvert" / "bin" / "cffconvert"
    done = subprocess.run([program, "--validate", "-i", CHECKOUT / citation], capture_output=True, text=True, check=False)
    assert "valid according to schema version 1.2.0" in done.stdout + done.stderr


def test_settings_and_schema_are_the_ones_of_the_code() -> None:
    stale = [path.name for path, text in values_reference.pages().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "make reference"


def within(kind: object, variable: str) -> Iterator[str]:
    """What may be said of a value of this kind: `variable` itself where it is no group, and the variables or keys of its groups."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield from within(field.annotation, f"{variable}__{name.upper()}")
        return
    yield variable
    for part in get_args(kind):
        if isinstance(part, type) and issubclass(part, BaseModel):
            named = f"{variable}__NAME" if get_origin(kind) is dict else variable
            yield from part.model_fields if get_origin(kind) is list else within(part, named)


SETTINGS = {variable.replace("TAGSTONE__", "TAGSTONE_", 1) for variable in within(Settings, "TAGSTONE")}


def test_every_setting_of_every_depth_is_listed_and_no_other() -> None:
    listed = re.findall(r"^\| `([^`]+)` \|", values_reference.settings(), re.MULTILINE)
    assert set(listed) == SETTINGS


FOLDERS = ("docs", "service", "webhooks", "deploy", "ci-templates", "examples", "benchmarks")
A_NAME = r"(?:[A-Z0-9]+(?:_[A-Z0-9]+)*|<NAME>|…|\{[^{}]*\})"


def is_there(named: str, setting: str) -> bool:
    """Whether a text means this setting: by its whole name, or by the beginning of it where the text goes on with something else."""
    *written, last = named.split("__")
    known = setting.split("__")
    if last not in ("", "…"):
        written.append(last)
        if len(written) != len(known):
            return False
    names = [part == "NAME" for part in known[:-1]] + [False]
    fits = [one[0] in "<…{" or one == part or name for one, part, name in zip(written, known, names, strict=False)]
    return len(written) <= len(known) and all(fits)


def missing(text: str) -> list[str]:
    """What a text names as a setting though there is none. Names without a group are left out: pipelines and tests have such too."""
    whole = re.findall(rf"\bTAGSTONE(?:_[A-Z0-9]+)+__(?:{A_NAME}(?:__)?)*", text)
    ends = re.findall(r"…(__[A-Z0-9_]+)", text)
    return [named for named in whole if not any(is_there(named, setting) for setting in SETTINGS)] + [
        f"…{end}" for end in ends if not any(setting.endswith(end) for setting in SETTINGS)
    ]


def test_settings_that_texts_and_messages_name_exist() -> None:
    kinds = {".py", ".md", ".yaml", ".yml", ".html", ".env", ".sh"}
    paths = [*CHECKOUT.glob("*.md"), *(path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*"))]
    texts = [path for path in paths if path.suffix in kinds or path.name == "Containerfile"]
    found = {str(path.relative_to(CHECKOUT)): missing(path.read_text(encoding="utf-8")) for path in texts}
    assert {path: named for path, named in found.items() if named} == {}
    assert len(found) > 500


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("`TAGSTONE_RUNS__PIDS`, TAGSTONE_CLUSTERS__DAHLEM__PROFILES__GPU_A100__QUEUE=gpu, `…__BUILDS__CPU`", []),
        ("TAGSTONE_CLUSTERS__<NAME>__DESK. TAGSTONE_FORGES__…__URL TAGSTONE_CLUSTERS__{name}__… TAGSTONE_SITE__…", []),
        ("TAGSTONE_TEST_POSTGRES, and TAGSTONE_DOI", []),
        ("TAGSTONE_CLUSTERS__HERE__DESC=x", ["TAGSTONE_CLUSTERS__HERE__DESC"]),
        ("TAGSTONE_CLUSTERS__DESK, TAGSTONE_SITE__TITLE", ["TAGSTONE_CLUSTERS__DESK", "TAGSTONE_SITE__TITLE"]),
        (
            "TAGSTONE_CLUSTERS__<NAME>__BUILD__… and `…__BUILDS__CPUS`",
            ["TAGSTONE_CLUSTERS__<NAME>__BUILD__…", "…__BUILDS__CPUS"],
        ),
    ],
)
def test_a_setting_that_is_not_there_is_found_in_a_text(text: str, named: list[str]) -> None:
    assert missing(text) == named
