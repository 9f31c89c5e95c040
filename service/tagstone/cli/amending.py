"""Commands for after the release: amend, withdraw."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.asking import confirm, myself, who
from tagstone.cli.opening import application_of, named
from tagstone.cli.output import Json, answering
from tagstone.cli.publishing import Identity
from tagstone.cli.safe_text import visible
from tagstone.errors import Forbidden, Invalid, NotFound

if TYPE_CHECKING:
    from tagstone.actions.amend import Plan

_LARGEST = 2**20


def amend(
    context: typer.Context,
    identity: Identity,
    citation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A CITATION.cff that counts from now on.", show_default=False)
    ] = None,
    related: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RELATION=ID", help="Another work by DOI or address, such as supplement-to=10.1051/…", show_default=False
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Amend without being asked.")] = False,
    json: Json = False,
) -> None:
    """Change what a record says of itself, under the same DOI.

    Such as the DOI of the paper, once there is one: `--related supplement-to=10.…`. Shows what would be different, then asks. Files
    stay as they are: a change of those is a new version. With --json and without --yes it only shows.
    """
    if citation is None and not related:
        raise typer.BadParameter("Say what to change: --citation, --related, or both.")
    with answering(json=json) as output:
        from tagstone.actions import amend as amending

        application = application_of(context)
        row = named(application, identity)
        works = [amending.read_related(text) for text in related or ()]
        text = amending.read_citation(_text(citation), citation.name) if citation is not None else None
        wanted = amending.plan(row, application.clock.now(), who(), text, works)
        if not json:
            print(_told(wanted), flush=True)
        if json and not yes:
            output.answer(_as_json(wanted) | {"amended": False}, lambda: "")
            return
        if not yes:
            remedy = f"Look at the above, then run the same command with --yes; `tagstone show {row.id}` shows the record."
            told = f"{row.id} is not amended"
            confirm("Amend the record?", refused=f"{told}.", nobody=f"{told}: there is nobody to ask here.", remedy=remedy)
        amending.amend(application.accounts, application.sessions, application.clock, wanted, myself())
        output.answer(
            _as_json(wanted) | {"amended": True}, lambda: f"{row.id} is amended; its DOI stays {visible(row.doi or '')}."
        )


def withdraw(
    context: typer.Context,
    identity: Identity,
    reason: Annotated[str, typer.Option(help="Why; it stands on the tombstone for everybody to read.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Withdraw without being asked.")] = False,
    json: Json = False,
) -> None:
    """Withdraw a record; a tombstone takes its place.

    The DOI stays and leads to the tombstone: who withdrew what, when and why. Where only the depository's people may withdraw, it
    prints what to ask them. New versions can still be published.
    """
    with answering(json=json) as output:
        from tagstone.actions.withdraw import withdraw as withdrawing

        application = application_of(context)
        row = named(application, identity)
        if not yes:
            told = f"{row.id} is not withdrawn"
            confirm(
                f"Withdraw {visible(row.title or row.id)} {visible(row.ref)} ({visible(row.doi or 'no DOI')})? Its files will be gone.",
                refused=f"{told}.",
                nobody=f"{told}: there is nobody to ask here.",
                remedy="Run the same command with --yes.",
            )
        try:
            row = withdrawing(application.accounts, application.sessions, application.clock, row.id, reason, myself())
        except Forbidden as error:
            remedy = f"{error.remedy} Once they did, run `tagstone withdraw {row.id} --reason …` again."
            raise Forbidden(error.message, remedy=remedy) from None
        day = f"{datetime.fromtimestamp(row.withdrawn_at or 0.0, UTC):%Y-%m-%d}"
        data = {"publication": row.id, "doi": row.doi, "withdrawn_at": row.withdrawn_at, "reason": row.withdrawn_because}
        told = f"{row.id} was withdrawn on {day}: {row.withdrawn_because}"
        output.answer(data | {"state": row.state}, lambda: visible(told))


def _text(file: Path) -> str:
    """A citation file's text. Raises: NotFound, Invalid."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise Invalid(f"{file} is larger than 1 MiB.", remedy="A citation file only describes; keep data out of it.")
        return data.decode()
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.", remedy="Give the path of a CITATION.cff.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not UTF-8.", remedy="Save it as UTF-8.") from None


def _told(wanted: "Plan") -> str:
    lines = []
    for one in wanted.differences:
        lines += [visible(one.part), visible(f"  - {one.before}"), visible(f"  + {one.after}")]
    return "\n".join(lines)


def _as_json(wanted: "Plan") -> dict[str, object]:
    changes = [{"part": one.part, "before": one.before, "after": one.after} for one in wanted.differences]
    return {"publication": wanted.publication, "doi": wanted.facts.doi, "changes": changes}
