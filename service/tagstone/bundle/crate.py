"""`ro-crate-metadata.json`: RO-Crate 1.1 on the Process Run Crate 0.5 profile.

Written as plain JSON-LD by small functions, not with the `rocrate` library: that one reads the clock, wants files on disk
to describe them, and numbers entities at random, where a bundle has to be a pure function of recorded facts.

Sources: RO-Crate 1.1, https://www.researchobject.org/ro-crate/specification/1.1/ ; Process Run Crate 0.5,
https://www.researchobject.org/workflow-run-crate/profiles/process_run_crate/
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from tagstone.bundle import media
from tagstone.bundle.files import BundleFile
from tagstone.bundle.text import plain, reference
from tagstone.domain.deposit import Creator, DepositMetadata
from tagstone.domain.manifest import parse_manifest
from tagstone.domain.record import Facts, ImageFacts, RunFacts
from tagstone.domain.run import Outcome
from tagstone.errors import Permanent

FILE = "ro-crate-metadata.json"
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"

Entity = dict[str, object]
_DOCKER_IMAGE = "https://w3id.org/ro/terms/workflow-run#DockerImage"
_BYTES = "http://purl.obolibrary.org/obo/UO_0000233"
_SECONDS = "http://purl.obolibrary.org/obo/UO_0000010"


def crate(facts: Facts, metadata: DepositMetadata, files: Sequence[BundleFile]) -> bytes:
    """The crate's metadata for all `files` of the bundle (itself and SHA256SUMS left out)."""
    image, run = finished(facts)
    values = [*_parameters(facts), *_environment(run), *_requested(run), *_granted(run)]
    people = [_person(number, creator) for number, creator in enumerate(metadata.creators, 1)]
    publisher: Entity = {"@id": "#publisher", "@type": "Organization", "name": plain(metadata.publisher)}
    listed = [_file(file, facts) for file in files if not file.path.startswith("image/")]
    graph = [
        _descriptor(),
        _root(facts, metadata, people, listed),
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        _action(facts, run, values, listed),
        _software(facts, run),
        _engine(run),
        _container_image(image, facts),
        {
            "@id": "image/",
            "@type": "Dataset",
            "name": "The container image as an OCI image layout",
            "description": str(image.image.digest),
        },
        publisher,
        *people,
        *_licences(metadata),
        *listed,
        *values,
    ]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=True).encode() + b"\n"


def finished(facts: Facts) -> tuple[ImageFacts, RunFacts]:
    """Image and run of a publication whose run has ended. Raises: Permanent when it has not."""
    if facts.image is None or facts.run is None or facts.run.status.finished_at is None:
        raise Permanent("There is no finished run to bundle yet.", remedy="Bundle after the run and its outputs are recorded.")
    return facts.image, facts.run


def _descriptor() -> Entity:
    return {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }


def _root(facts: Facts, metadata: DepositMetadata, people: list[Entity], listed: list[Entity]) -> Entity:
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROFILE},
        "name": plain(metadata.title),
        "description": plain(metadata.description) or f"Code, image, run and outputs of {plain(metadata.title)}.",
        "version": plain(metadata.version),
        "datePublished": metadata.date,
        "license": _one_or_list([_reference(licence) for licence in _licences(metadata)]),
        "author": _one_or_list([_reference(person) for person in people]),
        "publisher": {"@id": "#publisher"},
        "hasPart": [*(_reference(file) for file in listed), {"@id": "image/"}],
        "mentions": [{"@id": "#run"}, {"@id": "#image"}],
    }
    if facts.doi:
        root["identifier"] = f"https://doi.org/{facts.doi}" if facts.deposit and facts.deposit.registered else facts.doi
    if metadata.keywords:
        root["keywords"] = _one_or_list([plain(keyword) for keyword in metadata.keywords])
    if facts.source.project.url:
        root["isBasedOn"] = facts.source.project.url
    return root


def _action(facts: Facts, run: RunFacts, values: list[Entity], listed: list[Entity]) -> Entity:
    used = {"#parameter", "#requested"}
    action: Entity = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of {plain(facts.source.title)} {plain(facts.source.version)}",
        "description": plain(" ".join(run.spec.command)) or "The command of the image",
        "instrument": {"@id": "#analysis"},
        "object": [
            {"@id": "code.tar"},
            *(_reference(file) for file in listed if str(file["@id"]).startswith("inputs/")),
            *(_reference(value) for value in values if _group(value) in used),
        ],
        "result": _one_or_list([_reference(file) for file in listed if str(file["@id"]).startswith("outputs/")]),
        "startTime": _time(run.status.started_at or run.status.finished_at),
        "endTime": _time(run.status.finished_at),
        "actionStatus": f"http://schema.org/{_status(run)}",
        "agent": {"@id": "#publisher"},
        "containerImage": {"@id": "#image"},
        "resourceUsage": _one_or_list([_reference(value) for value in values if _group(value) == "#granted"]),
    }
    environment = [_reference(value) for value in values if _group(value) == "#environment"]
    if environment:
        action["environment"] = _one_or_list(environment)
    if run.status.outcome is not Outcome.SUCCEEDED:
        action["error"] = plain(f"{run.status.outcome}: exit code {run.status.exit_code}. {run.status.detail}")
    return action


def _software(facts: Facts, run: RunFacts) -> Entity:
    resources = run.spec.resources
    software: Entity = {
        "@id": "#analysis",
        "@type": "SoftwareApplication",
        "name": plain(facts.source.title),
        "softwareVersion": f"{plain(facts.source.version)} (commit {facts.source.commit.sha})",
        "description": "The recorded command, run on the code at the commit: " + plain(" ".join(run.spec.command)),
        "hasPart": {"@id": "code.tar"},
        "memoryRequirements": f"{resources.memory} bytes",
        "processorRequirements": f"{resources.cpu:g} cores",
        "storageRequirements": f"{resources.disk} bytes",
        "softwareRequirements": {"@id": "#engine"},
    }
    if facts.source.project.url:
        software["url"] = facts.source.project.url
    return software


def _engine(run: RunFacts) -> Entity:
    name = plain(run.status.engine) or plain(run.runner)
    return {"@id": "#engine", "@type": "SoftwareApplication", "name": plain(run.runner), "softwareVersion": name}


def _container_image(image: ImageFacts, facts: Facts) -> Entity:
    return {
        "@id": "#image",
        "@type": "ContainerImage",
        "additionalType": {"@id": _DOCKER_IMAGE},
        "registry": image.registry or "oci:image",
        "name": image.image.name,
        "tag": facts.source.tag,
        "sha256": image.image.digest.removeprefix("sha256:"),
    }


def _person(number: int, creator: Creator) -> Entity:
    person: Entity = {
        "@id": f"https://orcid.org/{creator.orcid}" if creator.orcid else f"#author-{number}",
        "@type": "Organization" if creator.organisation else "Person",
        "name": plain(creator.name),
    }
    if creator.given:
        person["givenName"] = plain(creator.given)
    if creator.family:
        person["familyName"] = plain(creator.family)
    if creator.affiliation:
        person["affiliation"] = plain(creator.affiliation)
    return person


def _licences(metadata: DepositMetadata) -> list[Entity]:
    return [
        {
            "@id": f"https://spdx.org/licenses/{reference(licence)}",
            "@type": "CreativeWork",
            "name": plain(licence),
            "description": f"The licence {plain(licence)} as SPDX lists it",
        }
        for licence in metadata.licences
    ]


def _file(file: BundleFile, facts: Facts) -> Entity:
    sources = {f"inputs/{given.path}": given.source for given in facts.source.inputs}
    entity: Entity = {
        "@id": reference(file.path),
        "@type": "File",
        "name": file.path,
        "description": media.purpose(file.path, facts.source.commit.sha),
        "encodingFormat": media.media_type(file.path),
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }
    if file.path in sources:
        entity["isBasedOn"] = sources[file.path]
    return entity


def _parameters(facts: Facts) -> list[Entity]:
    manifest, _ = parse_manifest(facts.source.manifest)
    return [_value("#parameter", name, value) for name, value in manifest.run.parameters.items()] if manifest else []


def _environment(run: RunFacts) -> list[Entity]:
    return [_value("#environment", name, value) for name, value in run.spec.env]


def _requested(run: RunFacts) -> list[Entity]:
    resources = run.spec.resources
    asked: list[tuple[str, object, str | None]] = [
        ("cpu", f"{resources.cpu:g}", None),
        ("memory", resources.memory, _BYTES),
        ("disk", resources.disk, _BYTES),
        ("time", resources.time, _SECONDS),
        ("gpu", resources.gpu, None),
        ("gpu_type", resources.gpu_type, None),
        ("network", "yes" if run.spec.network else "no", None),
    ]
    return [_value("#requested", name, value, unit) for name, value, unit in asked if value is not None]


def _granted(run: RunFacts) -> list[Entity]:
    granted = run.status.granted
    found: list[tuple[str, object, str | None]] = [
        ("peak_memory", run.status.peak_memory, _BYTES),
        ("isolation", run.status.isolation, None),
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
        ]
    return [_value("#granted", name, value, unit) for name, value, unit in found if value is not None]


def _value(group: str, name: str, value: object, unit: str | None = None) -> Entity:
    entity: Entity = {
        "@id": f"{group}-{reference(name)}",
        "@type": "PropertyValue",
        "name": name,
        "propertyID": f"{group.removeprefix('#')} {name}",
        "value": str(value),
    }
    if unit:
        entity["unitCode"] = unit
    return entity


def _group(value: Entity) -> str:
    return str(value["@id"]).partition("-")[0]


def _reference(entity: Entity) -> Entity:
    return {"@id": entity["@id"]}


def _one_or_list(items: Sequence[object]) -> object:
    return items[0] if len(items) == 1 else items


def _status(run: RunFacts) -> str:
    return "CompletedActionStatus" if run.status.outcome is Outcome.SUCCEEDED else "FailedActionStatus"


def _time(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds or 0, UTC).isoformat(timespec="milliseconds")
