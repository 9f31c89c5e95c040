"""What a terminal is shown of hostile words: arguments, logs and titles are shown, never obeyed."""

import json
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path

from typer.testing import CliRunner

from assets.hostile import texts
from hostile.judge import Case, Place, cases, judged
from hostile.repositories import Change, Repository, changed
from tagstone.bootstrap import Application
from tagstone.cli.application import application as command_line
from tagstone.cli.safe_text import LogText
from tagstone.settings import Settings

OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _told(arguments: tuple[str, ...], place: Place, path: str) -> str:
    """Exit code, answer and complaints of a command; nothing in them may move a terminal."""
    application = Application(Settings(home=place.home, _site=None))
    words = [argument.replace("{path}", path).replace("{canary}", str(place.canary)) for argument in arguments]
    done = CliRunner().invoke(command_line(), words, obj=lambda: application)
    text = done.stdout + done.stderr
    assert done.exit_code in range(1, 10), (done.exit_code, text, done.exception)
    obeyed = [character for character in text if unicodedata.category(character) in OBEYED and character != "\n"]
    assert obeyed == [], ascii(text)
    if "--json" in words:
        assert json.loads(done.stdout)
    else:
        assert "→" in text or done.exit_code == 2, text
    return f"exit {done.exit_code}: {text}"


def _log(data: bytes, _place: Place, _made: object) -> str:
    text = LogText()
    shown = "".join(text.feed(data[at : at + 7]) for at in range(0, len(data), 7)) + text.feed(b"", final=True)
    assert not any(unicodedata.category(character) in OBEYED for character in shown if character != "\n")
    return shown


def _manifest(text: str) -> Change:
    return lambda repository: repository.author.write(repository.path, {"tagstone.yml": text.encode()})


def _nothing(_repository: Repository) -> None:
    """The project stays sound."""


def _command(name: str, says: str, *arguments: str, change: Change = _nothing) -> Case:
    made, do = partial(changed, change), partial(_told, arguments)
    return Case(f"command line: {name}", made, do, says, harmless=True, leaves=("tagstone.sqlite", "locks", "secret"))


def _shown(name: str, data: bytes, says: str) -> Case:
    return Case(f"command line: a log of {name}", lambda place: None, partial(_log, data), says, harmless=True)


TABLE = [
    _command("a tag with a newline", "exit 3", "publish", "{path}", "--tag", "v1\nv2"),
    _command("a tag of escapes", "exit 3", "publish", "{path}", "--tag", "\x1b]0;owned\x07"),
    _command("a tag of shell words", "There is no tag", "publish", "{path}", "--tag", "$(touch${IFS}{canary})"),
    _command("a tag that is shown backwards", "exit 3", "check", "{path}", "--ref", "v1\u202e0.1"),
    _command("a tag of five thousand characters", "exit 3", "check", "{path}", "--ref", "v" * 5000),
    _command("a place of escapes", "exit 4", "check", "/nowhere/\x1b[2J\u202e"),
    _command("a place of shell words", "exit 4", "check", "; touch {canary}"),
    _command("a place of a hundred thousand characters", "exit 4", "check", "x" * 100_000),
    _command("an identity of escapes", "exit 4", "show", "\x1b[31mp0\x9b\u2066"),
    _command("an identity of SQL", "exit 4", "show", "' OR 1=1; DROP TABLE publications; --"),
    _command("an identity of escapes as JSON", "exit 4", "show", "\x1b[31mp0\x7f", "--json"),
    _command("an option that is none", "exit 2", "check", "--\x1b[31mfix"),
    _command("a manifest of escapes", "exit 3", "check", "{path}", change=_manifest(texts.MANIFEST + '"a\\u202eb": 1\n')),
    _command("a manifest of markup for the terminal", "[red]x[/red]", "check", "{path}",
             change=_manifest(texts.MANIFEST.replace("analysis.py]", "'{x}']") + "'[red]x[/red]': 1\n")),
    _command("file names of escapes", "\\x1b[2J", "check", "{path}",
             change=lambda repository: repository.author.write(repository.path, {"a\x1b[2Jb\u202e": b"x"})),
    _shown("escapes", b"\x1b[2J\x1b]0;owned\x07 \x9b31m", "\\x1b[2J"),
    _shown("line ends that overwrite", b"rm -rf /\rall is well\n", "rm -rf /\nall is well"),
    _shown("bytes that are no characters", b"\xff\xfe\xc0\xaf", "\\xff"),
    _shown("text that is shown backwards", "\u202egnp.exe".encode(), "\\u202egnp.exe"),
    _shown("half a character at the end", "\u00fc".encode()[:1], "\\xc3"),
]  # fmt: skip


@cases(TABLE)
def test_hostile_words(case: Case, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    judged(case, tmp_path, record_property)
