"""The command by which a person lets a publication be released: approve."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.asking import confirm, myself
from tagstone.cli.opening import application_of, named
from tagstone.cli.output import Json, Output, answering
from tagstone.cli.publishing import Identity, answer, follow_to_end
from tagstone.cli.safe_text import visible, visible_lines
from tagstone.domain.publications.publication import State
from tagstone.domain.runs.hardware import format_bytes

if TYPE_CHECKING:
    from tagstone.actions.approve import Review
    from tagstone.bootstrap import Application
    from tagstone.store.tables import Publication

_SHOWN_FILES = 200


def approve(
    context: typer.Context,
    identity: Identity,
    yes: Annotated[bool, typer.Option("--yes", help="Approve without being asked.")] = False,
    json: Json = False,
) -> None:
    """Look at what waits for approval, and release it.

    Shows owner, creators, licences, access, files, sizes, warnings, and what changed since the last version; then asks. With --json
    and without --yes it only shows. What is released can never be taken back.
    """
    with answering(json=json) as output:
        from tagstone.actions import approve as approving
        from tagstone.actions.diff import stored_code

        application = application_of(context)
        row = named(application, identity)
        if approving.approved_before(row):
            _again(application, output, row)
            return
        with application.sessions.read() as session:
            shown = approving.review(session, row.id, stored_code(application.storage))
        if json and not yes:
            output.answer(shown.as_json() | {"approved": False}, lambda: "")
            return
        if not json:
            print(told(shown), flush=True)
        if not yes:
            _ask(row.id)
        with application.sessions.write() as session:
            approving.approve(session, application.queue, application.clock.now(), row.id, shown.attempt, myself())
        follow_to_end(application, output, row.id)


def _again(application: "Application", output: Output, row: "Publication") -> None:
    """Approving twice is the same answer: it is released, or on its way."""
    if State(row.state).done:
        answer(application, output, row, f"{row.id} was approved and {row.state} before; nothing is left to do.")
        return
    follow_to_end(application, output, row.id)


def _ask(publication: str) -> None:
    """Ask once, where there is somebody to ask. Raises: Conflict."""
    confirm(
        "Release it? A DOI is for ever.",
        nobody=f"{publication} is not approved: there is nobody to ask here.",
        refused=f"{publication} is not approved, and waits on.",
        remedy=f"`tagstone approve {publication} --yes` releases it, `tagstone cancel {publication}` gives its draft up.",
    )


def told(review: "Review") -> str:
    """The review for people, as safe text."""
    return "\n".join(_lines(review))


def _lines(review: "Review") -> Iterator[str]:
    facts, about = review.facts, review.metadata
    note = "" if facts.deposit and facts.deposit.registered else " (test identifier, not registered)"
    yield visible(f"{about.title}, version {about.version}")
    yield visible(f"  tag         {facts.source.tag} at commit {facts.source.commit.sha}")
    yield visible(f"  depository  {review.depository}")
    if review.owner:
        named = "" if review.account == review.depository else f" (account {review.account})"
        yield visible(f"  owner       {review.owner}{named}")
    if facts.deposit:
        yield visible(f"  preview     {facts.deposit.url}")
    yield visible(f"  DOI         {facts.doi}{note}")
    yield visible(f"  licences    {' or '.join(about.licences) or 'none: nobody may use it'}")
    for part in about.part_licences:
        yield visible(f"              {part.licence} for the {part.part}")
    yield visible(f"  access      {about.access}" + (f" until {about.embargo}" if about.embargo else ""))
    if about.community:
        yield visible(f"  community   {about.community}")
    for number, creator in enumerate(about.creators):
        extra = [part for part in (f"ORCID {creator.orcid}" if creator.orcid else "", creator.affiliation) if part]
        yield visible(f"  {'' if number else 'creators':<11} {creator.name}" + (f" ({', '.join(extra)})" if extra else ""))
    yield f"  files       {len(review.files)}, {format_bytes(review.size)} together"
    for file in review.files[:_SHOWN_FILES]:
        yield visible(f"    {format_bytes(file.size):>10}  {file.path}")
    if len(review.files) > _SHOWN_FILES:
        yield f"    and {len(review.files) - _SHOWN_FILES} more (all with --json)"
    for warning in facts.source.warnings:
        yield visible(f"warning: {warning}")
    for name in facts.secrets_waived:
        yield visible(f"waived secret: {name}")
    yield ""
    if review.changes is None:
        yield "This is the first version."
    else:
        yield "What changed since the last version:"
        yield visible_lines(review.changes.as_text())
