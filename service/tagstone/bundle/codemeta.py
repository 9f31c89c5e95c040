"""`codemeta.json`: the code as software catalogues describe it, in CodeMeta 3.0 (https://w3id.org/codemeta/3.0).

`domain/citations/codemeta.py` reads what is written here.
"""

import json
from collections.abc import Iterator

from tagstone.bundle.entities import one_or_list
from tagstone.bundle.packages import distribution_of, package_url
from tagstone.bundle.swhid import revision_swhid
from tagstone.bundle.text import plain, reference
from tagstone.domain.deposits.deposit import Affiliation, Creator, DepositMetadata
from tagstone.domain.manifests.manifest import parse_manifest
from tagstone.domain.publications.record import Facts, ImageFacts

FILE = "codemeta.json"
CONTEXT = "https://w3id.org/codemeta/3.0"
_PAPERS = {"issupplementto", "isdescribedby", "isdocumentedby", "iscitedby", "isreferencedby", "ispublishedin"}
"""What this work is to another that tells of it: the relations behind `referencePublication`."""

Entity = dict[str, object]


def codemeta(facts: Facts, metadata: DepositMetadata, image: ImageFacts) -> bytes:
    """The description of the code; equal facts, equal bytes."""
    url = facts.source.project.url
    registered = facts.deposit is not None and facts.deposit.registered
    identifiers = [f"https://doi.org/{facts.doi}" if registered else facts.doi] if facts.doi else []
    identifiers += [number for number in (facts.source.swhid, revision_swhid(facts.source.commit.sha)) if number]
    papers = [work for work in metadata.related if work.relation in _PAPERS]
    known: Entity = {
        "@context": CONTEXT,
        "@type": "SoftwareSourceCode",
        "name": plain(metadata.title),
        "description": plain(metadata.description),
        "identifier": identifiers,
        "version": plain(metadata.version),
        "softwareVersion": plain(metadata.version),
        "datePublished": metadata.date,
        "author": [_author(creator) for creator in metadata.creators],
        "license": [f"https://spdx.org/licenses/{reference(licence)}" for licence in metadata.licences],
        "keywords": [plain(keyword) for keyword in metadata.keywords],
        "codeRepository": url,
        "publisher": {"@type": "Organization", "name": plain(metadata.publisher)},
        "operatingSystem": image.image.platform.os,
        "processorRequirements": image.image.platform.architecture,
        "softwareRequirements": list(_requirements(facts, image)),
        "referencePublication": [{"@type": "ScholarlyArticle", "@id": work.address} for work in papers],
    }
    return json.dumps({key: value for key, value in known.items() if value}, indent=1, ensure_ascii=True).encode() + b"\n"


def _author(creator: Creator) -> Entity:
    ror = f"https://ror.org/{creator.ror}" if creator.ror else None
    orcid = f"https://orcid.org/{creator.orcid}" if creator.orcid else None
    if creator.organisation:
        known: Entity = {"@type": "Organization", "@id": ror or orcid, "name": creator.name, "url": creator.url}
    else:
        places = [_affiliation(affiliation) for affiliation in creator.affiliations]
        known = {
            "@type": "Person",
            "@id": orcid,
            "name": None if creator.family else creator.name,
            "givenName": creator.given,
            "familyName": creator.family,
            "url": creator.url,
            "affiliation": one_or_list(places) if places else None,
        }
    return {key: plain(value) if isinstance(value, str) else value for key, value in known.items() if value}


def _affiliation(affiliation: Affiliation) -> Entity:
    identity = {"@id": f"https://ror.org/{affiliation.ror}"} if affiliation.ror else {}
    return {"@type": "Organization", **identity, "name": plain(affiliation.name)}


def _requirements(facts: Facts, image: ImageFacts) -> Iterator[Entity]:
    """What the code needs of the image: Python's and R's packages, and the Debian packages that the author asked for."""
    manifest, _ = parse_manifest(facts.source.manifest)
    asked = manifest.environment.apt if manifest and manifest.environment else ()
    distribution = distribution_of(image.packages)
    for package in image.packages:
        if package.kind in ("pypi", "cran") or (package.kind == "deb" and package.name in asked):
            identifier = package_url(package, distribution).to_string()
            yield {"@type": "SoftwareApplication", "name": package.name, "version": package.version, "identifier": identifier}
