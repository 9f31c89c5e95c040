"""Everything that a bundle holds, in one list."""

import json

from tagstone.bundle import codemeta, provenance, sbom
from tagstone.bundle.crate import FILE as CRATE
from tagstone.bundle.crate import crate
from tagstone.bundle.files import (
    SUMS,
    BundleFile,
    InRegistry,
    InStorage,
    check_path,
    checksum_list,
    folder_of,
    written,
    written_text,
)
from tagstone.bundle.readme import FILE as README
from tagstone.bundle.readme import readme
from tagstone.bundle.reproduce import FILE as REPRODUCE
from tagstone.bundle.reproduce import reproduce
from tagstone.domain.deposits.deposit import DepositMetadata
from tagstone.domain.images.oci import Image
from tagstone.domain.manifests.manifest import EMPTY, parse_manifest
from tagstone.domain.publications import record
from tagstone.domain.publications.record import Facts, ImageFacts
from tagstone.errors import Permanent
from tagstone.image.layout import layout_files


def bundle_files(facts: Facts, metadata: DepositMetadata, citation: str, image_manifest: bytes) -> list[BundleFile]:
    """Every file of the bundle, sorted by path: a pure function of what was recorded.

    `citation` is the text of CITATION.cff, `image_manifest` the bytes that the image's digest names.

    Raises:
        Permanent: there is no image, or no finished run, yet.
        Invalid: an output's name, or a text, cannot be archived.
    """
    facts = record.archived(facts)
    image = _finished(facts)
    source, run = facts.source, facts.run
    log = [BundleFile("logs/run.log", InStorage(run.log_key), run.log_size, run.log_sha256)] if run else []
    parts = written(sbom.FILE, sbom.sbom(facts, image))
    texts = {
        "tagstone.yml": source.manifest if source.manifest != EMPTY else "",
        "Containerfile": image.recipe,
        "CITATION.cff": citation,
        README: readme(facts, metadata, image),
        REPRODUCE: reproduce(facts, image),
    }
    files = [
        BundleFile("code.tar", InStorage(source.archive_key), source.archive_size, source.archive_sha256),
        *log,
        *(_image(image.image, image_manifest, facts.publication) if image.bundled else []),
        *(_kept("inputs", file.path, file.storage_key, file.size, file.sha256) for file in source.inputs if file.copied),
        *(_kept(folder_of(file), file.path, file.storage_key, file.size, file.sha256) for file in facts.outputs),
        parts,
        written(codemeta.FILE, codemeta.codemeta(facts, metadata, image)),
        written(provenance.FILE, provenance.provenance(facts, image, [*log, parts])),
        written("tagstone.json", record.dump(facts)),
        *(written_text(path, text) for path, text in texts.items() if text),
    ]
    files.append(written(CRATE, crate(facts, metadata, image, sorted(files, key=_path))))
    files.append(written(SUMS, checksum_list(files)))
    return sorted(files, key=_path)


def _finished(facts: Facts) -> ImageFacts:
    """The image of a publication of which nothing more is to be run. Raises: Permanent."""
    if facts.image is None:
        raise Permanent("There is no image to bundle yet.", remedy="Bundle after the image was built.")
    manifest, _ = parse_manifest(facts.source.manifest)
    if not facts.ran and (facts.run is not None or (manifest is not None and manifest.run is not None)):
        raise Permanent("There is no finished run to bundle yet.", remedy="Bundle after the run and its outputs are recorded.")
    return facts.image


def _path(file: BundleFile) -> str:
    return file.path


def _kept(folder: str, path: str, key: str, size: int, sha256: str) -> BundleFile:
    return BundleFile(f"{folder}/{check_path(path)}", InStorage(key), size, sha256)


def _image(image: Image, manifest: bytes, publication: str) -> list[BundleFile]:
    """The image as an OCI layout that is a docker archive too: Docker before 25 reads only its `manifest.json`."""
    sizes = {descriptor.digest: descriptor.size for descriptor in (image.config, *image.layers)}
    files = []
    for path, source in sorted(layout_files(manifest, image, publication).items()):
        if isinstance(source, bytes):
            files.append(written(f"image/{path}", source))
        else:
            files.append(
                BundleFile(f"image/{path}", InRegistry(image.name, source), sizes[source], source.removeprefix("sha256:"))
            )
    archive = [
        {
            "Config": _blob(image.config.digest),
            "RepoTags": [f"localhost/tagstone:{publication}"],
            "Layers": [_blob(layer.digest) for layer in image.layers],
        }
    ]
    return [*files, written("image/manifest.json", json.dumps(archive).encode() + b"\n")]


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")
