"""Commands of curators: accounts at depositories, and which project publishes with which."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.asking import myself
from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, answering, tell
from tagstone.cli.safe_text import visible
from tagstone.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from rich.table import Table
    from sqlalchemy.orm import Session

    from tagstone.bootstrap import Application
    from tagstone.store.tables import Project

accounts = typer.Typer(help="Keep accounts at depositories.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the account is called here.", show_default=False)]


@accounts.callback()
def _accounts() -> None:
    """Keep accounts at depositories.

    A project that a curator bound to an account publishes with its token; the records and DOIs are its owner's. Tokens rest sealed
    in the database, and are printed by no command.
    """


@accounts.command("add")
def add(
    context: typer.Context,
    name: Name,
    depository: Annotated[str, typer.Option(help="The depository that the account is at.", show_default=False)],
    owner: Annotated[str, typer.Option(help="Whose records and DOIs they will be, in words for people.", show_default=False)],
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the token is read from.", show_default=False)
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Give an account that is there a new token and owner.")] = False,
    json: Json = False,
) -> None:
    """Add an account.

    The token is read from a file, from standard input, or from a hidden prompt; never from the command line, which everybody on
    the machine can read. The depository is asked whether the account may deposit; where it does not answer, a warning says so.
    """
    with answering(json=json) as output:
        from tagstone.actions import keep_accounts

        application = application_of(context)
        new = keep_accounts.NewAccount(name, depository, owner, secret_token(token_file))
        unasked = keep_accounts.look_at(application.depositories, application.policy, new)
        with application.sessions.write() as session:
            now = application.clock.now()
            made = keep_accounts.add(session, application.vault, now, new, myself(), replace=replace)
        if unasked is not None:
            tell(f"warning: {depository} could not be asked about it: {unasked}")
        told = f"{name} at {visible(depository)} is {'added' if made else 'replaced'}; its owner is {visible(owner)}."
        data = {"account": name, "depository": depository, "owner": owner, "new": made, "checked": unasked is None}
        output.answer(data, lambda: told)


@accounts.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List accounts, and the projects bound to them; never tokens."""
    with answering(json=json) as output:
        from tagstone.store import accounts as kept

        with application_of(context).sessions.read() as session:
            rows = kept.listing(session)
            found: list[dict[str, object]] = [
                {
                    "account": row.name,
                    "depository": row.depository,
                    "owner": row.owner,
                    "projects": [project.key for project in kept.bound_to(session, row.name)],
                }
                for row in rows
            ]
        output.answer({"accounts": found}, lambda: table(("ACCOUNT", "DEPOSITORY", "OWNER", "PROJECTS"), found))


@accounts.command("remove")
def remove(context: typer.Context, name: Name, json: Json = False) -> None:
    """Forget an account and its token.

    Refused while projects are bound to it, or drafts were made with it.
    """
    with answering(json=json) as output:
        from tagstone.actions import keep_accounts

        application = application_of(context)
        with application.sessions.write() as session:
            keep_accounts.remove(session, application.clock.now(), name, myself())
        output.answer({"account": name, "removed": True}, lambda: f"{name} is removed.")


@accounts.command("key")
def key() -> None:
    """Make a key to seal tokens with.

    It belongs into TAGSTONE_SECRET_KEYS, a JSON list whose first key seals; keep older ones behind it until `accounts reseal` is done.
    """
    with answering(json=False):
        from tagstone.adapters.vault import new_key

        print(new_key(), flush=True)


@accounts.command("reseal")
def reseal(context: typer.Context, json: Json = False) -> None:
    """Seal every token with the newest key.

    Afterwards older keys can leave TAGSTONE_SECRET_KEYS.
    """
    with answering(json=json) as output:
        from tagstone.actions import keep_accounts

        application = application_of(context)
        with application.sessions.write() as session:
            number = keep_accounts.reseal(session, application.vault, application.clock.now(), myself())
        output.answer({"resealed": number}, lambda: f"{number} token{'' if number == 1 else 's'} sealed with the newest key.")


def bind(
    context: typer.Context,
    project: Annotated[
        str | None, typer.Argument(metavar="PROJECT", help="A project's key, name or repository.", show_default=False)
    ] = None,
    account: Annotated[
        str | None,
        typer.Argument(metavar="ACCOUNT", help="An account, or a depository for the site's own there.", show_default=False),
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Undo the binding.")] = False,
    every: Annotated[bool, typer.Option("--list", help="List what is bound.")] = False,
    json: Json = False,
) -> None:
    """Let a project publish with an account.

    Its records and DOIs will be the account's. What is under way stays with the account that it was begun with.
    """
    if every == (project is not None) or (project is None) != (account is None) or (every and release):
        raise typer.BadParameter("Give PROJECT and ACCOUNT, with --release to undo it; or --list alone.")
    with answering(json=json) as output:
        from tagstone.actions import keep_accounts
        from tagstone.store import accounts as kept

        application = application_of(context)
        if project is None or account is None:
            with application.sessions.read() as session:
                found = [_bound(session, row.project_id, row.depository, row.account) for row in kept.bindings(session)]
            output.answer({"bindings": found}, lambda: table(("PROJECT", "KEY", "DEPOSITORY", "ACCOUNT"), found))
            return
        with application.sessions.write() as session:
            row, now = _project(application, session, project), application.clock.now()
            if release:
                keep_accounts.release(session, now, row, account, myself())
                told, depository = f"{row.name} is not bound to {account} any more.", None
            else:
                depository, before = keep_accounts.bind(session, application.policy, now, row, account, myself())
                series = kept.series(session, row.id, depository)
                told = f"{row.name} publishes at {depository} with {account}."
                if series is not None and before != account:
                    tell(
                        f"warning: the account has to be able to continue the series {series}, which {before or depository} began."
                    )
        data = {"project": row.key, "depository": depository, "account": None if release else account}
        output.answer(data, lambda: visible(told))


def _project(application: "Application", session: "Session", text: str) -> "Project":
    """The project that a person means, made known when it is a repository that is not. Raises: NotFound, Conflict."""
    from tagstone.store import projects

    found = projects.find(session, text)
    alike = [found] if found else projects.named(session, text)
    if len(alike) > 1:
        keys = ", ".join(row.key for row in alike)
        raise Conflict(f"{text[:200]!r} names several projects: {keys}.", remedy="Give the key.")
    if alike:
        return alike[0]
    try:
        return projects.ensure(session, application.forge.identify(text), application.clock.now())
    except (NotFound, Invalid):
        raise NotFound(
            f"There is no project {text[:200]!r}.", remedy="Give a project's key or name, or the path of its repository."
        ) from None


def _bound(session: "Session", project_id: int, depository: str, account: str | None) -> dict[str, object]:
    from tagstone.store import projects

    project = projects.get(session, project_id)
    return {"project": project.name, "key": project.key, "depository": depository, "account": account}


def secret_token(file: Path | None) -> str:
    """The token from where a secret may come from. Raises: Invalid, NotFound."""
    if file is None:
        if sys.stdin.isatty():
            return str(typer.prompt("Token", hide_input=True, err=True)).strip()
        return sys.stdin.readline(10_000).strip()
    try:
        with file.open(encoding="utf-8") as stream:
            return stream.read(10_000).strip()
    except OSError as error:
        raise NotFound(f"The token's file cannot be read: {error.strerror}.", remedy="Give the path of a file.") from None
    except UnicodeDecodeError:
        raise Invalid("The token's file is no text.", remedy="Put the token into it, and nothing else.") from None


def table(names: tuple[str, ...], rows: list[dict[str, object]]) -> "Table":
    """A table for people, of rows that are made safe for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = (", ".join(map(str, cell)) if isinstance(cell, list) else str(cell or "") for cell in row.values())
        table.add_row(*(Text(visible(cell)) for cell in cells))
    return table
