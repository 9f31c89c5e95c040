"""The run in the crate: the action, the software that it ran, and the values that it was given and got.

Source: Process Run Crate 0.5, https://www.researchobject.org/workflow-run-crate/profiles/process_run_crate/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tagstone.bundle.entities import Entity, ref, refs, value
from tagstone.bundle.swhid import RESOLVER
from tagstone.bundle.text import plain, reference
from tagstone.domain.manifests.manifest import parse_manifest
from tagstone.domain.publications.record import Facts, RunFacts
from tagstone.domain.runs.run import Outcome

_BYTES = "http://purl.obolibrary.org/obo/UO_0000233"
_SECONDS = "http://purl.obolibrary.org/obo/UO_0000010"
_ENGINES = {
    "chroot": "https://buildah.io/",
    "docker": "https://www.docker.com/",
    "kubernetes": "https://kubernetes.io/",
    "podman": "https://podman.io/",
}
_HELD = {None: None, True: "yes", False: "no"}


def run_entities(
    facts: Facts, run: RunFacts, agent: Entity, listed: Sequence[Entity], inputs: Sequence[Entity]
) -> list[Entity]:
    """Every action first, one for each run of a matrix, then what they mention.

    `listed` are the bundle's files, `inputs` all that the runs were given.
    """
    name = f"Run of {plain(facts.source.title)} {plain(facts.source.version)}"
    if not facts.matrix:
        return _entities(facts, run, _Action("#run", name, "outputs/"), agent, listed, inputs)
    found = []
    for one in facts.matrix:
        number, folder = one.combination.number, f"outputs/{reference(one.combination.folder)}/"
        action = _Action(f"#run-{number}", plain(f"{name}: {one.combination}"), folder, number, one.combination.values)
        found += _entities(facts, one.run, action, agent, listed, inputs)
    return sorted(found, key=lambda entity: entity["@type"] != "CreateAction")


@dataclass(frozen=True)
class _Action:
    """What tells one run's action from others': its results lie below `folder`; `number` and `values` are those of a matrix."""

    id: str
    name: str
    folder: str
    number: int | None = None
    values: tuple[tuple[str, str], ...] = ()


def _entities(
    facts: Facts, run: RunFacts, this: _Action, agent: Entity, listed: Sequence[Entity], inputs: Sequence[Entity]
) -> list[Entity]:
    """The action first, then what it mentions."""
    environment = [value("#environment", name, text) for name, text in run.spec.env]
    parameters = [*_parameters(facts), *(value("#parameter", name, text, None, this.number) for name, text in this.values)]
    requested, granted = _requested(run), _granted(run, this.number)
    action: Entity = {
        "@id": this.id,
        "@type": "CreateAction",
        "name": this.name,
        "description": plain(" ".join(run.spec.command)) or "The command of the image",
        "instrument": {"@id": software_id(facts)},
        "object": [{"@id": "code.tar"}, *map(ref, inputs), *map(ref, parameters), *map(ref, requested)],
        "result": refs(_results(listed, this.folder)),
        "startTime": _time(run.status.started_at or run.status.finished_at),
        "endTime": _time(run.status.finished_at),
        "actionStatus": f"http://schema.org/{_status(run)}",
        "agent": ref(agent),
        "containerImage": {"@id": "#image"},
        "resourceUsage": refs(granted),
    }
    if environment:
        action["environment"] = refs(environment)
    if run.status.outcome is not Outcome.SUCCEEDED:
        action["error"] = plain(f"{run.status.outcome}: exit code {run.status.exit_code}. {run.status.detail}")
    return [action, _engine(run), *parameters, *environment, *requested, *granted]


def software_id(facts: Facts) -> str:
    """What the archived code is called: its SWHID as an address, or the repository's with the commit."""
    source = facts.source
    if source.swhid:
        return RESOLVER + source.swhid
    return f"{source.project.url}#{source.commit.sha}" if source.project.url else "#analysis"


def software(facts: Facts) -> Entity:
    """The archived code as the application that is run, and what it needs."""
    source, run = facts.source, facts.run
    entity: Entity = {
        "@id": software_id(facts),
        "@type": "SoftwareApplication",
        "name": plain(source.title),
        "softwareVersion": f"{plain(source.version)} (commit {source.commit.sha})",
        "description": "The code at the commit",
        "hasPart": {"@id": "code.tar"},
    }
    registered = facts.deposit is not None and facts.deposit.registered
    if source.project.url or (registered and facts.doi):
        entity["url"] = source.project.url or f"https://doi.org/{facts.doi}"
    if source.swhid:
        entity["identifier"] = source.swhid
    if run is not None:
        resources = run.spec.resources
        entity |= {
            "description": "The recorded command, run on the code at the commit: " + plain(" ".join(run.spec.command)),
            "memoryRequirements": f"{resources.memory} bytes",
            "processorRequirements": f"{resources.cpu:g} cores",
            "storageRequirements": f"{resources.disk} bytes",
            "softwareRequirements": ref(_engine(run)),
        }
    return entity


def _results(listed: Sequence[Entity], folder: str) -> list[Entity]:
    """What the run made; a run that only checks leaves its log."""
    made = [file for file in listed if str(file["@id"]).startswith(folder)]
    return made or [file for file in listed if file["@id"] == "logs/run.log"]


def _engine(run: RunFacts) -> Entity:
    name = plain(run.runner)
    version = plain(run.status.engine) or name
    url = _ENGINES.get(name.partition(" ")[0].lower())
    entity: Entity = {"@id": url or "#engine", "@type": "SoftwareApplication", "name": name, "softwareVersion": version}
    return entity | ({"url": url} if url else {})


def _parameters(facts: Facts) -> list[Entity]:
    manifest, _ = parse_manifest(facts.source.manifest)
    if manifest is None or manifest.run is None:
        return []
    return [value("#parameter", name, given) for name, given in manifest.run.parameters.items()]


def _requested(run: RunFacts) -> list[Entity]:
    resources = run.spec.resources
    asked: list[tuple[str, object, str | None]] = [
        ("cpu", f"{resources.cpu:g}", None),
        ("memory", resources.memory, _BYTES),
        ("disk", resources.disk, _BYTES),
        ("time", resources.time, _SECONDS),
        ("gpu", resources.gpu, None),
        ("gpu_type", resources.gpu_type, None),
        ("profile", resources.profile, None),
        ("network", "yes" if run.spec.network else "no", None),
    ]
    return [value("#requested", name, content, unit) for name, content, unit in asked if content is not None]


def _granted(run: RunFacts, number: int | None) -> list[Entity]:
    granted = run.status.granted
    found: list[tuple[str, object, str | None]] = [
        ("peak_memory", run.status.peak_memory, _BYTES),
        ("isolation", run.status.isolation, None),
        ("cluster", run.status.cluster or None, None),
        ("network_held", _HELD[run.status.network_held], None),
    ]
    if granted:
        found += [
            ("cpu_model", granted.cpu_model, None),
            ("cpus_visible", granted.cpus_visible, None),
            ("cpu_limit", granted.cpu_limit, None),
            ("memory_limit", granted.memory_limit, _BYTES),
            ("memory_total", granted.memory_total, _BYTES),
            ("pids_limit", granted.pids_limit, None),
            ("kernel", granted.kernel, None),
            ("architecture", granted.architecture, None),
            *((f"gpu_{number}", gpu, None) for number, gpu in enumerate(granted.gpus)),
            ("gpu_driver", granted.gpu_driver, None),
            ("node", granted.node, None),
            ("image_id", granted.image_id, None),
            ("qos", granted.qos, None),
        ]
    return [value("#granted", name, content, unit, number) for name, content, unit in found if content is not None]


def _status(run: RunFacts) -> str:
    return "CompletedActionStatus" if run.status.outcome is Outcome.SUCCEEDED else "FailedActionStatus"


def _time(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds or 0, UTC).isoformat(timespec="milliseconds")
