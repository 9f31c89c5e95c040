"""What a run is given, and what its end means."""

from collections.abc import Callable, Iterator

from tagstone.domain.manifests.manifest import Manifest, command_line, parse_manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.record import Facts
from tagstone.domain.reading.faults import raise_faults
from tagstone.domain.runs.hardware import format_bytes, format_seconds
from tagstone.domain.runs.matrix import Combination
from tagstone.domain.runs.run import Outcome, OutputRules, RunSpec, RunStatus
from tagstone.domain.runs.run_environment import run_environment
from tagstone.errors import Away, Permanent, RunFailed, Temporary
from tagstone.ports import Runner


def manifest_of(facts: Facts) -> Manifest:
    """The manifest that was recorded. Raises: Invalid when it is none."""
    manifest, faults = parse_manifest(facts.source.manifest)
    raise_faults(faults, "The recorded manifest cannot be read")
    if manifest is None:
        raise Permanent("The recorded manifest is empty.", remedy="Publish the tag again.")
    return manifest


def run_spec(facts: Facts, combination: Combination | None = None) -> RunSpec:
    """What the runner is asked for: the image by digest, command, hardware, inputs, and an environment that is recorded.

    Of a matrix it is what one `combination` asks for.
    """
    if facts.image is None:
        raise Permanent("No image is recorded.", remedy=f"`tagstone retry {facts.publication}` builds it.")
    manifest = manifest_of(facts)
    if manifest.run is None:
        raise Permanent("The manifest runs nothing.", remedy="Add `run` to tagstone.yml.")
    image = facts.image.image
    env = run_environment(
        dict(image.settings.env),
        manifest.run.resources,
        time=facts.source.commit.time,
        version=facts.source.version,
        doi=facts.doi,
    )
    return RunSpec(
        image=image.reference,
        code=facts.source.archive_key,
        workdir=image.settings.workdir,
        command=command_line(manifest, combination),
        env=env,
        resources=manifest.run.resources,
        network=manifest.run.network,
        files=tuple((file.path, file.storage_key) for file in facts.source.inputs),
        outputs=tuple(rule.path for rule in manifest.outputs.made),
        project=facts.source.project.key,
    )


def output_rules(facts: Facts, policy: Policy) -> OutputRules:
    """Which files are outputs, and how many and how large the site lets them be."""
    return OutputRules(
        patterns=tuple(rule.path for rule in manifest_of(facts).outputs.made),
        max_files=policy.output_files,
        max_file_bytes=policy.output_bytes,
        max_total_bytes=policy.output_bytes,
    )


def run_to_its_end(
    runner: Runner,
    key: str,
    spec: RunSpec,
    publication: str,
    pauses: Iterator[float],
    pause: Callable[[float], None],
    follow: Callable[[bytes], None],
) -> RunStatus:
    """Run and wait here for the end; `follow` is handed the log as it comes, `publication` is what people know it by.

    Raises:
        RunFailed: it ended badly.
        Temporary: the engine failed.
    """
    runner.start(key, spec)
    cursor = ""
    for seconds in pauses:
        status = runner.observe(key)
        while (chunk := runner.logs(key, cursor)).data:
            follow(chunk.data)
            cursor = chunk.cursor
        if not status.running:
            break
        pause(seconds)
    if status.outcome in (Outcome.ENGINE, Outcome.DISRUPTED):
        raise interruption(status)
    if status.outcome is not Outcome.SUCCEEDED:
        raise failure(status, spec, publication)
    return status


def interruption(status: RunStatus) -> Temporary:
    """A run's end that was no fault of the analysis: what it stood on was taken away, which is no failed try, or our engine failed."""
    if status.outcome is Outcome.DISRUPTED:
        return Away(f"The run was interrupted: {status.detail}", remedy="It is begun again by itself.")
    return Temporary(
        f"The engine failed the run: {status.detail.removesuffix('.')}.",
        remedy="Try again; `tagstone doctor` looks at the engine.",
    )


def failure(status: RunStatus, spec: RunSpec, publication: str) -> RunFailed:
    """A run's end that was not success, with what to do about it."""
    asked = spec.resources
    texts: dict[Outcome, tuple[str, str]] = {
        Outcome.FAILED: (
            "The analysis was not begun."
            if status.exit_code is None
            else f"The analysis ended with exit code {status.exit_code}.",
            f"`tagstone logs {publication}` has what it said; `tagstone rehearse` tries a fix without a tag.",
        ),
        Outcome.OUT_OF_MEMORY: (
            f"The analysis needed more than the {format_bytes(asked.memory)} of memory it asked for.",
            "Ask for more in tagstone.yml (run: resources: memory), or use less.",
        ),
        Outcome.TIME_LIMIT: (
            f"The analysis ran longer than the {format_seconds(asked.time)} it asked for.",
            "Ask for more in tagstone.yml (run: resources: time).",
        ),
        Outcome.DISK_LIMIT: (
            f"The analysis wrote more than the {format_bytes(asked.disk)} of disk it asked for.",
            "Ask for more in tagstone.yml (run: resources: disk), or write less.",
        ),
        Outcome.IMAGE: (
            "The command could not be started in the image.",
            "Check that the command's first word exists in the environment (run: command).",
        ),
        Outcome.UNSCHEDULABLE: (
            "The cluster has no node for the run.",
            "Ask for less in tagstone.yml (run: resources); `tagstone check --cluster` says what would fit.",
        ),
        Outcome.REFUSED: (
            "The cluster would not take the run.",
            "Ask those who run this site: `tagstone doctor --cluster` looks at what the cluster allows.",
        ),
        Outcome.HARDWARE: (
            "The run did not get the hardware it asked for.",
            "Ask for less in tagstone.yml (run: resources), or ask those who run this site.",
        ),
        Outcome.STOPPED: ("The run was stopped from outside.", f"`tagstone retry {publication}` runs it again."),
    }
    message, remedy = texts[status.outcome or Outcome.STOPPED]
    return RunFailed(f"{message} {status.detail}".strip(), remedy=status.remedy or remedy, kind=str(status.outcome))
