"""What is asked of the person at the terminal, and who that is."""

import os
import pwd
import sys

import typer

from tagstone.domain.people.deed import Actor, Origin
from tagstone.errors import Conflict


def who() -> str:
    """The user of this system, by name where there is one."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def myself() -> Actor:
    """Who does something here, for the audit log."""
    return Actor(who(), Origin.COMMAND)


def confirm(question: str, *, refused: str, nobody: str, remedy: str) -> None:
    """Ask once, where there is somebody to ask. Raises: Conflict with `nobody` where there is none, with `refused` after a no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Conflict(nobody, remedy=remedy)
    if not typer.confirm(question, err=True):
        raise Conflict(refused, remedy=remedy)
