"""Documents point at what is there."""

import re
import subprocess
from pathlib import Path

import pytest

import values_reference

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
