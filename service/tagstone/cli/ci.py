"""`tagstone ci`: what the jobs of our GitLab templates do. Their inputs come as variables, see ci-templates/README.md."""

import time
from typing import TYPE_CHECKING

import typer

from tagstone.cli.exit_codes import ExitCode
from tagstone.cli.output import Output, ToldLog, answering, tell, tell_error
from tagstone.cli.safe_text import visible
from tagstone.domain.publications.publication import State

if TYPE_CHECKING:
    from tagstone.bootstrap import Application
    from tagstone.cli.job import Job
    from tagstone.domain.images.oci import Image
    from tagstone.domain.manifests.given import Effective
    from tagstone.domain.publications.outside_view import OutsideView

ci = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Do the jobs of the GitLab templates.")

BUILT = "tagstone-build.env"
PUBLISHED = "tagstone.env"
"""The dotenv reports of the jobs, in the checkout."""


@ci.command()
def check(context: typer.Context) -> None:
    """Find all faults before anybody tags.

    Judges the checkout's commit with the effective manifest: tagstone.yml, and what the include gives. Depositories and caps of
    the service are not known in a job and are judged there.
    """
    with answering(json=False) as output:
        from tagstone.actions.build_in_job import policy_elsewhere
        from tagstone.actions.check import check as examine
        from tagstone.cli.authoring import judge
        from tagstone.cli.job import application_in, read_job
        from tagstone.domain.manifests.manifest import parse_manifest

        job = read_job()
        application, effective = application_in(context, job), _effective(job)
        policy = policy_elsewhere(application.policy, parse_manifest(effective.text)[0])
        given = effective.text if effective.composed else None
        report = examine(application.forge, str(job.folder), job.tag or "HEAD", policy, effective=given)
        about: dict[str, object] = {"project": report.project.name, "environment_from": list(report.environment_from)}
        judge(output, about, report.faults)


@ci.command()
def build(context: typer.Context) -> None:
    """Build the tag's image in this job.

    Pushes it to the project's registry and leaves its digest in tagstone-build.env. It is tried first whether this runner lets
    a job build; where it does not, the service builds, unless the input `builder` is `ci`.
    """
    with answering(json=False) as output:
        from tagstone.cli.job import application_in, read_job

        job = read_job()
        if job.builder == "service":
            _left_to_service(job, output)
            return
        from tagstone.adapters.build_probe import probe
        from tagstone.errors import Permanent

        application = application_in(context, job)
        try:
            probe(application.scratch)
        except Permanent as refusal:
            if job.builder == "ci":
                raise
            tell(f"{refusal.message}\n  → {refusal.remedy}")
            _left_to_service(job, output)
            return
        image = _build(application, job)
        reference = f"{job.registry or image.name}@{image.digest}"
        _report(job, BUILT, {"TAGSTONE_IMAGE": image.digest, "TAGSTONE_IMAGE_REFERENCE": reference})
        output.answer({}, lambda: f"the image is {visible(reference)}")


@ci.command()
def run(context: typer.Context) -> None:
    """Run the analysis in this job.

    Looks first whether the runner granted the hardware that was asked for. Outputs and a report (run.json) are left in .tagstone.
    The command gets the variables of every run and those of its image, and none of the job's.
    """
    with answering(json=False) as output:
        from tagstone.actions import run_in_job as running
        from tagstone.adapters.cgroups import here
        from tagstone.adapters.job_process import run_here
        from tagstone.adapters.outputs import collect
        from tagstone.cli.job import application_in, read_job, variables
        from tagstone.domain.manifests.manifest import parse_manifest
        from tagstone.domain.reading.faults import raise_faults
        from tagstone.errors import Invalid

        job = read_job()
        application = application_in(context, job)
        manifest, faults = parse_manifest(_effective(job).text)
        raise_faults(faults, "The manifest cannot be read")
        if manifest is None:
            raise Invalid("The manifest cannot be read.", remedy="Run `tagstone ci check`.")
        place = running.Job(job.folder.resolve(), job.tag, job.sha, job.commit_time, job.image, variables())
        policy, clock, storage = application.policy, application.clock, application.storage
        report = running.run_in_job(place, manifest, policy, here(), storage, clock, run_here, collect)
        kept = report["outputs"]
        output.answer({}, lambda: f"it ended well; {len(kept)} outputs are in {running.ARTIFACTS}/outputs")


@ci.command()
def publish(context: typer.Context) -> None:
    """Hand the tag in at the service, and follow it.

    Ends when the publication has, when a person has to approve it, or after ten minutes (input `patience`): it goes on without
    this job. DOI, record and image are left in tagstone.env, and stand on the tag's release. Fails when the publication fails.
    """
    with answering(json=False) as output:
        _hand_in(context, output, rehearsal=False)


@ci.command()
def rehearse(context: typer.Context) -> None:
    """Try the whole chain at the service, without a real DOI.

    From any branch or merge request of the project, into the depository that the input `depository` names. What `ci build` built in this
    job is handed in; where it built nothing, the service builds, if the project allows that.
    """
    with answering(json=False) as output:
        _hand_in(context, output, rehearsal=True)


def _effective(job: "Job") -> "Effective":
    from tagstone.domain.manifests.given import compose

    return compose(job.manifest(), job.given)


def _build(application: "Application", job: "Job") -> "Image":
    """Check the commit and build its image, with the build's log on stderr."""
    from tagstone.actions.build_in_job import build_in_job, policy_elsewhere, source_of
    from tagstone.actions.check import check as examine
    from tagstone.domain.manifests.manifest import parse_manifest

    effective = _effective(job)
    policy = policy_elsewhere(application.policy, parse_manifest(effective.text)[0])
    given = effective.text if effective.composed else None
    report = examine(application.forge, str(job.folder), job.tag or "HEAD", policy, effective=given)
    source, log = source_of(report, effective.text), ToldLog()
    try:
        return build_in_job(
            application.ports, policy, source, application.scratch, application.durations.polls(), time.sleep, log.feed
        )
    finally:
        log.end()


def _left_to_service(job: "Job", output: Output) -> None:
    _report(job, BUILT, {})
    output.answer({}, lambda: "nothing is built here: the service builds the image, if the project allows that")


def _hand_in(context: typer.Context, output: Output, *, rehearsal: bool) -> None:
    from tagstone.actions.hand_in import Patience, follow, hand_in
    from tagstone.adapters.publication_service import PublicationService
    from tagstone.cli.job import application_in, read_job
    from tagstone.domain.images.oci import check_digest
    from tagstone.errors import Forbidden

    job = read_job()
    if not job.token.get_secret_value():
        raise Forbidden("This job has no identity token.", remedy="Use the template, whose jobs have `id_tokens`.")
    application = application_in(context, job)
    built = job.image or (_built(job) if rehearsal else "")
    image = check_digest(built) if built else None
    effective = _effective(job)
    service = PublicationService(application.http, job.service, job.token.get_secret_value())
    patience = Patience(application.clock, job.patience, time.sleep)
    manifest = effective.text if effective.composed else None
    handed_in = hand_in(service, patience, tell, image, manifest, rehearsal=rehearsal)
    tell(f"{handed_in.id}: {handed_in.address}")
    view = follow(service, patience, tell, handed_in, application.durations.polls())
    _conclude(job, output, view, handed_in.address)


def _built(job: "Job") -> str:
    """The digest of the image that this very job built before; empty where it built none."""
    try:
        lines = (job.folder / BUILT).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return next((line.partition("=")[2] for line in lines if line.startswith("TAGSTONE_IMAGE=")), "")


def _conclude(job: "Job", output: Output, view: "OutsideView", address: str) -> None:
    """Leave what is known of a publication as a dotenv report, and say how it stands. Fails the job where it failed."""
    values = {"TAGSTONE_PUBLICATION": view.id, "TAGSTONE_STATE": str(view.state), "TAGSTONE_DOI": view.doi}
    values |= {"TAGSTONE_CONCEPT_DOI": view.concept_doi, "TAGSTONE_RECORD": view.record, "TAGSTONE_URL": address}
    reference = view.image if view.image and "@" in view.image else None
    _report(job, PUBLISHED, values | {"TAGSTONE_IMAGE_REFERENCE": reference})
    if view.state is State.PUBLISHED and view.doi:
        _write_release(job, view)
    if view.state.done:
        facts = (("DOI", view.doi), ("record", view.record), ("image", view.image))
        told = [f"{view.id} is {view.state}.", *(f"  {name:<8} {visible(value)}" for name, value in facts if value)]
        output.answer({}, lambda: "\n".join(told))
        return
    if view.state.active:
        why = view.waiting or "it goes on without this job"
        output.answer({}, lambda: f"waiting: {visible(view.line)}\n  {visible(why)}; look at {visible(address)}")
        return
    tell_error(view.error or f"{view.id} is {view.state}.", view.remedy or f"Look at {address}", [])
    raise typer.Exit(int(ExitCode.PERMANENT if view.state is State.FAILED else ExitCode.CONFLICT))


def _write_release(job: "Job", view: "OutsideView") -> None:
    """Put DOI, record and image onto the tag's release. What goes wrong is told, and fails nothing: the record is there."""
    if job.release != "job" or not (job.server and job.project and job.tag and job.job_token.get_secret_value()):
        return
    from tagstone.cli.job import announcer_in
    from tagstone.domain.forges.release_note import release_links, release_note
    from tagstone.errors import TagstoneError

    try:
        announcer, project = announcer_in(job)
        tell(f"the release is {announcer.release(project, job.tag, release_note(view), release_links(view))}")
    except TagstoneError as error:
        tell(f"The release could not be written: {error.message}\n  → {error.remedy}")


def _report(job: "Job", name: str, values: dict[str, str | None]) -> None:
    """Leave a dotenv report, and say what could not go into it."""
    from tagstone.domain.forges.dotenv import dotenv

    text, left_out = dotenv(values)
    job.write(name, text)
    for variable in left_out:
        tell(f"{variable} is not in {name}: it has characters that are not safe there, or there is no room.")
