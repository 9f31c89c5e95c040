"""What a record stands on, in DataCite's relations: the tag, the code in it, the image, the input data."""

import re
from collections.abc import Iterator

from tagstone.domain.code.project_url import tag_page
from tagstone.domain.deposits.deposit import Related
from tagstone.domain.publications.record import Facts

# A registry that answers on this machine alone identifies nothing for others.
_HERE = re.compile(r"localhost\b|127\.|\[::1\]")


def foundations(facts: Facts) -> tuple[Related, ...]:
    """Everything recorded that has an identifier of its own, each once; docs/adr/0021 has the reason of each relation."""
    return tuple(dict.fromkeys(_foundations(facts)))


def _foundations(facts: Facts) -> Iterator[Related]:
    source = facts.source
    page = tag_page(source.project.url, source.tag) if source.project.url else None
    if page:
        yield Related(page, "isderivedfrom", "url", "software")
    if source.swhid:
        yield Related(source.swhid, "haspart", "swh", "software")
    if facts.image and facts.image.registry and not _HERE.match(facts.image.registry):
        host, _, prefix = facts.image.registry.partition("/")
        name = f"{prefix}/{facts.image.image.name}".strip("/")
        # The address of the manifest: what engines are told (HOST/NAME@DIGEST) passes for a handle among identifiers.
        yield Related(f"https://{host}/v2/{name}/manifests/{facts.image.image.digest}", "requires", "url", "software")
    for item in source.inputs:
        if item.doi:
            yield Related(item.doi, "isderivedfrom", "doi", "dataset")
