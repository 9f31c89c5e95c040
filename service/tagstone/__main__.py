"""The process entry of the command line: `tagstone` and `python -m tagstone`."""

import sys


def main() -> None:
    """Run the command line."""
    from tagstone.cli.application import app

    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter shows its escape, rather than ending the command.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text streams in a process of its own
    app()


if __name__ == "__main__":
    main()
