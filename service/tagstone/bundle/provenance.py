"""`provenance.intoto.json`: how image and outputs came about, as an unsigned in-toto statement with SLSA provenance.

Sources: in-toto Statement v1, https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md ; SLSA provenance v1,
https://slsa.dev/spec/v1.0/provenance
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from tagstone.bundle.files import BundleFile
from tagstone.bundle.inputs import address
from tagstone.bundle.packages import image_url
from tagstone.bundle.swhid import revision_swhid
from tagstone.bundle.words import HOME
from tagstone.domain.environments.build import BaseImage
from tagstone.domain.publications.record import Facts, ImageFacts, InputFacts, SourceFacts

FILE = "provenance.intoto.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = f"{HOME}/publication/v1"
"""What the parameters mean; docs/reference/bundle.md says it."""

Entity = dict[str, object]


def provenance(facts: Facts, image: ImageFacts, byproducts: Sequence[BundleFile]) -> bytes:
    """The statement: its subjects are what was made here; brought outputs are not among them. Equal facts, equal bytes.

    `byproducts` are files of the bundle that describe the making, such as log and SBOM.
    """
    statement = {
        "_type": STATEMENT,
        "subject": [_image(image), *_outputs(facts)],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": _asked(facts.source),
                "internalParameters": _decided(facts, image),
                "resolvedDependencies": _dependencies(facts.source, image),
            },
            "runDetails": {
                "builder": _builder(facts, image),
                "metadata": _metadata(facts),
                "byproducts": [_described(file.path, file.sha256) for file in byproducts],
            },
        },
    }
    return json.dumps(statement, indent=1, ensure_ascii=True).encode() + b"\n"


def _image(image: ImageFacts) -> Entity:
    digest = image.image.digest.removeprefix("sha256:")
    return {"name": image_url(image.image, image.registry).to_string(), "digest": {"sha256": digest}}


def _outputs(facts: Facts) -> list[Entity]:
    return [_described(f"outputs/{output.path}", output.sha256) for output in facts.outputs if not output.brought]


def _described(name: str, sha256: str) -> Entity:
    return {"name": name, "digest": {"sha256": sha256}}


def _asked(source: SourceFacts) -> Entity:
    """What the author decides."""
    return {"repository": source.project.url or source.project.key, "tag": source.tag, "manifest": source.manifest}


def _decided(facts: Facts, image: ImageFacts) -> Entity:
    """What Tagstone made of it."""
    decided: Entity = {
        "version": facts.source.version,
        "environment": image.environment_key,
        "platform": str(image.image.platform),
    }
    if facts.doi:
        decided["doi"] = facts.doi
    if image.recipe:
        decided["containerfile"] = image.recipe
    if image.archives:
        decided["packageArchives"] = [[archive.address, archive.suite, archive.date] for archive in image.archives]
    if facts.run:
        spec, asked = facts.run.spec, facts.run.spec.resources
        decided["run"] = {
            "command": list(spec.command),
            "environment": dict(spec.env),
            "network": spec.network,
            "resources": {"cpu": asked.cpu, "memory": asked.memory, "disk": asked.disk, "time": asked.time, "gpu": asked.gpu}
            | {name: said for name, said in (("gpuType", asked.gpu_type), ("profile", asked.profile)) if said},
        }
    if facts.matrix:
        decided["runs"] = [
            {
                "folder": f"outputs/{one.combination.folder}/",
                "parameters": dict(one.combination.values),
                "command": list(one.run.spec.command),
            }
            for one in facts.matrix
        ]
    return decided


def _dependencies(source: SourceFacts, image: ImageFacts) -> list[Entity]:
    """Commit, archived code, bases and inputs."""
    return [_commit(source), _code(source), *map(_base, image.bases), *map(_input, source.inputs)]


def _commit(source: SourceFacts) -> Entity:
    dependency: Entity = {"name": "commit", "digest": {"gitCommit": source.commit.sha}}
    if source.project.url:
        dependency["uri"] = f"git+{source.project.url}@{source.commit.sha}"
    if revision := revision_swhid(source.commit.sha):
        dependency["annotations"] = {"swhid": revision}
    return dependency


def _code(source: SourceFacts) -> Entity:
    dependency = _described("code.tar", source.archive_sha256)
    if source.swhid:
        dependency["uri"] = source.swhid
    return dependency


def _base(base: BaseImage) -> Entity:
    return _described(base.written, base.image.digest.removeprefix("sha256:"))


def _input(given: InputFacts) -> Entity:
    dependency = _described(f"inputs/{given.path}", given.sha256)
    uri = address(given)
    if uri:
        dependency["uri"] = uri
    if given.doi:
        dependency["annotations"] = {"doi": given.doi}
    return dependency


def _builder(facts: Facts, image: ImageFacts) -> Entity:
    version = {"tagstone": facts.tagstone}
    if image.builder:
        version["builder"] = image.builder
    if facts.run:
        version["runner"] = facts.run.status.engine or facts.run.runner
    return {"id": facts.publisher.url or HOME, "version": version}


def _metadata(facts: Facts) -> Entity:
    """Times in the spelling that the specification asks for (RFC 3339, UTC)."""
    metadata: Entity = {"invocationId": facts.publication}
    began = facts.began_at or (facts.run.status.started_at if facts.run else None)
    if began is not None:
        metadata["startedOn"] = _time(datetime.fromtimestamp(began, UTC))
    if facts.ran:
        metadata["finishedOn"] = _time(facts.moment)
    return metadata


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
