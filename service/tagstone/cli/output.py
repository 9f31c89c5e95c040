"""What commands print: answers on stdout, for people or as one JSON object; errors and progress on stderr."""

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli import exit_codes
from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.foreign_errors import translated
from tagstone.cli.safe_text import LogText, visible, visible_lines
from tagstone.errors import Invalid, TagstoneError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_PIPED_WIDTH = 10_000  # columns: what another program reads is never cut or folded

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]


class Output:
    """Where one command answers; with `json` the answer is one object and nothing else reaches stdout."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def answer(self, data: Mapping[str, object], text: "Callable[[], str | RenderableType]") -> None:
        """Print the command's answer: `data` for programs, else `text` (safe already) for people."""
        if self.json:
            write_json(data)
            return
        told = text()
        if isinstance(told, str):
            print(told, flush=True)
            return
        screen = console(stderr=False)
        with screen.capture() as capture:
            screen.print(told)
        print("\n".join(line.rstrip() for line in capture.get().splitlines()), flush=True)

    def error(self, error: TagstoneError, code: ExitCode) -> None:
        """Print an error with its faults and its remedy."""
        faults = [str(fault) for fault in error.faults] if isinstance(error, Invalid) else []
        tell_error(error.message, error.remedy, faults if len(faults) > 1 else [])
        if self.json:
            write_json(
                {
                    "error": {
                        "kind": code.name.lower().replace("_", "-"),
                        "message": error.message,
                        "remedy": error.remedy,
                        "faults": faults,
                        "exit_code": int(code),
                    }
                }
            )


@contextmanager
def answering(*, json: bool) -> Iterator[Output]:
    """The block of one command: whatever goes wrong in it is told once and becomes the exit code."""
    output = Output(json=json)
    try:
        yield output
    except TagstoneError as error:
        code = exit_codes.of_error(error)
        output.error(error, code)
        raise typer.Exit(int(code)) from None
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        tell("interrupted")
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    except Exception as error:  # noqa: BLE001 - the last line of defence: a defect too is told with a remedy
        told = translated(error) or _defect(error)
        code = exit_codes.of_error(told)
        output.error(told, code)
        raise typer.Exit(int(code)) from None


def _defect(error: Exception) -> TagstoneError:
    # Only where it happened: the text of a foreign exception may quote a URL with its password.
    tell("".join(traceback.format_tb(error.__traceback__)).rstrip())
    return TagstoneError(f"Tagstone itself broke here: {type(error).__name__}.", remedy="Report it with the lines above.")


def tell(text: str) -> None:
    """Print lines for people on stderr, made safe."""
    print(visible_lines(text), file=sys.stderr, flush=True)


class ToldLog:
    """A log that is printed on stderr as it comes, in whole lines; `end` prints what has no line end yet."""

    def __init__(self) -> None:
        self._text = LogText()
        self._line = ""

    def feed(self, data: bytes) -> None:
        """Print the lines that are whole by now."""
        lines, _, self._line = (self._line + self._text.feed(data)).rpartition("\n")
        if lines:
            print(lines, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Print the rest; what comes next is another log."""
        if self._line:
            print(self._line, file=sys.stderr, flush=True)
        self._text, self._line = LogText(), ""


def tell_error(message: str, remedy: str | None, faults: list[str]) -> None:
    """Print an error on stderr: what happened, every fault on its own line, and what to do."""
    lines = [f"error: {message}", *(f"  - {visible(fault)}" for fault in faults)]
    if remedy:
        lines.append(f"  → {remedy}")
    tell("\n".join(lines))


def write_json(data: Mapping[str, object]) -> None:
    """Print one JSON object in ASCII: no control character of its strings can reach a terminal."""
    # DEL is ASCII, so the encoder lets it pass.
    print(json.dumps(data, indent=2).replace("\x7f", "\\u007f"), flush=True)


def console(*, stderr: bool) -> "Console":
    """A Rich console that takes text for text: no markup, no emoji codes, no highlighting."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)
