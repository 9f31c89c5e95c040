"""Commands that ask for work: publish, rehearse, retry, cancel."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli import exit_codes
from tagstone.cli.asking import myself
from tagstone.cli.completing import publications as publications_like
from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.opening import application_of, named
from tagstone.cli.output import Json, Output, answering, tell, tell_error
from tagstone.cli.safe_text import visible
from tagstone.domain.publications.publication import Kind, State, publication_id
from tagstone.errors import Conflict

if TYPE_CHECKING:
    from tagstone.bootstrap import Application
    from tagstone.domain.code.source import Commit, ProjectIdentity
    from tagstone.store.tables import Publication

Identity = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A publication id, DOI, tag or record URL.",
        show_default=False,
        autocompletion=publications_like,
    ),
]


def publish(
    context: typer.Context,
    repository: Annotated[str, typer.Argument(metavar="REPO", help="A local Git repository.", show_default=False)],
    tag: Annotated[str, typer.Option(help="The tag to publish.", show_default=False)],
    supersede: Annotated[
        bool, typer.Option("--supersede", help="Confirm that the tag moved: the earlier attempt ends.")
    ] = False,
    json: Json = False,
) -> None:
    """Publish a tag: image, run, bundle and record with a DOI.

    Follows the work until it has ended, or waits for approval; Ctrl-C leaves it running. Asked again for the same tag and
    commit, it says how that stands. Nothing that is published is ever changed.
    """
    with answering(json=json) as output:
        application = application_of(context)
        project = application.forge.identify(repository)
        commit = application.forge.resolve(repository, f"refs/tags/{tag}")
        _ask_and_follow(application, output, project, commit, Kind.PUBLICATION, supersede=supersede)


def rehearse(
    context: typer.Context,
    repository: Annotated[str, typer.Argument(metavar="[REPO]", help="A local Git repository.")] = ".",
    ref: Annotated[
        str | None, typer.Option(help="A branch, tag or commit; without it the work tree as it is.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Build, run, collect and bundle without an identifier.

    What `publish` would do, from any branch or from the work tree with its uncommitted changes, and with nothing to regret.
    """
    with answering(json=json) as output:
        application = application_of(context)
        project = application.forge.identify(repository)
        commit = application.forge.snapshot(repository) if ref is None else application.forge.resolve(repository, ref)
        _ask_and_follow(application, output, project, commit, Kind.REHEARSAL, supersede=False)


def retry(context: typer.Context, identity: Identity, json: Json = False) -> None:
    """Try a failed or cancelled publication again.

    What was done well is not done again. A failed one keeps its reserved identifier, unless another tag of the project needed
    the series meanwhile; a cancelled one gave it up, and reserves anew.
    """
    with answering(json=json) as output:
        from tagstone.actions import submit as asking

        application = application_of(context)
        row = named(application, identity)
        with application.sessions.write() as session:
            asking.retry(session, application.queue, application.clock.now(), row.id, myself())
        follow_to_end(application, output, row.id)


def cancel(context: typer.Context, identity: Identity, json: Json = False) -> None:
    """Stop a publication that is queued or at work.

    Its worker ends what runs, gives up the reserved identifier and keeps the logs. What is released cannot be called back.
    """
    with answering(json=json) as output:
        from tagstone.actions import submit as asking
        from tagstone.cli.following import start_worker

        application = application_of(context)
        row = named(application, identity)
        with application.sessions.write() as session:
            asking.cancel(session, application.queue, application.clock.now(), row.id, myself())
        if not application.locks.anybody():
            start_worker(application)
        answer(
            application,
            output,
            named(application, row.id),
            f"{row.id} is being stopped; `tagstone show {row.id}` says when it is.",
        )


def _ask_and_follow(
    application: "Application", output: Output, project: "ProjectIdentity", commit: "Commit", kind: Kind, *, supersede: bool
) -> None:
    """Ask for the work unless it is done, and follow it to its end."""
    from tagstone.store import publications

    wanted = publication_id(kind, project.key, commit.ref, commit.sha)
    with application.sessions.read() as session:
        row = publications.find(session, wanted)
    # Looked up before anything is asked: neither queue nor engine is loaded only to say that all is done.
    if row is not None and State(row.state).done:
        answer(application, output, row, f"{row.id} was {row.state} before; nothing is left to do.")
        return
    submit(application, project, commit, kind, supersede=supersede, confirm=_confirmed)
    follow_to_end(application, output, wanted)


def submit(
    application: "Application",
    project: "ProjectIdentity",
    commit: "Commit",
    kind: Kind,
    *,
    supersede: bool,
    confirm: Callable[[Conflict], bool],
) -> None:
    """Ask for the work; when the tag moved and `supersede` is not given, `confirm` is asked once. Raises: Conflict."""
    from tagstone.actions import submit as asking

    def ask(*, confirmed: bool) -> None:
        with application.sessions.write() as session:
            now = application.clock.now()
            asking.submit(session, application.queue, now, project, commit, kind, supersede=confirmed)

    try:
        ask(confirmed=supersede)
    except asking.Moved as moved:
        if not confirm(moved):
            raise
        ask(confirmed=True)


def _confirmed(moved: Conflict) -> bool:
    """Ask once, where there is somebody to ask."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    tell(moved.message)
    return typer.confirm("End the earlier attempt, and publish the new commit under its reserved identifier?", err=True)


def follow_to_end(application: "Application", output: Output, publication: str) -> None:
    """Follow a publication until it has ended or waits for a person, and say how it stands then."""
    from tagstone.cli.following import failed_log, follow
    from tagstone.cli.progress import progress

    try:
        with progress() as shown:
            standing = follow(application, publication, shown)
    except KeyboardInterrupt:
        tell(
            f"{publication} goes on without you: `tagstone show {publication}` says how it stands, `tagstone cancel {publication}` stops it."
        )
        if output.json:
            answer(application, output, named(application, publication), "")
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    row = standing.publication
    if standing.state.done:
        answer(application, output, row, f"{row.id} is {row.state}.")
        return
    if standing.rests:
        answer(application, output, row, f"{row.id} {row.waiting}.")
        return
    tail = failed_log(application, standing)
    if tail:
        tell(
            f"The last lines of its log (`tagstone logs {row.id}` has all):\n"
            + "\n".join(f"  | {line}" for line in tail.split("\n"))
        )
    tell_error(row.error or f"{row.id} is {row.state}.", row.remedy, [])
    if output.json:
        answer(application, output, row, "")
    raise typer.Exit(int(exit_codes.of_publication(standing.state, row.error_kind)))


def answer(application: "Application", output: Output, row: "Publication", headline: str) -> None:
    """Say how a publication stands: a headline and a few lines, or the object for programs."""
    from tagstone.cli.result import result

    data = result(application, row)
    output.answer(data, lambda: "\n".join([visible(headline), *_summary(data)]))


def _summary(data: dict[str, object]) -> list[str]:
    """The few lines that matter once something has ended well."""
    if not State(str(data["state"])).done:
        return []
    note = "" if data["registered"] else " (test identifier, not registered)"
    lines = [
        f"  {name:<8} {visible(str(data[key]))}"
        for name, key in (("image", "image"), ("bundle", "bundle"), ("page", "record_url"))
    ]
    if data["doi"]:
        lines.insert(0, f"  {'DOI':<8} {visible(str(data['doi']))}{note}")
    outputs = data["outputs"]
    return [*lines, f"  {'outputs':<8} {len(outputs) if isinstance(outputs, list) else 0}"]
