"""What each step does to the outside. Every effect looks before it makes, so that a step may be done again after a kill."""

from collections.abc import Callable
from dataclasses import replace

from tagstone import __version__
from tagstone.actions import build as building
from tagstone.actions import bundle as bundling
from tagstone.actions import deposit as depositing
from tagstone.actions import describe as describing
from tagstone.actions import resolve as resolving
from tagstone.actions import run as running
from tagstone.domain.build import BuildState, BuildStatus
from tagstone.domain.deposit import Deposit
from tagstone.domain.record import Facts, ImageFacts, RunFacts
from tagstone.domain.run import Outcome, RunStatus
from tagstone.errors import Invalid, NotFound, Permanent, TagstoneError, Temporary
from tagstone.store import logs
from tagstone.workflows import series
from tagstone.workflows.work import Cancelled, Work


class Held(Exception):
    """The series is another publication's for now; the text says whose."""


async def resolve(work: Work) -> Facts:
    """Read and validate manifest and citation at the commit, and keep the code."""
    source = await work.call(
        resolving.resolve, work.ports, work.policy, work.subject.project, work.subject.commit, work.subject.kind, work.folder
    )
    return Facts(publication=work.subject.id, source=source, tagstone=__version__)


async def build(work: Work) -> Facts:
    """Environment and code to an image by digest, the environment found again where it was built before."""
    facts = work.subject.facts
    plan = await work.call(building.plan, work.ports, facts.source)
    environment = await work.call(building.find_environment, work.ports.registry, plan)
    built = environment is None
    if environment is None:
        environment = await _environment(work, plan)
    image = await work.call(building.write_image, work.ports, environment, plan, facts.source, work.folder)
    name = work.ports.builder.name if built and plan.needs_engine else "none"
    bases, found = plan.recipe.bases, environment.packages
    made = ImageFacts(image=image, environment_key=plan.key, bases=bases, packages=found, builder=name, built=built)
    return replace(facts, image=made)


async def reserve(work: Work) -> Facts:
    """The draft in the depository and its reserved DOI. Raises: Held."""
    facts = work.subject.facts
    metadata, _ = describing.describe(facts)
    answer = await work.call(series.reserve, work.sessions, work.ports.depository, work.subject, metadata)
    if isinstance(answer, series.Waiting):
        raise Held(answer.reason)
    return replace(facts, deposit=answer)


async def run(work: Work) -> Facts:
    """The analysis in the image, with its log; what a failed run left is kept."""
    facts, runner, key = work.subject.facts, work.ports.runner, work.subject.key
    spec = await work.call(running.run_spec, facts)
    await work.call(runner.start, key, spec)

    async def observe() -> RunStatus | None:
        status = await work.call(runner.observe, key)
        await work.call(work.pump, "run", runner.logs)
        return None if status.running else status

    status = await work.until(observe)
    await work.call(work.pump, "run", runner.logs)
    if status.outcome is Outcome.ENGINE:
        await work.call(_begin_again, work, "run", runner.remove)
        raise Temporary(f"The engine failed the run: {status.detail}.")
    stored = await work.call(work.ports.storage.keep, work.whole_log("run"))
    await work.call(work.end_log, "run")
    ended = replace(facts, run=RunFacts(spec, status, runner.name, stored.key, stored.size, stored.sha256))
    if status.outcome is not Outcome.SUCCEEDED:
        await work.call(work.remember, await work.call(_what_was_left, work, ended))
        raise running.failure(status, spec, work.subject.id)
    return ended


async def collect(work: Work) -> Facts:
    """The outputs by the manifest's globs, into storage by checksum."""
    facts = work.subject.facts
    outputs = await work.call(work.ports.runner.collect, work.subject.key, running.output_rules(facts, work.policy))
    return replace(facts, outputs=tuple(outputs))


async def bundle(work: Work) -> Facts:
    """The research object, written whole beside the others."""
    facts = work.subject.facts
    metadata, citation = describing.describe(facts)
    files = await work.call(
        bundling.write_bundle, facts, metadata, citation, work.ports.registry, work.ports.storage, work.bundle
    )
    await work.call(work.remember_bundle, files)
    return facts


async def upload(work: Work) -> Facts:
    """Every file of the bundle into the draft, each compared by checksum."""
    facts = work.subject.facts
    deposit, files = _deposit(facts), await work.call(work.bundle_files)

    def send() -> None:
        for _ in depositing.deposit_files(work.ports.deposit_files, deposit.id, files, work.open_bundled):
            if work.cancel_requested():
                raise Cancelled

    await work.call(send)
    metadata, _ = describing.describe(facts)
    await work.call(work.ports.depository.describe, deposit.id, metadata)
    return facts


async def release(work: Work) -> Facts:
    """Publish: asked once, then observed; then the tag is set in the registry, never to be moved."""
    facts = work.subject.facts
    deposit = await work.call(depositing.publish_once, work.ports.depository, _deposit(facts).id)
    await work.call(building.name_image, work.ports.registry, _image(facts).image, facts.source.tag)
    return replace(facts, deposit=deposit)


async def confirm(work: Work) -> Facts:
    """The record is there, the deposited bytes are the ones sent, the image can be read by digest."""
    facts, ports = work.subject.facts, work.ports
    files = await work.call(work.bundle_files)
    deposit = await work.call(depositing.confirm, ports.depository, ports.deposit_files, _deposit(facts).id, files)
    image = _image(facts).image
    await work.call(ports.registry.manifest, image.name, image.digest)
    return replace(facts, deposit=deposit)


def clean_up(work: Work) -> None:
    """Remove what build and run left outside; the logs and outputs that matter are in storage."""
    for remove in (work.ports.builder.stop, work.ports.runner.remove):
        try:
            remove(work.subject.key)
        except TagstoneError:
            # Litter must not turn an ended publication into a failed one; the next start of the same key adopts or removes it.
            continue


async def _environment(work: Work, plan: building.Plan) -> building.Environment:
    builder, key = work.ports.builder, work.subject.key
    if not plan.needs_engine:
        return await work.call(building.write_bare_environment, work.ports, plan)
    await work.call(builder.start, key, plan.recipe, lambda: building.context(work.ports, plan))

    async def observe() -> BuildStatus | None:
        status = await work.call(builder.observe, key)
        await work.call(work.pump, "build", builder.logs)
        return None if status.state is BuildState.RUNNING else status

    status = await work.until(observe)
    await work.call(work.pump, "build", builder.logs)
    await work.call(work.end_log, "build")
    if status.state is BuildState.LOST:
        await work.call(_begin_again, work, "build", builder.stop)
        raise Temporary("The build's process is gone without an answer.")
    if status.state is BuildState.FAILED:
        raise Permanent(
            f"The environment could not be built: {status.detail}",
            remedy=f"`tagstone logs {work.subject.id} --source build` has the whole log.",
        )
    return await work.call(building.collect_environment, work.ports, key, plan, work.folder)


def _begin_again(work: Work, source: str, remove: Callable[[str], None]) -> None:
    """Forget a build or run that ended by trouble of ours; its log stays, and the next one's is added to it."""
    remove(work.subject.key)
    with work.sessions.write() as session:
        logs.rewind(session, work.subject.id, work.source(source))


def _what_was_left(work: Work, facts: Facts) -> Facts:
    """Facts with the outputs of a run that failed, as far as there are any."""
    try:
        return replace(
            facts, outputs=tuple(work.ports.runner.collect(work.subject.key, running.output_rules(facts, work.policy)))
        )
    except (Invalid, NotFound):
        return facts


def _deposit(facts: Facts) -> Deposit:
    if facts.deposit is None:
        raise Permanent("No identifier is reserved.", remedy=f"`tagstone retry {facts.publication}` reserves one.")
    return facts.deposit


def _image(facts: Facts) -> ImageFacts:
    if facts.image is None:
        raise Permanent("No image is recorded.", remedy=f"`tagstone retry {facts.publication}` builds it.")
    return facts.image
