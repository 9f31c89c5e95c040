"""Commands that prove a record: reproduce, verify."""

import time
from typing import TYPE_CHECKING

import typer

from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.opening import application_of, named
from tagstone.cli.output import Json, answering, tell
from tagstone.cli.publishing import Identity
from tagstone.cli.safe_text import LogText, visible_lines
from tagstone.errors import Conflict

if TYPE_CHECKING:
    from pathlib import Path

    from tagstone.bootstrap import Application
    from tagstone.domain.record import Facts
    from tagstone.store.tables import Publication


def reproduce(context: typer.Context, identity: Identity, json: Json = False) -> None:
    """Run a record again and compare every output by checksum.

    Takes the image by digest from the registry, else from the bundle, and a fresh workspace. Says `identical`, or
    `different` with the list and exit code 10.
    """
    with answering(json=json) as output:
        from tagstone.actions.reproduce import reproduce as run_again

        application = application_of(context)
        row = named(application, identity)
        facts, log = _facts(row), LogText()
        tell(f"running {row.id} again; what it says:")
        comparison = run_again(
            application.ports,
            application.policy,
            facts,
            _bundle(application, row),
            application.durations.polls(),
            time.sleep,
            lambda data: tell(log.feed(data).rstrip("\n")),
        )
        output.answer({"publication": row.id} | comparison.as_json(), lambda: visible_lines(comparison.as_text()))
        if not comparison.identical:
            raise typer.Exit(int(ExitCode.DIFFERENT))


def verify(context: typer.Context, identity: Identity, json: Json = False) -> None:
    """Re-read every byte against the recorded checksums.

    Reads bundle, deposit and image. Says `intact`, or `damaged` with the list and exit code 10.
    """
    with answering(json=json) as output:
        from tagstone.actions import verify as verifying
        from tagstone.store import bundles

        application = application_of(context)
        row = named(application, identity)
        facts = _facts(row)
        with application.sessions.read() as session:
            recorded = bundles.files(session, row.id)
        report = verifying.VerifyReport()
        if facts.image is not None:
            report += verifying.verify_image(facts.image.image, application.registry)
        folder = _bundle(application, row)
        if folder is not None:
            report += verifying.verify_bundle(folder, recorded)
        if facts.deposit is not None:
            report += verifying.verify_deposit(application.depository, facts.deposit.id, recorded)
        output.answer({"publication": row.id} | report.as_json(), lambda: visible_lines(report.as_text()))
        if not report.intact:
            raise typer.Exit(int(ExitCode.DIFFERENT))


def _facts(row: "Publication") -> "Facts":
    from tagstone.cli.result import facts_of

    facts = facts_of(row)
    if facts is None:
        raise Conflict(f"Nothing is recorded of {row.id} yet.", remedy=f"`tagstone show {row.id}` says how it stands.")
    return facts


def _bundle(application: "Application", row: "Publication") -> "Path | None":
    return application.home / row.bundle_key if row.bundle_key else None
