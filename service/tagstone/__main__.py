"""The process entry of the command line: `tagstone` and `python -m tagstone`."""

import gc
import os
import sys


def main() -> None:
    """Run the command line."""
    # We have no plugins; to look for some reads the metadata of every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # What is loaded stays, and is not searched for garbage a hundred times over.
    gc.set_threshold(50_000, 20, 20)
    from tagstone.cli.application import COMMANDS, application

    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter shows its escape, rather than ending the command.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text streams in a process of its own
    # One command alone loads in half the time of all of them.
    application(*(name for name in sys.argv[1:2] if name in COMMANDS))()


if __name__ == "__main__":
    main()
