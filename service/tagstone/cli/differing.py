"""The command that compares two publications: diff."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.completing import publications
from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, answering
from tagstone.cli.recorded import HELP, bundled, facts_of_row
from tagstone.cli.safe_text import visible_lines
from tagstone.errors import Conflict

if TYPE_CHECKING:
    from tagstone.actions.diff import OpenCode
    from tagstone.domain.publications.record import Facts
    from tagstone.store.tables import Publication


def diff(
    context: typer.Context,
    v1: Annotated[str, typer.Argument(metavar="V1", help=HELP, show_default=False, autocompletion=publications)],
    v2: Annotated[
        str,
        typer.Argument(metavar="V2", help="The other one, later as a rule.", show_default=False, autocompletion=publications),
    ],
    json: Json = False,
) -> None:
    """Say what changed between two publications.

    Metadata, code, parameters, run, image, packages, inputs, outputs and the machine. Lines that only moved are not counted.
    A tag that several projects have is taken from the project of the other one.
    """
    with answering(json=json) as output:
        from tagstone.actions.diff import diff as compare

        (before, open_before), (after, open_after) = _both(context, v1, v2)
        found = compare(before, after, open_before, open_after)
        ids = {"before": before.publication, "after": after.publication}
        output.answer(found.as_json() | {"publications": ids}, lambda: visible_lines(found.as_text()))


def _both(context: typer.Context, *texts: str) -> "list[tuple[Facts, OpenCode]]":
    from tagstone.actions.diff import bundled_code, stored_code

    bundles = {text: facts for text in texts if (facts := bundled(text)) is not None}
    rows = _rows(context, [text for text in texts if text not in bundles])
    sides: list[tuple[Facts, OpenCode]] = []
    for text in texts:
        if text in bundles:
            path = Path(text)
            sides.append((bundles[text], bundled_code(path if path.is_dir() else path.parent)))
        else:
            sides.append((facts_of_row(rows[text]), stored_code(application_of(context).storage)))
    return sides


def _rows(context: typer.Context, texts: list[str]) -> "dict[str, Publication]":
    """The publications meant; what is ambiguous alone is looked for in the projects of the others. Raises: NotFound, Conflict."""
    from tagstone.store import publications

    found: dict[str, Publication] = {}
    unclear: dict[str, Conflict] = {}
    if not texts:
        return found
    with application_of(context).sessions.read() as session:
        for text in texts:
            try:
                found[text] = publications.identify(session, text)
            except Conflict as conflict:
                unclear[text] = conflict
        projects = {row.project_id for row in found.values()}
        for text, ambiguous in unclear.items():
            if len(projects) != 1:
                raise ambiguous
            found[text] = publications.identify(session, text, project_id=next(iter(projects)))
    return found
