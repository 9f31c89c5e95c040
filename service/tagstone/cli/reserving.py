"""The command that reserves a DOI before its tag exists: reserve."""

from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, answering
from tagstone.cli.safe_text import visible

if TYPE_CHECKING:
    from tagstone.actions.reserve import Reserved


def reserve(
    context: typer.Context,
    version: Annotated[str, typer.Option(metavar="TAG", help="The tag that will be published.", show_default=False)],
    repository: Annotated[str, typer.Argument(metavar="[REPO]", help="A local Git repository.")] = ".",
    discard: Annotated[bool, typer.Option("--discard", help="Give the reserved DOI up.")] = False,
    json: Json = False,
) -> None:
    """Reserve the DOI of a tag to come.

    For the manuscript that has to name it. Title and authors are those of the work tree; the tag, once it is pushed and published,
    takes the DOI. Until then other tags of the project wait. Asked again, it is the same DOI.
    """
    with answering(json=json) as output:
        from tagstone.actions import reserve as reserving

        application = application_of(context)
        drafts = application.drafts
        if discard:
            gone = reserving.give_up(drafts, application.forge, repository, version)
            told = (
                f"The DOI {gone.deposit.doi} of {version} is given up."
                if gone
                else f"Nothing is reserved for {version} any more."
            )
            output.answer({"version": version, "discarded": gone.deposit.doi if gone else None}, lambda: visible(told))
            return
        reserved = reserving.reserve(drafts, application.forge, application.policy, repository, version)
        output.answer(_object(reserved), lambda: _told(reserved))


def _object(reserved: "Reserved") -> dict[str, object]:
    deposit = reserved.deposit
    return {
        "project": reserved.project,
        "version": reserved.ref,
        "doi": deposit.doi,
        "registered": deposit.registered,
        "depository": deposit.depository,
        "owner": reserved.owner,
        "url": deposit.url,
    }


def _told(reserved: "Reserved") -> str:
    deposit = reserved.deposit
    note = "" if deposit.registered else " (test identifier, not registered)"
    lines = [
        f"{deposit.doi}{note}",
        f"  reserved at {deposit.depository} for {reserved.project} {reserved.ref}; it resolves once the tag is published.",
        f"  The record will be owned by {reserved.owner}.",
    ]
    return "\n".join(visible(line) for line in lines)
