"""Commands that prove a record: reproduce, verify."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.opening import application_of, named
from tagstone.cli.output import Json, ToldLog, answering, tell
from tagstone.cli.rebuilding import rebuild_image
from tagstone.cli.recorded import Recorded, bring_image, bundled, facts_of_row, folder_of, recorded_with_bundle
from tagstone.cli.safe_text import visible_lines

if TYPE_CHECKING:
    from pathlib import Path

    from tagstone.actions.verify import VerifyReport
    from tagstone.bootstrap import Application
    from tagstone.store.tables import Publication


def reproduce(
    context: typer.Context,
    identity: Recorded,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build the image anew instead, and compare it with the published one.")
    ] = False,
    json: Json = False,
) -> None:
    """Run a record again and compare every output.

    Takes the image by digest from the registry, else from the bundle, and a fresh workspace. Says `identical` (the same
    bytes), `equivalent` (the same values, within the tolerances that the manifest declares), or `different` with the list
    and exit code 10.

    With `--rebuild` nothing is run: the environment is built from the archived code and the recorded base, without a cache
    and beside what is published. Says `identical`, or names every layer, package and file that came out different.
    """
    if rebuild:
        rebuild_image(context, identity, json=json)
        return
    with answering(json=json) as output:
        from tagstone.actions.reproduce import reproduce as run_again
        from tagstone.domain.runs.comparison import Verdict

        application = application_of(context)
        facts, bundle = recorded_with_bundle(application, identity)
        bring_image(application, facts)
        log = ToldLog()
        tell(f"running {facts.publication} again; what it says:")
        with application.clusters.at_work():
            comparison = run_again(
                application.ports,
                application.policy,
                facts,
                bundle,
                application.scratch,
                application.durations.polls(),
                time.sleep,
                log.feed,
            )
        log.end()
        output.answer({"publication": facts.publication} | comparison.as_json(), lambda: visible_lines(comparison.as_text()))
        if comparison.verdict is Verdict.DIFFERENT:
            raise typer.Exit(int(ExitCode.DIFFERENT))


def verify(context: typer.Context, identity: Recorded, json: Json = False) -> None:
    """Re-read every byte against the recorded checksums.

    Reads bundle, deposit and image. Says `intact`, or `damaged` with the list and exit code 10. A folder with a downloaded
    deposit is read against its own list of checksums.
    """
    with answering(json=json) as output:
        from tagstone.actions.verify import verify_bundle

        facts = bundled(identity)
        if facts is None:
            publication, report = _verified(application_of(context), identity)
        else:
            publication, report = facts.publication, verify_bundle(folder_of(identity), ())
        output.answer({"publication": publication} | report.as_json(), lambda: visible_lines(report.as_text()))
        if not report.intact:
            raise typer.Exit(int(ExitCode.DIFFERENT))


def _verified(application: "Application", identity: str) -> "tuple[str, VerifyReport]":
    from tagstone.actions import verify as verifying
    from tagstone.store import bundles

    row = named(application, identity)
    facts = facts_of_row(row)
    with application.sessions.read() as session:
        recorded, sent = bundles.files(session, row.id), bundles.deposited(session, row.id)
    report = verifying.VerifyReport()
    if facts.image is not None:
        report += verifying.verify_image(facts.image.image, application.registry)
    folder = _bundle(application, row)
    if folder is not None:
        report += verifying.verify_bundle(folder, recorded)
    if facts.deposit is not None:
        account = application.accounts.of_publication(row.id)
        report += verifying.verify_deposit(account.files, facts.deposit.id, recorded, sent)
    return row.id, report


def _bundle(application: "Application", row: "Publication") -> "Path | None":
    return application.home / row.bundle_key if row.bundle_key else None
