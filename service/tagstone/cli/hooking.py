"""Commands about hooks of groups and of whole GitLabs."""

from typing import Annotated, Literal

import typer

from tagstone.cli.asking import myself
from tagstone.cli.keeping import table
from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, answering, tell
from tagstone.cli.registering import At, forge_named
from tagstone.domain.forges.registration import HookScope

hooks = typer.Typer(help="Keep hooks of groups and GitLabs.", no_args_is_help=True, rich_markup_mode=None)


@hooks.callback()
def _hooks() -> None:
    """Keep hooks of groups and of whole GitLabs.

    They speak for every registered project there. A project's own hook is made by `tagstone register`.
    """


@hooks.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the hooks of groups and of whole GitLabs."""
    with answering(json=json) as output:
        from tagstone.store import hooks as kept

        with application_of(context).sessions.read() as session:
            found: list[dict[str, object]] = [
                {"hook": row.id, "forge": row.forge, "scope": row.scope} for row in kept.shared(session)
            ]
        output.answer({"hooks": found}, lambda: table(("HOOK", "FORGE", "SCOPE"), found))


@hooks.command("make")
def make(
    context: typer.Context,
    scope: Annotated[Literal["group", "system"], typer.Argument(metavar="SCOPE", help="group or system.", show_default=False)],
    forge: At = None,
    json: Json = False,
) -> None:
    """Make address and signing token of a hook.

    Give both to the hook that you add in GitLab (a group's: Settings, Webhooks; a whole GitLab's: Admin, System hooks), with tag
    push events, and for a group releases and pipelines. The token is shown this once.
    """
    with answering(json=json) as output:
        from tagstone.actions import keep_hooks

        application = application_of(context)
        name = forge_named(application, forge)
        with application.sessions.write() as session:
            vault = application.forges.vault_of_hooks
            made = keep_hooks.make(session, vault, application.clock.now(), name, HookScope(scope), myself())
        tell("the token is shown this once")
        address = f"{application.forges.hooks_at}/hooks/{made.id}"
        data = {"hook": made.id, "url": address, "signing_token": made.signing}
        output.answer(data, lambda: f"{address}\n{made.signing}")


@hooks.command("remove")
def remove(
    context: typer.Context,
    hook: Annotated[str, typer.Argument(metavar="HOOK", help="Its id, see `hooks list`.", show_default=False)],
    json: Json = False,
) -> None:
    """Take nothing from a hook any more."""
    with answering(json=json) as output:
        from tagstone.actions import keep_hooks

        application = application_of(context)
        with application.sessions.write() as session:
            keep_hooks.remove(session, application.clock.now(), hook, myself())
        output.answer({"hook": hook, "removed": True}, lambda: "removed; remove it in GitLab too")
