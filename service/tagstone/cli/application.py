"""The command line put together: every command by its name, in the order in which people meet them."""

from typing import Annotated

import typer

from tagstone import __version__
from tagstone.cli import (
    admin,
    amending,
    authoring,
    beginning,
    ci,
    citing,
    differing,
    hooking,
    keeping,
    looking,
    operating,
    people,
    proving,
    publishing,
    registering,
    reserving,
    reviewing,
)

# Plain help instead of boxes: it comes up in half the time, and reads the same in the reference.
app = typer.Typer(name="tagstone", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"tagstone {__version__}")
        raise typer.Exit


@app.callback()
def tagstone(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Turn a tagged commit into one citable, re-runnable record: code, data and image under one DOI.

    Everything lives under TAGSTONE_HOME. Answers go to stdout, progress and errors to stderr.
    """


app.command()(beginning.init)
app.command()(authoring.check)
app.command()(publishing.rehearse)
app.command()(publishing.publish)
app.command()(reserving.reserve)
app.command("list")(looking.list_)
app.command()(looking.show)
app.command()(looking.logs)
app.command()(reviewing.approve)
app.command()(publishing.retry)
app.command()(publishing.cancel)
app.command()(citing.cite)
app.command()(differing.diff)
app.command()(proving.reproduce)
app.command()(proving.verify)
app.command()(amending.amend)
app.command()(amending.withdraw)
app.add_typer(keeping.accounts, name="accounts")
app.command()(keeping.bind)
app.add_typer(people.people, name="people")
app.command()(registering.register)
app.command()(registering.unregister)
app.command()(registering.refuse)
app.command()(registering.registrations)
app.command("import-tags")(registering.import_tags)
app.command()(registering.announce)
app.add_typer(registering.deliveries, name="deliveries")
app.add_typer(hooking.hooks, name="hooks")
app.command()(admin.audit)
app.command()(admin.credentials)
app.add_typer(ci.ci, name="ci")
app.command("base-image")(operating.base_image)
app.command()(operating.serve)
app.command()(operating.worker)
app.add_typer(operating.database, name="db")
app.command()(operating.doctor)
