"""Commands about projects of forges: register, unregister, registrations, import-tags, announce, deliveries."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.asking import myself
from tagstone.cli.keeping import secret_token, table
from tagstone.cli.opening import application_of, named
from tagstone.cli.output import Json, answering, tell
from tagstone.cli.publishing import Identity
from tagstone.cli.safe_text import visible, visible_lines
from tagstone.domain.forges.registration import ImageBuilder, What
from tagstone.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from typer.models import OptionInfo

    from tagstone.bootstrap import Application
    from tagstone.store.tables import Registration

deliveries = typer.Typer(help="Look at what hooks delivered.", no_args_is_help=True, rich_markup_mode=None)

Named = Annotated[
    str, typer.Argument(metavar="PROJECT", help="Path or number of a GitLab project, such as stars/wobble.", show_default=False)
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Where a maintainer's token is read from.", show_default=False),
]
At = Annotated[
    str | None, typer.Option("--forge", metavar="NAME", help="Which GitLab of the settings; the only one needs no name.")
]


def _cap(metavar: str, what: str, example: str = "") -> "OptionInfo":
    """An option that caps the hardware of a project's runs."""
    option: OptionInfo = typer.Option(
        metavar=metavar, help=f"The most {what} that its runs may have{example}.", show_default=False
    )
    return option


def register(
    context: typer.Context,
    project: Named,
    *,
    forge: At = None,
    builder: Annotated[
        ImageBuilder, typer.Option(help="Who builds images: the project's pipeline, or this service.")
    ] = ImageBuilder.CI,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="GLOB", help="Tags to publish, several times; default: versions without a pre-release suffix."
        ),
    ] = None,
    announce: Annotated[
        list[What] | None,
        typer.Option("--announce", help="What the service writes at GitLab, several times.", show_default=False),
    ] = None,
    lend_file: Annotated[
        Path | None,
        typer.Option("--lend-file", metavar="FILE", help="The project's own token that it lends.", show_default=False),
    ] = None,
    rotate: Annotated[bool, typer.Option("--rotate/--no-rotate", help="Renew the lent token before it ends.")] = True,
    account: Annotated[
        str | None,
        typer.Option(metavar="ACCOUNT", help="The account that its records are deposited with.", show_default=False),
    ] = None,
    max_cpu: Annotated[str | None, _cap("CORES", "cores")] = None,
    max_memory: Annotated[str | None, _cap("SIZE", "memory", ", such as 4Gi")] = None,
    max_disk: Annotated[str | None, _cap("SIZE", "disk", ", such as 20Gi")] = None,
    max_gpu: Annotated[str | None, _cap("NUMBER", "GPUs")] = None,
    max_time: Annotated[str | None, _cap("TIME", "time", ", such as 2h")] = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Register a project: hook, protected tags and all.

    A maintainer's access token (scope api) is read from a file, from standard input, or from a hidden prompt; it is used for this once,
    and kept nowhere. Asked again it sets up what is missing, and changes what is asked for differently.
    With --announce the service writes releases, the commits' status, a badge, or comments for who pushed the tag. That needs an access
    token that the project lends (scope api; developer, for badges maintainer), which is kept sealed.
    """
    with answering(json=json) as output:
        from tagstone.actions.register import Asking, Granted
        from tagstone.domain.runs.caps import Caps, parse

        caps = parse({"cpu": max_cpu, "memory": max_memory, "disk": max_disk, "gpu": max_gpu, "time": max_time})
        granted = Granted(account, None if caps == Caps() else caps)
        application = application_of(context)
        lent = secret_token(lend_file) if lend_file else None
        at, which = forge_named(application, forge), _which(project)
        asking = Asking(at, which, builder, tuple(tags or ()), myself(), frozenset(announce or ()), lent, rotates=rotate)
        registrar = application.forges.registrar_with(secret_token(token_file))
        made = application.forges.registering.grant(asking, registrar, granted)
        data = {
            "registration": made.registration,
            "project": made.project.path,
            "url": made.project.url,
            "done": list(made.done),
        }
        output.answer(data, lambda: visible_lines("\n".join(made.done)))


def unregister(
    context: typer.Context, project: Named, forge: At = None, token_file: TokenFile = None, json: Json = False
) -> None:
    """Take a project's registration back.

    Its hook is removed; what is published stays.
    A maintainer's access token is read from a file, from standard input, or from a hidden prompt.
    """
    with answering(json=json) as output:
        application = application_of(context)
        done = application.forges.registering.end(
            forge_named(application, forge),
            _which(project),
            application.forges.registrar_with(secret_token(token_file)),
            myself(),
        )
        output.answer({"project": project, "done": list(done)}, lambda: visible_lines("\n".join(done)))


def registrations(context: typer.Context, json: Json = False) -> None:
    """List the projects that are registered, were, or ask to be.

    `tagstone register` grants what is asked for, `tagstone refuse` refuses it.
    """
    with answering(json=json) as output:
        from tagstone.domain.forges.registration import Standing
        from tagstone.domain.runs.caps import load
        from tagstone.store import registrations as kept

        with application_of(context).sessions.read() as session:
            found: list[dict[str, object]] = [
                {
                    "project": row.path,
                    "forge": row.forge,
                    "number": row.remote,
                    "standing": row.standing,
                    "builder": row.builder,
                    "caps": str(load(row.caps)),
                    "asked_by": row.asked_by,
                    "note": row.refused_because or row.note,
                }
                for standing in Standing
                for row in kept.standing(session, standing)
            ]
        names = ("PROJECT", "FORGE", "NUMBER", "STANDING", "BUILDER", "CAPS", "ASKED BY", "NOTE")
        output.answer({"registrations": found}, lambda: table(names, found))


def refuse(
    context: typer.Context,
    project: Named,
    because: Annotated[str, typer.Option("--because", metavar="REASON", help="Why; who asked is told.", show_default=False)],
    forge: At = None,
    json: Json = False,
) -> None:
    """Refuse to register a project that asked for it."""
    with answering(json=json) as output:
        application = application_of(context)
        row = _registered(application, forge_named(application, forge), _which(project))
        application.forges.registering.refuse(row.id, because, myself())
        output.answer({"registration": row.id, "project": row.path}, lambda: visible(f"{row.path} is refused."))


def import_tags(
    context: typer.Context,
    project: Named,
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="[TAG]...", help="Which tags; none lists those there are.", show_default=False)
    ] = None,
    forge: At = None,
    json: Json = False,
) -> None:
    """Publish tags from before the registration, one by one.

    Without tags it lists what could be imported. Each takes its turn like a tag that was just pushed.
    """
    with answering(json=json) as output:
        application = application_of(context)
        row = _registered(application, forge_named(application, forge), _which(project))
        if not tags:
            there = [
                tag.name for tag in application.forges.projects.tags(application.forges.projects.project(row.forge, row.remote))
            ]
            output.answer({"project": row.path, "tags": there}, lambda: visible_lines("\n".join(there) or "no tags"))
            return
        taken = {tag: application.forges.reconciliation.older_tag(row, tag, myself()) for tag in tags}
        said = "\n".join(f"{tag} {'is taken up' if new else 'was taken up before'}" for tag, new in taken.items())
        output.answer({"project": row.path, "taken": taken}, lambda: visible_lines(said))


def announce(context: typer.Context, identity: Identity, json: Json = False) -> None:
    """Tell GitLab anew how a publication stands.

    As far as its project's registration lets the service, for instance after a token was renewed. What is there already is found, and not
    made twice.
    """
    with answering(json=json) as output:
        from tagstone.store import announcements, publications

        application = application_of(context)
        found = named(application, identity)
        with application.sessions.write() as session:
            owed = announcements.owe_anew(session, publications.get(session, found.id), application.clock.now())
            told = [f"{one.what} {one.event}".strip() for one in owed]
        if not told:
            raise Conflict(
                f"Nothing is written at GitLab about {found.id}.",
                remedy="`tagstone register PROJECT --announce …` says what is.",
            )
        tell("a worker takes it up: `tagstone worker`")
        output.answer({"publication": found.id, "owed": told}, lambda: f"is told anew: {', '.join(told)}")


@deliveries.callback()
def _deliveries() -> None:
    """Look at what hooks delivered, and take a delivery once more."""


@deliveries.command("list")
def list_(
    context: typer.Context,
    most: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, the newest.")] = 50,
    json: Json = False,
) -> None:
    """List what hooks delivered, without what is private."""
    with answering(json=json) as output:
        from tagstone.store import deliveries as kept

        with application_of(context).sessions.read() as session:
            found: list[dict[str, object]] = [
                {
                    "delivery": row.id,
                    "event": row.happening,
                    "tag": row.ref,
                    "state": row.state,
                    "reason": row.reason,
                    "publication": row.publication_id,
                }
                for row in kept.newest(session, most)
            ]
        output.answer(
            {"deliveries": found}, lambda: table(("DELIVERY", "EVENT", "TAG", "STATE", "PUBLICATION", "REASON"), found)
        )


@deliveries.command("replay")
def replay(
    context: typer.Context,
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", help="Its number, see `deliveries list`.", show_default=False)],
    json: Json = False,
) -> None:
    """Take a delivery once more.

    As if it had come just now: what was done is found, and not done twice.
    """
    with answering(json=json) as output:
        from tagstone.domain.people.deed import Deed
        from tagstone.store import audit
        from tagstone.store import deliveries as kept

        application = application_of(context)
        with application.sessions.write() as session:
            row = kept.get(session, delivery)
            if row is None:
                raise NotFound(f"There is no delivery {delivery}.", remedy="`tagstone deliveries list` names those there are.")
            kept.again(row)
            application.queue.deliver(session, row.id, row.turns)
            audit.write(session, application.clock.now(), myself(), Deed.DELIVERY_REPLAYED, f"delivery {row.id}", row.ref)
            turn = row.turns
        tell("a worker takes it up: `tagstone worker`")
        output.answer({"delivery": delivery, "turn": turn}, lambda: f"delivery {delivery} is taken once more")


def _registered(application: "Application", forge: str, which: int | str) -> "Registration":
    from tagstone.store import registrations as kept

    project = application.forges.projects.project(forge, which)
    with application.sessions.read() as session:
        row = kept.of_remote(session, project.forge, project.number)
    if row is None:
        raise NotFound(f"{visible(project.path)} is not registered.", remedy="Register it: `tagstone register PROJECT`.")
    return row


def forge_named(application: "Application", name: str | None) -> str:
    """The name of a forge of the settings, the only one where none is named. Raises: Invalid."""
    known = sorted(application.settings.forges)
    if name is None and len(known) == 1:
        return known[0]
    if name in known and name is not None:
        return name
    said = f"This site has {', '.join(known)}." if known else "This site has no GitLab."
    raise Invalid(said, remedy="Name one with --forge." if known else "Set TAGSTONE_FORGES__GITLAB__URL.")


def _which(project: str) -> int | str:
    return int(project) if project.isdecimal() else project.strip("/")
