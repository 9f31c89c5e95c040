"""The command line put together: every command by its name, in the order in which people meet them."""

from importlib import import_module
from typing import Annotated

import typer

from tagstone import __version__

# Where each is, below `tagstone.cli`. Loaded when it is asked for: all of them take as long as what most of them do.
COMMANDS = {
    "init": "beginning.init",
    "check": "authoring.check",
    "rehearse": "publishing.rehearse",
    "publish": "publishing.publish",
    "reserve": "reserving.reserve",
    "list": "looking.list_",
    "show": "looking.show",
    "logs": "looking.logs",
    "approve": "reviewing.approve",
    "retry": "publishing.retry",
    "cancel": "publishing.cancel",
    "cite": "citing.cite",
    "diff": "differing.diff",
    "reproduce": "proving.reproduce",
    "verify": "proving.verify",
    "amend": "amending.amend",
    "withdraw": "amending.withdraw",
    "accounts": "keeping.accounts",
    "bind": "keeping.bind",
    "people": "people.people",
    "register": "registering.register",
    "unregister": "registering.unregister",
    "refuse": "registering.refuse",
    "registrations": "registering.registrations",
    "import-tags": "registering.import_tags",
    "announce": "registering.announce",
    "deliveries": "registering.deliveries",
    "hooks": "hooking.hooks",
    "audit": "admin.audit",
    "credentials": "admin.credentials",
    "ci": "ci.ci",
    "base-image": "operating.base_image",
    "serve": "operating.serve",
    "worker": "operating.worker",
    "db": "operating.database",
    "doctor": "operating.doctor",
}


def application(*names: str) -> typer.Typer:
    """The command line with the commands named, or with all of them."""
    # Plain help instead of boxes: it comes up in half the time, and reads the same in the reference.
    app = typer.Typer(name="tagstone", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(tagstone)
    for name in names or COMMANDS:
        module, _, attribute = COMMANDS[name].partition(".")
        found = getattr(import_module(f"tagstone.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"tagstone {__version__}")
        raise typer.Exit


def tagstone(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Turn a tagged commit into one citable, re-runnable record: code, data and image under one DOI.

    Everything lives under TAGSTONE_HOME. Answers go to stdout, progress and errors to stderr.
    """
