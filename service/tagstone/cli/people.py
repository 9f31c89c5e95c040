"""Commands of admins: who signed in, which roles they have, and the tokens that they made."""

from typing import Annotated

import typer

from tagstone.cli.asking import myself
from tagstone.cli.keeping import table
from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, answering
from tagstone.cli.safe_text import visible
from tagstone.domain.people.viewer import Role

people = typer.Typer(help="Keep people's roles and tokens.", no_args_is_help=True, rich_markup_mode=None)

Who = Annotated[str, typer.Argument(metavar="PERSON", help="Number or name, see `people list`.", show_default=False)]


@people.callback()
def _people() -> None:
    """Keep people's roles and tokens.

    People are known from when they sign in for the first time. What they may do with a project follows from what they are in its
    GitLab project; curators look after every project, admins after people too.
    """


@people.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List everybody who signed in, those with a role first."""
    with answering(json=json) as output:
        from tagstone.store import people as kept

        with application_of(context).sessions.read() as session:
            found: list[dict[str, object]] = [
                {
                    "person": row.id,
                    "name": row.name,
                    "role": row.role,
                    "account": f"{row.forge} {row.remote}" if row.forge else None,
                    "provider": row.issuer,
                }
                for row in kept.listing(session)
            ]
        output.answer({"people": found}, lambda: table(("PERSON", "NAME", "ROLE", "ACCOUNT", "PROVIDER"), found))


@people.command("grant")
def grant(
    context: typer.Context,
    person: Who,
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="curator or admin.", show_default=False)],
    json: Json = False,
) -> None:
    """Give somebody a role, in place of the one they have."""
    with answering(json=json) as output:
        from tagstone.actions import keep_people

        application = application_of(context)
        with application.sessions.write() as session:
            row = keep_people.one(session, person)
            new = keep_people.grant(session, application.clock.now(), row, role, myself())
            data = {"person": row.id, "name": row.name, "role": role.value, "new": new}
        output.answer(data, lambda: visible(f"{row.name} is {role} {'now' if new else 'already'}."))


@people.command("revoke")
def revoke(context: typer.Context, person: Who, json: Json = False) -> None:
    """Take somebody's role, and sign them out everywhere."""
    with answering(json=json) as output:
        from tagstone.actions import keep_people

        application = application_of(context)
        with application.sessions.write() as session:
            row = keep_people.one(session, person)
            had = keep_people.revoke(session, application.clock.now(), row, myself())
            data = {"person": row.id, "name": row.name, "role": None, "had": had}
        output.answer(data, lambda: visible(f"{row.name} has no role {'any more' if had else 'and had none'}."))


@people.command("link")
def link(
    context: typer.Context,
    person: Who,
    forge: Annotated[str, typer.Argument(metavar="FORGE", help="Name of a forge in the settings.", show_default=False)],
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of their account there.", show_default=False)],
    json: Json = False,
) -> None:
    """Say whose account at a forge it is.

    Needed only where people sign in with another provider than the forge. Look well: it gives them all that the account may do there.
    """
    with answering(json=json) as output:
        from tagstone.actions import keep_people

        application = application_of(context)
        with application.sessions.write() as session:
            row, now = keep_people.one(session, person), application.clock.now()
            keep_people.link(session, now, row, forge, number, application.settings.forges, myself())
            data = {"person": row.id, "name": row.name, "forge": forge, "number": number}
        output.answer(data, lambda: visible(f"{row.name} has the account {number} at {forge}."))


@people.command("tokens")
def tokens(
    context: typer.Context,
    person: Annotated[
        str | None, typer.Argument(metavar="PERSON", help="Whose; default: everybody's.", show_default=False)
    ] = None,
    revoke: Annotated[
        int | None, typer.Option("--revoke", metavar="TOKEN", help="Revoke this one.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List tokens for programs, newest first, or revoke one.

    The tokens themselves are kept nowhere.
    """
    if revoke is not None and person is not None:
        raise typer.BadParameter("Give a person, or --revoke TOKEN.")
    with answering(json=json) as output:
        from tagstone.actions import keep_people

        application = application_of(context)
        if revoke is not None:
            with application.sessions.write() as session:
                name = keep_people.revoke_token(session, revoke, application.clock.now(), myself()).name
            output.answer({"token": revoke, "revoked": True}, lambda: visible(f"The token {revoke} ({name}) is revoked."))
            return
        from tagstone.store import people as kept

        with application.sessions.read() as session:
            owner = keep_people.one(session, person).id if person is not None else None
            names = {row.id: row.name for row in kept.listing(session)}
            rows = kept.tokens(session, owner)
        now = application.clock.now()
        found: list[dict[str, object]] = [
            {
                "token": row.id,
                "person": names[row.person_id],
                "name": row.name,
                "scopes": sorted(kept.scopes(row)),
                "stands": "revoked" if row.revoked_at is not None else "expired" if row.expires_at <= now else "good",
                "expires_at": row.expires_at,
                "used_at": row.used_at,
            }
            for row in rows
        ]
        shown = [{name: one[name] for name in ("token", "person", "name", "scopes", "stands")} for one in found]
        output.answer({"tokens": found}, lambda: table(("TOKEN", "PERSON", "NAME", "SCOPES", "STANDS"), shown))
