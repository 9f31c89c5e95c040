"""How large a bundle will be, as far as it is known before it is written."""

from tagstone.bundle import codemeta, provenance, sbom
from tagstone.bundle.crate import FILE as CRATE
from tagstone.bundle.files import SUMS, folder_of
from tagstone.bundle.reproduce import FILE as REPRODUCE
from tagstone.domain.deposits.packing import IMAGE, Part
from tagstone.domain.manifests.manifest import EMPTY
from tagstone.domain.publications.record import Facts

_TEXTS = (SUMS, "README.md", CRATE, REPRODUCE, sbom.FILE, provenance.FILE, codemeta.FILE, "CITATION.cff", "tagstone.json")


def known_parts(facts: Facts) -> list[Part]:
    """Everything that the bundle of these facts will hold; the texts that describe it are counted, and weigh nothing."""
    source, run, image = facts.source, facts.run, facts.image
    parts = [Part("code.tar", source.archive_size), *(Part(path, 1) for path in _TEXTS)]
    parts += [Part("tagstone.yml", 1)] if source.manifest != EMPTY else []
    parts += [Part("Containerfile", 1)] if image and image.recipe else []
    parts += [Part("logs/run.log", run.log_size)] if run else []
    parts += [Part(f"inputs/{given.path}", given.size) for given in source.inputs if given.copied]
    parts += [Part(f"{folder_of(output)}/{output.path}", output.size) for output in facts.outputs]
    if image is not None and image.bundled:
        blobs = {blob.digest: blob.size for blob in (image.image.config, *image.image.layers)}
        parts += [Part(f"{IMAGE}{path}", 1) for path in ("index.json", "oci-layout", "manifest.json", "blobs/manifest")]
        parts += [Part(f"{IMAGE}blobs/{digest.replace(':', '/')}", size) for digest, size in blobs.items()]
    return parts
