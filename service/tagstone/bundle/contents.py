"""Everything that a bundle holds, in one list."""

import json

from tagstone.bundle.crate import FILE as CRATE
from tagstone.bundle.crate import crate, finished
from tagstone.bundle.files import SUMS, BundleFile, InRegistry, InStorage, check_path, checksum_list, written, written_text
from tagstone.bundle.readme import FILE as README
from tagstone.bundle.readme import readme
from tagstone.bundle.reproduce import FILE as REPRODUCE
from tagstone.bundle.reproduce import reproduce
from tagstone.domain import record
from tagstone.domain.deposit import DepositMetadata
from tagstone.domain.oci import Image
from tagstone.domain.record import Facts
from tagstone.image.layout import layout_files


def bundle_files(facts: Facts, metadata: DepositMetadata, citation: str, image_manifest: bytes) -> list[BundleFile]:
    """Every file of the bundle, sorted by path: a pure function of what was recorded.

    `citation` is the text of CITATION.cff, `image_manifest` the bytes that the image's digest names.

    Raises:
        Permanent: there is no finished run yet.
        Invalid: an output's name, or a text, cannot be archived.
    """
    facts = record.archived(facts)
    image, run = finished(facts)
    source = facts.source
    files = [
        BundleFile("code.tar", InStorage(source.archive_key), source.archive_size, source.archive_sha256),
        BundleFile("logs/run.log", InStorage(run.log_key), run.log_size, run.log_sha256),
        *_image(image.image, image_manifest, facts.publication),
        *(_kept("inputs", file.path, file.storage_key, file.size, file.sha256) for file in source.inputs),
        *(_kept("outputs", file.path, file.storage_key, file.size, file.sha256) for file in facts.outputs),
        written("tagstone.json", record.dump(facts)),
        written_text("tagstone.yml", source.manifest),
        written_text("CITATION.cff", citation),
        written_text(README, readme(facts, metadata, image, run)),
        written_text(REPRODUCE, reproduce(facts.publication, image, run)),
    ]
    files.append(written(CRATE, crate(facts, metadata, sorted(files, key=_path))))
    files.append(written(SUMS, checksum_list(files)))
    return sorted(files, key=_path)


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
