"""`ro-crate-metadata.json`: RO-Crate 1.1, on the Process Run Crate 0.5 profile where something was run.

Written as plain JSON-LD by small functions, not with the `rocrate` library: that one reads the clock, wants files on disk
to describe them, and numbers entities at random, where a bundle has to be a pure function of recorded facts.

Sources: RO-Crate 1.1, https://www.researchobject.org/ro-crate/specification/1.1/ ; Process Run Crate 0.5,
https://www.researchobject.org/workflow-run-crate/profiles/process_run_crate/
"""

import json
from collections.abc import Sequence

from tagstone.bundle.crate_files import file_entities, input_entities, licence_of, standards
from tagstone.bundle.crate_people import author_entities, publisher_entities
from tagstone.bundle.crate_run import run_entities, software
from tagstone.bundle.entities import Entity, one_or_list, ref, refs
from tagstone.bundle.files import BundleFile
from tagstone.bundle.text import plain
from tagstone.domain.deposits.deposit import DepositMetadata, Related
from tagstone.domain.publications.record import Facts, ImageFacts

FILE = "ro-crate-metadata.json"
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_PROFILE: Entity = {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
_DOCKER_IMAGE = "https://w3id.org/ro/terms/workflow-run#DockerImage"


def crate(facts: Facts, metadata: DepositMetadata, image: ImageFacts, files: Sequence[BundleFile]) -> bytes:
    """The crate's metadata for all `files` of the bundle (itself and SHA256SUMS left out)."""
    authors, organisations = author_entities(metadata.creators)
    publisher, *contact = publisher_entities(facts.publisher)
    own = {part.part: part.licence for part in metadata.part_licences}
    listed = file_entities([file for file in files if not file.path.startswith("image/")], facts, own.get("outputs"))
    inputs = input_entities(facts, listed)
    elsewhere = [entity for entity in inputs if entity not in listed]
    works = [_work(work) for work in _related(facts, metadata)]
    ran = run_entities(facts, facts.run, publisher, listed, inputs) if facts.run else []
    layout = [_layout(image)] if image.bundled else []
    parts = [*listed, *(entity for entity in elsewhere if entity["@type"] == "File"), *layout]
    root = _root(facts, metadata, parts) | {
        "author": refs(authors),
        "publisher": ref(publisher),
        "mentions": refs([*(entity for entity in ran if entity["@type"] == "CreateAction"), {"@id": "#image"}]),
    }
    if works:
        root["citation"] = refs(works)
    graph: list[Entity] = [
        _descriptor(),
        root,
        *ran,
        *([_PROFILE] if ran else []),
        software(facts),
        _container_image(image, facts) | ({"license": licence_of(own["image"])} if "image" in own else {}),
        *layout,
        publisher,
        *contact,
        *authors,
        *organisations,
        *_licences((*metadata.licences, *own.values())),
        *listed,
        *elsewhere,
        *works,
        *standards(listed),
    ]
    once: dict[object, Entity] = {}
    for entity in graph:
        once.setdefault(entity["@id"], entity)
    return json.dumps({"@context": CONTEXT, "@graph": list(once.values())}, indent=1, ensure_ascii=True).encode() + b"\n"


def _descriptor() -> Entity:
    return {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }


def _root(facts: Facts, metadata: DepositMetadata, parts: Sequence[Entity]) -> Entity:
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": plain(metadata.title),
        "description": plain(metadata.description) or f"Code, image, run and outputs of {plain(metadata.title)}.",
        "version": plain(metadata.version),
        "datePublished": metadata.date,
        "license": refs(_licences(metadata.licences)),
        "hasPart": refs(parts),
    }
    if facts.run:
        root["conformsTo"] = {"@id": PROFILE}
    if facts.doi:
        root["identifier"] = f"https://doi.org/{facts.doi}" if facts.deposit and facts.deposit.registered else facts.doi
    if metadata.keywords:
        root["keywords"] = one_or_list([plain(keyword) for keyword in metadata.keywords])
    if facts.source.project.url:
        root["isBasedOn"] = facts.source.project.url
    return root


def _related(facts: Facts, metadata: DepositMetadata) -> list[Related]:
    """The works that the author names; the repository is said otherwise."""
    return [work for work in metadata.related if work.identifier != facts.source.project.url]


def _work(work: Related) -> Entity:
    return {
        "@id": work.address,
        "@type": "CreativeWork",
        "name": plain(work.identifier),
        "description": f"What this work is to it, in DataCite's words: {work.relation}",
    }


def _container_image(image: ImageFacts, facts: Facts) -> Entity:
    entity: Entity = {
        "@id": "#image",
        "@type": "ContainerImage",
        "additionalType": {"@id": _DOCKER_IMAGE},
        "registry": image.registry or "oci:image",
        "name": image.image.name,
        "tag": facts.source.tag,
        "sha256": image.image.digest.removeprefix("sha256:"),
    }
    told = [] if image.bundled else [f"Not in this crate; kept at {image.address}"]
    if image.archives:
        states = "; ".join(f"{archive.address} {archive.suite} as of {archive.date}" for archive in image.archives)
        told.append(f"Debian packages from {states}")
    if told:
        entity["description"] = plain(". ".join(told))
    return entity


def _layout(image: ImageFacts) -> Entity:
    return {
        "@id": "image/",
        "@type": "Dataset",
        "name": "The container image as an OCI image layout",
        "description": str(image.image.digest),
    }


def _licences(licences: Sequence[str]) -> list[Entity]:
    return [
        {
            **licence_of(licence),
            "@type": "CreativeWork",
            "name": plain(licence),
            "description": f"The licence {plain(licence)} as SPDX lists it",
        }
        for licence in licences
    ]
