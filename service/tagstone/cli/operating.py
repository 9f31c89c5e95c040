"""Commands that keep a machine going: base-image, serve, worker, db upgrade, db wait, doctor."""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, answering, tell
from tagstone.cli.safe_text import visible
from tagstone.errors import Conflict, NotFound

if TYPE_CHECKING:
    from rich.table import Table

    from tagstone.bootstrap import Application
    from tagstone.cli.doctor import Finding

_AWAY = "the database cannot be reached"

database = typer.Typer(help="Look after the database.", no_args_is_help=True, rich_markup_mode=None)


def base_image(
    context: typer.Context,
    base: Annotated[str, typer.Argument(metavar="BASE", help="What to make, such as debian:bookworm.", show_default=False)],
    json: Json = False,
) -> None:
    """Make a base image from a distribution's packages.

    For sites that cannot pull: the image goes into the registry, where environments that name the base find it. Equal packages
    give an equal digest. A base that is there already stays as it is.
    """
    with answering(json=json) as output:
        from tagstone.actions.base_image import make_base_image, resolve_base, this_platform
        from tagstone.domain.environments.lock import Lock

        application = application_of(context)
        platform, made = this_platform(), False
        try:
            image = resolve_base(application.registry, None, base, Lock(), platform)
        except NotFound:
            tell(f"making {base} from its distribution's packages")
            image = make_base_image(application.registry, application.make_root, base, application.scratch, platform)
            made = True
        told = f"{visible(base)} is {image.reference}" + ("" if made else ", as before")
        output.answer({"base": base, "image": str(image.reference), "made": made}, lambda: told)


class Part(StrEnum):
    """What a service is made of."""

    PAGES = "pages"
    RECEIVER = "receiver"
    WORKER = "worker"


def serve(
    context: typer.Context,
    only: Annotated[
        list[Part] | None,
        typer.Option(
            "--only", metavar="PART", help="pages, receiver or worker, several times; default: all.", show_default=False
        ),
    ] = None,
) -> None:
    """Serve pages and API, receive what hooks deliver, and work.

    All in one process. Offers the embedded registry's images too, read-only at /v2/, so that any engine can pull them by digest.
    Hooks are received where the site has a GitLab, below /hooks/ unless TAGSTONE_RECEIVING__PORT is set. Ctrl-C ends it.
    """
    with answering(json=False):
        from tagstone import service

        application = application_of(context)
        tell(f"serving {application.url} (Ctrl-C ends it)")
        service.serve(application, only or service.PARTS)


def worker(
    context: typer.Context,
    drain: Annotated[bool, typer.Option("--drain", help="End when nothing is left to do.")] = False,
) -> None:
    """Perform what is queued.

    Takes over what a worker that died left unfinished. `publish` and `rehearse` start one by themselves when none is there.
    """
    with answering(json=False):
        from tagstone.worker import run_worker

        run_worker(application_of(context), drain=drain)


@database.callback()
def _database() -> None:
    """Look after the database."""


@database.command("upgrade")
def upgrade(
    context: typer.Context,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for a database that is away.")] = False,
) -> None:
    """Bring the database to this version's tables.

    Nothing happens when they are there. SQLite is brought up to date by itself; PostgreSQL waits for this command.
    """
    with answering(json=False):
        from tagstone.store import migrations

        application = application_of(context)
        if wait:
            _wait_while(application, lambda: "" if _is_there(application) else _AWAY)
        before = migrations.current(application.engine)
        # Ours last: who waits for this version's tables looks at those, and then all are there.
        application.queue.prepare()
        migrations.upgrade(application.engine)
        after = migrations.head()
        print(f"revision {after}" + ("" if before == after else f" (was {before or 'empty'})"))


@database.command("wait")
def await_tables(context: typer.Context) -> None:
    """Wait until the database has this version's tables.

    For what starts processes, beside what upgrades: it ends when `db upgrade` has been there, and fails where the tables are newer. A database that is away is waited for.
    """
    with answering(json=False):
        application = application_of(context)
        _wait_while(application, lambda: _missing(application))
        print("The tables are there.")


def _wait_while(application: "Application", trouble: Callable[[], str]) -> None:
    """Wait until there is no trouble, and say what it is whenever it changes."""
    told = ""
    while now := trouble():
        if now != told:
            tell(f"waiting: {now}")
        told = now
        time.sleep(application.durations.poll_longest)


def _is_there(application: "Application") -> bool:
    from sqlalchemy.exc import OperationalError

    try:
        application.engine.connect().close()
    except OperationalError:
        return False
    return True


def _missing(application: "Application") -> str:
    """What keeps this version from working with the database; nothing when it can. Raises: Conflict where the tables are newer."""
    from tagstone.store import migrations

    if not _is_there(application):
        return _AWAY
    found, wanted = migrations.current(application.engine), migrations.head()
    if found is not None and found > wanted:
        raise Conflict(
            f"The database has revision {found}, this version needs {wanted}.", remedy="Install the newer Tagstone again."
        )
    return "" if found == wanted else f"the database has revision {found or 'none'}, this version needs {wanted}"


def doctor(
    context: typer.Context,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster", help="Look at the clusters that runs go to as well; makes three small pods on each for a moment."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Check this machine.

    Looks at programs, engines, registry, database, disk, base images, worker, and asks its server about each credential. With --cluster also at what the service may do on each cluster, its nodes, what becomes of a Job there, and whether pods reach the desk and nothing else. Each line is ok, a warning or a fault, with what to do about it; faults end with exit code 8.
    """
    with answering(json=json) as output:
        from tagstone.cli.doctor import FAULT, examine

        application = application_of(context)
        findings = examine(application)
        if cluster:
            from tagstone.cli.doctor_clusters import examine_clusters

            findings += examine_clusters(application)
        faulty = any(finding.verdict == FAULT for finding in findings)
        checks = [{"check": f.check, "verdict": f.verdict, "text": f.text, "remedy": f.remedy} for f in findings]
        output.answer({"healthy": not faulty, "checks": checks}, lambda: _findings(findings))
        if faulty:
            raise typer.Exit(int(ExitCode.PERMANENT))


def _findings(findings: "list[Finding]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    styles = {"ok": "green", "warning": "yellow", "fault": "bold red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        text = visible(finding.text) + (f"\n→ {visible(finding.remedy)}" if finding.remedy else "")
        table.add_row(Text(finding.verdict, style=styles[finding.verdict]), Text(finding.check), Text(text))
    return table
