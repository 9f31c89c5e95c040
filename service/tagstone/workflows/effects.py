"""What each step does to the outside. Every effect looks before it makes, so that a step may be done again after a kill."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tagstone import __version__
from tagstone.actions import adopt as adopting
from tagstone.actions import build as building
from tagstone.actions import bundle as bundling
from tagstone.actions import deposit as depositing
from tagstone.actions import describe as describing
from tagstone.actions import release as releasing
from tagstone.actions import resolve as resolving
from tagstone.actions import run as running
from tagstone.actions import run_matrix, secrets
from tagstone.actions.brought import keep_brought
from tagstone.actions.fit import fitted
from tagstone.domain.code.finding import refuse_secrets
from tagstone.domain.deposits.deposit import Deposit, DepositMetadata, Limits
from tagstone.domain.environments.build import BuildState, BuildStatus
from tagstone.domain.images.oci import Image, ImageReference
from tagstone.domain.publications.own_host import refuse_build, refuse_run
from tagstone.domain.publications.publication import Kind, Step
from tagstone.domain.publications.record import Facts, ImageFacts, RunFacts
from tagstone.domain.runs.run import Outcome, OutputFile, RunStatus
from tagstone.errors import Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary
from tagstone.ports import DepositAccount
from tagstone.store import logs
from tagstone.workflows import fan_out, series
from tagstone.workflows.work import Work


class Held(Exception):
    """Somebody else comes first; the text says who. `person`: it goes on when people have spoken, `curators` those of a community."""

    def __init__(self, reason: str, *, person: bool = False, curators: bool = False) -> None:
        super().__init__(reason)
        self.person = person
        self.curators = curators


class Unapproved(Exception):
    """A person has to approve first; nothing goes on by itself."""


async def resolve(work: Work) -> Facts:
    """Read and validate manifest and citation at the commit, and keep the code."""
    began_at = work.ports.clock.now()
    subject, tell = work.subject, partial(work.say, "inputs")
    source, waived = await work.call(
        resolving.resolve,
        work.ports,
        work.policy.capped(subject.caps),
        subject.project,
        subject.commit,
        subject.kind,
        work.folder,
        tell,
        work.heed,
        subject.handed_manifest,
    )
    if source.inputs:
        await work.call(work.end_log, "inputs")
    facts = Facts(
        publication=work.subject.id,
        source=source,
        tagstone=__version__,
        publisher=work.policy.publisher,
        began_at=began_at,
        secrets_waived=waived,
    )
    depository = running.manifest_of(facts).deposit.to
    if subject.kind is Kind.PUBLICATION and subject.recorded is None:
        # Nothing is built for a record that nobody may deposit.
        await work.call(work.accounts.of_project, subject.project_id, depository)
    if Step.RESERVE in subject.steps and subject.rehearses:
        _refuse_registered(await work.call(work.accounts.of_project, subject.project_id, depository))
    return fitted(facts, work.policy.limits.get(depository, Limits()))


async def build(work: Work) -> Facts:
    """Environment and code to an image by digest, the environment found again where it was built before; or the image of a CI job."""
    facts = work.subject.facts
    if work.subject.registered and running.manifest_of(facts).run is not None:
        # Nothing is built for a run that is refused.
        refuse_run(work.policy, work.ports.runner.name)
    plan = await work.call(building.plan, work.ports, facts.source, work.policy.channels)
    if work.subject.handed_image is not None:
        return await work.call(_adopted, work, plan, work.subject.handed_image)
    environment = await work.call(building.find_environment, work.ports.registry, plan)
    built = environment is None
    if environment is None:
        environment, facts = await _environment(work, plan), _built_here(work, plan)
    waived = await work.call(_secrets_of, work, environment.image, plan)
    image = await work.call(building.write_image, work.ports, environment, plan, facts.source, work.folder)
    name = work.ports.builder.name if built and plan.needs_engine else "none"
    made = ImageFacts(
        image=image,
        environment_key=plan.key,
        bases=plan.recipe.bases,
        packages=environment.packages,
        builder=name,
        built=built,
        recipe=plan.text,
        archives=environment.archives,
        registry=work.policy.image_registry,
    )
    return replace(facts, image=made, secrets_waived=(*facts.secrets_waived, *waived))


def _adopted(work: Work, plan: building.Plan, handed: ImageReference) -> Facts:
    """The facts with the image that a CI job handed in. Raises: Invalid where it is not of this commit, NotFound."""
    facts = work.subject.facts
    found = adopting.adopt(work.ports.registry, work.ports.job_registries, plan, facts.source, handed)
    waived = _secrets_of(work, found.image, plan if found.planned else None)
    # What the plan says is recorded only of an image that stands on the plan's base: bases move, and pipelines have their own.
    made = ImageFacts(
        image=found.image,
        environment_key=plan.key if found.planned else "",
        bases=plan.recipe.bases if found.planned else (),
        packages=found.packages,
        builder="ci",
        built=True,
        recipe=plan.text if found.planned else "",
        registry=work.policy.image_registry,
    )
    return replace(facts, image=made, secrets_waived=(*facts.secrets_waived, *waived))


async def reserve(work: Work) -> Facts:
    """The draft in the depository and its reserved DOI. Raises: Held, Invalid when it could not hold what is there already."""
    account = await work.call(work.account)
    facts = fitted(work.subject.facts, account.limits)
    if work.subject.rehearses:
        _refuse_registered(account)
        return replace(facts, deposit=await work.call(series.reserve_apart, work, account, _described(work, facts)))
    answer = await work.call(series.reserve, work, _described(work, facts))
    if isinstance(answer, series.Waiting):
        raise Held(answer.reason, person=answer.person)
    return replace(facts, deposit=answer)


async def run(work: Work) -> Facts:
    """The analysis in the image, with its log; what a failed run left is kept."""
    facts, runner, key = work.subject.facts, work.ports.runner, work.subject.key
    if running.manifest_of(facts).run is None:
        return facts
    if work.subject.registered:
        refuse_run(work.policy, runner.name)
        facts = _told(facts, f"run by {runner.name}")
    if run_matrix.has_matrix(facts):
        return await fan_out.run_all(work, facts)
    spec = await work.call(running.run_spec, facts)
    await work.call(runner.start, key, spec)

    told, quiet = "", False

    async def observe() -> RunStatus | None:
        nonlocal told, quiet
        status = await work.call(runner.observe, key)
        quiet = status.waits
        await work.call(work.pump, "run", runner.logs)
        if status.running and status.detail != told:
            told = status.detail
            await work.call(work.waits, told or None)
        return None if status.running else status

    status = await work.until(observe, lambda: quiet)
    await work.call(work.pump, "run", runner.logs)
    if status.outcome in (Outcome.ENGINE, Outcome.DISRUPTED):
        await work.call(_begin_again, work, "run", runner.remove)
        raise running.interruption(status)
    stored = await work.call(work.ports.storage.keep, work.whole_log("run"))
    await work.call(work.end_log, "run")
    ended = replace(facts, run=RunFacts(spec, status, runner.name, stored.key, stored.size, stored.sha256))
    if status.outcome is not Outcome.SUCCEEDED:
        await work.call(work.remember, await work.call(_what_was_left, work, ended))
        raise running.failure(status, spec, work.subject.id)
    return ended


async def collect(work: Work) -> Facts:
    """The outputs by the manifest's globs, into storage by checksum, and those that were brought; searched for secrets."""
    facts, ports = work.subject.facts, work.ports
    manifest, made = running.manifest_of(facts), list[OutputFile]()
    if facts.matrix:
        made = [file for file in facts.outputs if not file.brought]
    elif manifest.outputs.made:
        made = await work.call(ports.runner.collect, work.subject.key, running.output_rules(facts, work.policy))
    brought = await work.call(keep_brought, ports.forge, ports.storage, manifest, facts.source, made, work.policy)
    facts = fitted(replace(facts, outputs=(*made, *brought)), facts.limits)
    return await work.call(_without_secrets, work, facts)


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
    deposit, account = _deposit(facts), await work.call(work.account)
    sent = await work.call(work.deposited, account.limits)
    if not deposit.state.open:
        return facts  # Somebody published it by hand: whether it is what it should be is seen when it is confirmed.

    def send() -> None:
        depositing.carry_over(account.files, work.journal, deposit)
        with work.journal.arrivals() as arrived:
            for file in depositing.deposit_files(account.files, deposit.id, sent.files, sent.open, work.journal.ask_files):
                arrived(file)
                work.heed()

    await work.call(send)
    await work.call(account.depository.describe, deposit.id, _described(work, facts))
    return facts


async def review(work: Work) -> Facts:
    """Approval by a person, where the manifest or the site asks for it. Raises: Unapproved."""
    facts = work.subject.facts
    wanted = work.policy.review(running.manifest_of(facts).deposit) and _deposit(facts).state.open
    if wanted and not await work.call(work.approved):
        # It may be days: nothing of build and run is kept waiting for them.
        await work.call(clean_up, work)
        raise Unapproved
    return facts


async def release(work: Work) -> Facts:
    """Publish: asked once, then observed; then the tag is set in the registry, never to be moved. Raises: Held."""
    facts = work.subject.facts
    account, community = await work.call(work.account), running.manifest_of(facts).deposit.community
    if work.subject.rehearses:
        _refuse_registered(account)
        community = None  # curators are not asked to look at what is only tried
    deposit = await work.call(releasing.release, account, work.journal, _deposit(facts).id, community, work.durations.released)
    if isinstance(deposit, releasing.Pending):
        raise Held(deposit.reason, person=deposit.person, curators=deposit.person)
    if not work.subject.rehearses:
        await work.call(building.name_image, work.ports.registry, _image(facts).image, facts.source.tag)
    return replace(facts, deposit=deposit)


async def confirm(work: Work) -> Facts:
    """The record is there, the deposited bytes are the ones sent, the image can be read by digest."""
    facts, ports = work.subject.facts, work.ports
    files, account = await work.call(work.deposited_files), await work.call(work.account)
    deposit = await work.call(depositing.confirm, account.depository, account.files, _deposit(facts).id, files)
    image = _image(facts).image
    await work.call(ports.registry.manifest, image.name, image.digest)
    return replace(facts, deposit=deposit)


def clean_up(work: Work) -> None:
    """Remove what build and run left outside; the logs and outputs that matter are in storage."""
    runs = run_matrix.keys(work.subject.recorded, work.subject.key)
    for remove, key in ((work.ports.builder.stop, work.subject.key), *((work.ports.runner.remove, key) for key in runs)):
        try:
            remove(key)
        except TagstoneError:
            # Litter must not turn an ended publication into a failed one; the next start of the same key adopts or removes it.
            continue
    work.remove_pack()


async def _environment(work: Work, plan: building.Plan) -> building.Environment:
    builder, key = work.ports.builder, work.subject.key
    if not plan.needs_engine:
        return await work.call(building.write_bare_environment, work.ports, plan)
    if work.subject.registered:
        refuse_build(work.policy, builder.name)
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
            remedy=status.remedy or f"`tagstone logs {work.subject.id} --source build` has the whole log.",
        )
    return await work.call(building.collect_environment, work.ports, key, plan, work.folder)


def _built_here(work: Work, plan: building.Plan) -> Facts:
    """The facts, which say of a registered project that it was built on this service's own host."""
    facts = work.subject.facts
    return _told(facts, f"built by {work.ports.builder.name}") if work.subject.registered and plan.needs_engine else facts


def _told(facts: Facts, said: str) -> Facts:
    return facts if said in facts.own_host else replace(facts, own_host=(*facts.own_host, said))


def _secrets_of(work: Work, environment: Image, plan: building.Plan | None) -> tuple[str, ...]:
    """The names of findings in what the environment adds to its base that were waived. Raises: Invalid with the others."""
    below = len(plan.base.layers) if plan and plan.base else 0
    found = secrets.in_image(work.ports.registry, work.ports.storage, environment, below)
    return refuse_secrets(found, running.manifest_of(work.subject.facts).waived_secrets)


def _without_secrets(work: Work, facts: Facts) -> Facts:
    """The facts with all that was waived, and a warning for each waiver that nothing needed. Raises: Invalid."""
    wanted = running.manifest_of(facts).waived_secrets
    waived = (*facts.secrets_waived, *refuse_secrets(secrets.in_results(work.ports.storage, facts), wanted))
    told = (f"tagstone.yml: `waived_secrets` names {name}, which was not found." for name in wanted if name not in waived)
    new = tuple(warning for warning in told if warning not in facts.source.warnings)
    source = replace(facts.source, warnings=(*facts.source.warnings, *new))
    return replace(facts, source=source, secrets_waived=waived)


def said(step: Step, facts: Facts) -> str | None:
    """What the journal says of a step that had nothing to do."""
    if step is Step.RUN and facts.run is None:
        return "Nothing is run."
    if step is Step.COLLECT and not facts.outputs:
        return "There are no outputs."
    return None


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


def _described(work: Work, facts: Facts) -> DepositMetadata:
    """What the depository is told; of a rehearsal it shows that it is one."""
    metadata, _ = describing.describe(facts)
    return replace(metadata, title=f"Rehearsal: {metadata.title}") if work.subject.rehearses else metadata


def _refuse_registered(account: DepositAccount) -> None:
    """A rehearsal must not end where it stays for ever. Raises: Forbidden."""
    if account.registered:
        raise Forbidden(
            f"DOIs of {account.depository.name} are registered and stay for ever: nothing is rehearsed there.",
            remedy="Rehearse into `local` or a sandbox: the template's input `depository` says where.",
        )


def _deposit(facts: Facts) -> Deposit:
    if facts.deposit is None:
        raise Permanent("No identifier is reserved.", remedy=f"`tagstone retry {facts.publication}` reserves one.")
    return facts.deposit


def _image(facts: Facts) -> ImageFacts:
    if facts.image is None:
        raise Permanent("No image is recorded.", remedy=f"`tagstone retry {facts.publication}` builds it.")
    return facts.image
