"""The files of the crate, each with what it is about and what it conforms to; and inputs that are kept elsewhere."""

from collections.abc import Sequence

from tagstone.bundle import codemeta, media, provenance, sbom
from tagstone.bundle.crate_run import software_id
from tagstone.bundle.entities import Entity
from tagstone.bundle.files import BundleFile, folder_of
from tagstone.bundle.inputs import address, download
from tagstone.bundle.text import plain, reference
from tagstone.domain.publications.record import Facts, InputFacts

NOT_RUN = "not run by Tagstone"
"""What is written at every output that was brought."""

_CFF = "https://citation-file-format.github.io/"
_STANDARDS = {
    sbom.SPECIFICATION: "CycloneDX 1.6",
    provenance.PREDICATE: "SLSA provenance 1.0, in an in-toto statement",
    codemeta.CONTEXT: "CodeMeta 3.0",
    _CFF: "Citation File Format 1.2.0",
}


def file_entities(files: Sequence[BundleFile], facts: Facts, licence: str | None = None) -> list[Entity]:
    """One entity for each file, in the order of the files; `licence` is the outputs', where they have their own."""
    more = _more(facts)
    for output in facts.outputs if licence else ():
        more.setdefault(f"{folder_of(output)}/{output.path}", {})["license"] = licence_of(licence or "")
    return [_file(file, facts) | more.get(file.path, {}) for file in files]


def licence_of(licence: str) -> Entity:
    """The mention of an SPDX licence."""
    return {"@id": f"https://spdx.org/licenses/{reference(licence)}"}


def input_entities(facts: Facts, listed: Sequence[Entity]) -> list[Entity]:
    """One entity for each input: a file of the bundle (one of `listed`), or one that is elsewhere."""
    known = {entity["@id"]: entity for entity in listed}
    return [known.get(reference(f"inputs/{given.path}")) or _elsewhere(given, facts) for given in facts.source.inputs]


def standards(listed: Sequence[Entity]) -> list[Entity]:
    """What the files conform to."""
    used = [entity["conformsTo"] for entity in listed if "conformsTo" in entity]
    return [
        {"@id": identity, "@type": "CreativeWork", "name": name}
        for identity, name in _STANDARDS.items()
        if {"@id": identity} in used
    ]


def _more(facts: Facts) -> dict[str, Entity]:
    """What is known of single files, by path."""
    image, code = {"@id": "#image"}, {"@id": software_id(facts)}
    more: dict[str, Entity] = {
        sbom.FILE: {"conformsTo": {"@id": sbom.SPECIFICATION}, "about": image},
        provenance.FILE: {"conformsTo": {"@id": provenance.PREDICATE}, "about": image},
        codemeta.FILE: {"conformsTo": {"@id": codemeta.CONTEXT}, "about": code},
        "CITATION.cff": {"conformsTo": {"@id": _CFF}, "about": {"@id": "./"}},
        "Containerfile": {"about": image},
    }
    if facts.source.swhid:
        more["code.tar"] = {"identifier": facts.source.swhid}
    for given in facts.source.inputs:
        if based := address(given):
            more[f"inputs/{given.path}"] = {"isBasedOn": based}
    for output in facts.outputs:
        if output.brought:
            more[f"brought/{output.path}"] = {"creativeWorkStatus": NOT_RUN}
    return more


def _file(file: BundleFile, facts: Facts) -> Entity:
    return {
        "@id": reference(file.path),
        "@type": "File",
        "name": file.path,
        "description": media.purpose(file.path, facts.source.commit.sha),
        "encodingFormat": media.media_type(file.path),
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }


def _elsewhere(given: InputFacts, facts: Facts) -> Entity:
    """An input that is not copied into the bundle; one that came from a path has no address to be fetched from."""
    entity: Entity = {
        "@id": f"#input-{reference(given.path)}",
        "@type": "CreativeWork",
        "name": plain(given.path),
        "description": "An input of the run; its bytes are not in the bundle",
        "sha256": given.sha256,
    }
    if given.doi:
        entity["isPartOf"] = f"https://doi.org/{given.doi}"
    if url := download(given):
        entity |= {
            "@id": url,
            "@type": "File",
            "encodingFormat": media.media_type(given.path),
            "contentSize": str(given.size),
            "sdDatePublished": facts.date,
        }
    return entity
