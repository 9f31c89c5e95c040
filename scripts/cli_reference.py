"""Writes docs/reference/cli.md from the command line's own help, so that both say the same.

Usage: cli_reference.py [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.main import get_command

from tagstone.cli.application import application as command_line
from tagstone.cli.exit_codes import MEANINGS

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
_WIDTH = 100
_HEAD = """\
# The command line

Made by `scripts/cli_reference.py` from `--help`; do not edit.

Answers go to stdout, progress and errors to stderr. With `--json` exactly one JSON object is printed on stdout, also for
errors. Wherever an `ID` is asked for, a publication id (or its beginning), a DOI, a tag or a record's address will do.
"""


def reference() -> str:
    """The whole reference as Markdown."""
    sections = [_HEAD, "## Exit codes\n\n| code | meaning |\n| --- | --- |"]
    sections[1] += "".join(f"\n| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()) + "\n"
    sections += [f"## `{name}`\n\n```text\n{text}\n```\n" for name, text in helps()]
    return "\n".join(sections)


def helps() -> Iterator[tuple[str, str]]:
    """Every command with the text of its `--help`, groups before their members."""
    root = get_command(command_line())
    waiting = [(typer.Context(root, info_name="tagstone", terminal_width=_WIDTH), root)]
    while waiting:
        context, command = waiting.pop(0)
        yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        children = getattr(command, "commands", {})
        nested = [
            (typer.Context(child, info_name=name, parent=context, terminal_width=_WIDTH), child)
            for name, child in children.items()
        ]
        waiting[:0] = nested


def main() -> int:
    """Write the reference, or with `--check` say whether it is up to date."""
    text = reference()
    if sys.argv[1:] == ["--check"]:
        if REFERENCE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{REFERENCE} is out of date: run scripts/cli_reference.py.", file=sys.stderr)
        return 1
    REFERENCE.parent.mkdir(parents=True, exist_ok=True)
    REFERENCE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
