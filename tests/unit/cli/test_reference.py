"""The reference, the documents, the remedies and `--help` say the same."""

import re
from pathlib import Path

import pytest

import cli_reference

CHECKOUT = Path(__file__).resolve().parents[3]
DOCUMENTS = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
SOURCES = sorted((CHECKOUT / "service").rglob("*.py"))
HELPS = dict(cli_reference.helps())
COMMANDS = {name.removeprefix("tagstone").strip() for name in HELPS}
# In prose a command stands in backquotes, in examples at the beginning of a line or behind a folder.
QUOTED = re.compile(r"`tagstone ([^`]*[a-z-][^`]*)`")
EXAMPLE = re.compile(r"^ +(?:\$ )?(?:\.venv/bin/)?tagstone ([^#\n]*)", re.MULTILINE)


def unknown(text: str) -> list[str]:
    """What `text` is wrong about: commands that do not exist, and options that theirs does not have."""
    wrong = []
    for line in QUOTED.findall(text) + EXAMPLE.findall(text):
        words = line.split()
        name = (
            " ".join(words[:2])
            if words[:1] in (["accounts"], ["ci"], ["db"])
            else words[0]
            if words and not words[0].startswith("-")
            else ""
        )
        help_text = HELPS.get(f"tagstone {name}".strip())
        options = [word.rstrip(".,;") for word in words if word.startswith("--")]
        if help_text is None or any(not re.search(rf"(?<![\w-]){option}(?![\w-])", help_text) for option in options):
            wrong.append(line)
    return wrong


def test_the_reference_is_what_help_says():
    assert cli_reference.REFERENCE.read_text(encoding="utf-8") == cli_reference.reference()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_documents_name_only_commands_and_options_that_exist(document):
    assert unknown(document.read_text(encoding="utf-8")) == []


def test_remedies_name_only_commands_and_options_that_exist():
    # What is filled in when the message is made stands for one word.
    texts = {path: re.sub(r"\{[^{}]*\}", "ID", path.read_text(encoding="utf-8")) for path in SOURCES}
    mentions = {path: "\n".join(f"`tagstone {found}`" for found in QUOTED.findall(text)) for path, text in texts.items()}
    assert {str(path): wrong for path, text in mentions.items() if (wrong := unknown(text))} == {}


@pytest.mark.parametrize("name", sorted(HELPS))
def test_every_command_says_in_one_short_sentence_what_it_is_for(name):
    sentence = HELPS[name].split("\n\n")[1].replace("\n", " ").strip()
    assert sentence.endswith(".")
    if name != "tagstone":
        assert len(sentence) <= 60, "cut off in the list of commands"


def test_every_promised_command_is_there():
    promised = [
        "init",
        "check",
        "approve",
        "cite",
        "diff",
        "rehearse",
        "publish",
        "list",
        "show",
        "logs",
        "retry",
        "cancel",
        "reproduce",
        "verify",
        "amend",
        "withdraw",
        "bind",
        "base-image",
        "serve",
        "worker",
        "doctor",
    ]
    assert (
        set(promised) | {"db upgrade", *(f"accounts {name}" for name in ("add", "list", "remove", "key", "reseal"))} <= COMMANDS
    )
