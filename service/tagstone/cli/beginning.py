"""The command by which a repository is made ready to be published: init."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.opening import application_of
from tagstone.cli.output import Json, answering
from tagstone.cli.safe_text import visible, visible_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tagstone.domain.proposal.propose import Proposal
    from tagstone.domain.reading.faults import Fault

TEMPLATES = "tagstone/tagstone"


def init(
    context: typer.Context,
    repository: Annotated[str, typer.Argument(metavar="[REPO]", help="A local Git repository.")] = ".",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be written, and write nothing.")] = False,
    ci_project: Annotated[
        str, typer.Option(metavar="PATH", help="The project on GitLab that has Tagstone's templates.")
    ] = TEMPLATES,
    json: Json = False,
) -> None:
    """Propose manifest, citation and pipeline.

    Writes tagstone.yml, CITATION.cff and .gitlab-ci.yml from what the repository says: authors from its history, licence, README,
    what its code imports and writes. Code is read, never run. What is there already is left alone; what could only be guessed is
    told as `please check`.
    """
    with answering(json=json) as output:
        from tagstone.actions.check import check
        from tagstone.actions.propose import propose_for, write

        application = application_of(context)
        proposed = propose_for(application.forge, application.history, repository, ci_project)
        proposal, folder = proposed.proposal, Path(proposed.project.location)
        written = () if dry_run else write(folder, proposal.files)
        faults = () if dry_run else check(application.forge, repository, None, application.policy).faults
        data = {
            "project": proposed.project.name,
            "folder": str(folder),
            "written": list(written),
            "left": list(proposal.left),
            "files": {file.path: file.text for file in proposal.files},
            "pipeline_lines": proposal.pipeline or None,
            "please_check": list(proposal.questions),
            "ready": None if dry_run else not any(not fault.warning for fault in faults),
        }
        output.answer(data, lambda: "\n".join(_told(proposal, written, faults, dry_run=dry_run)))


def _told(proposal: "Proposal", written: "Sequence[str]", faults: "Sequence[Fault]", *, dry_run: bool) -> "Iterator[str]":
    for file in proposal.files:
        if dry_run:
            yield f"--- {file.path} (would be written)"
            yield visible_lines(file.text).rstrip("\n")
            yield ""
        else:
            yield f"wrote {file.path}" if file.path in written else f"left  {file.path}: it is there already"
    for path in proposal.left:
        yield f"left  {path}: it is there already"
    if proposal.pipeline:
        yield "add these lines to .gitlab-ci.yml:"
        yield "\n".join(f"    {line}" for line in visible_lines(proposal.pipeline).rstrip("\n").split("\n"))
    for question in proposal.questions:
        yield visible(f"please check: {question}")
    stopping = [fault for fault in faults if not fault.warning]
    for fault in stopping:
        yield visible(f"to do: {fault}")
    if dry_run:
        return
    if stopping:
        yield "`tagstone check` tells all that is left to do."
    else:
        yield "Commit these files, then try it out with `tagstone rehearse`; `tagstone check` says what could be better."
