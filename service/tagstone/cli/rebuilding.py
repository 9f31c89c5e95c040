"""`tagstone reproduce --rebuild`: the image built anew and compared with the one that is recorded."""

import time

import typer

from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.opening import application_of
from tagstone.cli.output import answering, tell
from tagstone.cli.recorded import bring_image, recorded_with_bundle
from tagstone.cli.safe_text import LogText, visible_lines


def rebuild_image(context: typer.Context, identity: str, *, json: bool) -> None:
    """Build a record's image anew and say whether it is the same; exit code 10 when it is not."""
    with answering(json=json) as output:
        from tagstone.actions.rebuild import rebuild
        from tagstone.actions.reproduce import restore_code

        application, log = application_of(context), LogText()
        facts, bundle = recorded_with_bundle(application, identity)
        bring_image(application, facts)
        restore_code(application.storage, facts, bundle)
        tell(f"building the image of {facts.publication} anew; what the build says:")
        with application.clusters.at_work(), application.anew(facts.source) as anew:
            difference = rebuild(
                application.ports,
                anew,
                facts,
                bundle,
                application.scratch,
                application.durations.polls(),
                time.sleep,
                lambda data: tell(log.feed(data).rstrip("\n")),
                application.policy.channels,
            )
        output.answer({"publication": facts.publication} | difference.as_json(), lambda: visible_lines(difference.as_text()))
        if not difference.identical:
            raise typer.Exit(int(ExitCode.DIFFERENT))
