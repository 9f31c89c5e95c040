"""An image as the files of an OCI image layout: which path holds which bytes."""

from tagstone.domain.images.oci import INDEX, Image
from tagstone.image.documents import canonical_json, digest_of, media_type

REF_NAME = "org.opencontainers.image.ref.name"
LAYOUT_FILE = canonical_json({"imageLayoutVersion": "1.0.0"})


def blob_path(digest: str) -> str:
    """Where a layout keeps a blob."""
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def index_entry(manifest: bytes, ref_name: str) -> dict[str, object]:
    """A manifest as an entry of `index.json`, found by `ref_name` (skopeo: `oci:FOLDER:REF_NAME`)."""
    return {
        "annotations": {REF_NAME: ref_name},
        "digest": digest_of(manifest),
        "mediaType": media_type(manifest),
        "size": len(manifest),
    }


def layout_files(manifest: bytes, image: Image, ref_name: str) -> dict[str, bytes | str]:
    """The files of a layout that holds this image alone, sorted by path: bytes, or the digest of the blob to copy there."""
    index = {"manifests": [index_entry(manifest, ref_name)], "mediaType": INDEX, "schemaVersion": 2}
    files: dict[str, bytes | str] = {"index.json": canonical_json(index), "oci-layout": LAYOUT_FILE}
    files[blob_path(image.digest)] = manifest
    files |= {blob_path(blob.digest): blob.digest for blob in (image.config, *image.layers)}
    return dict(sorted(files.items()))
