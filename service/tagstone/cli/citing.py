"""The command that cites a record: cite."""

from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.opening import application_of, named
from tagstone.cli.output import Json, answering
from tagstone.cli.recorded import Recorded, bundled, facts_of_row, refuse_withdrawn
from tagstone.cli.safe_text import visible_lines
from tagstone.domain.citations.citation_style import Format, Style
from tagstone.domain.publications.publication import Kind, State
from tagstone.errors import Conflict

if TYPE_CHECKING:
    from tagstone.domain.publications.record import Facts


def cite(
    context: typer.Context,
    identity: Recorded,
    format_: Annotated[
        Format | None, typer.Option("--format", help="How it is written; bibtex if nothing is said.", show_default=False)
    ] = None,
    style: Annotated[
        Style | None,
        typer.Option(help="A text for a journal: availability of code and data, and the \\software line.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Cite a record by the DOI of its version.

    The DOI of all versions is told only where it is labelled so. Rehearsals and what is not published yet cannot be cited.
    """
    if format_ is not None and style is not None:
        raise typer.BadParameter("--style is a text of its own; leave --format out.")
    with answering(json=json) as output:
        from tagstone.actions.cite import cite as cited

        facts = bundled(identity) or _published(context, identity)
        wanted = style or format_ or Format.BIBTEX
        text = cited(facts, wanted)
        deposit = facts.deposit
        data: dict[str, object] = {"publication": facts.publication, "format": wanted.value, "citation": text}
        data |= {"doi": facts.doi, "registered": bool(deposit and deposit.registered)}
        output.answer(data, lambda: visible_lines(text).rstrip("\n"))


def _published(context: typer.Context, identity: str) -> "Facts":
    row = named(application_of(context), identity)
    refuse_withdrawn(row)
    if row.kind == Kind.PUBLICATION and row.state != State.PUBLISHED:
        raise Conflict(
            f"{row.id} is {row.state}: what is not published has nothing to be cited by yet.",
            remedy=f"`tagstone show {row.id}` says how it stands.",
        )
    return facts_of_row(row)
