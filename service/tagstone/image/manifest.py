"""Writes configurations and manifests canonically, and reads images that others wrote into the domain's words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from tagstone.domain.images.oci import CONFIG, MANIFEST, Descriptor, Image, ImageSettings, Platform
from tagstone.errors import Invalid, Permanent
from tagstone.image.documents import (
    DOCUMENT_BYTES,
    Configuration,
    Index,
    Manifest,
    Settings,
    canonical_json,
    digest_of,
    read_configuration,
    read_manifest,
)
from tagstone.ports import Registry

HistoryEntry = Mapping[str, object]

_INDEX_DEPTH = 2
_PIECE = 1 << 16  # bytes


def history_entry(what: str, time: int) -> HistoryEntry:
    """A neutral line of history: `tagstone WHAT`, never a command. `time` in seconds since the epoch."""
    return {"created": rfc3339(time), "created_by": f"tagstone {what}"}


def rfc3339(time: int) -> str:
    """Seconds since the epoch as RFC 3339 in UTC. Raises: Invalid outside the years 1970 to 9999."""
    if not 0 <= time <= 253402300799:
        raise Invalid(f"The time {time} lies outside 1970 to 9999.", remedy="Commit again on a machine whose clock is right.")
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def config_bytes(
    platform: Platform, settings: ImageSettings, diff_ids: Sequence[str], history: Sequence[HistoryEntry], created: int
) -> bytes:
    """An image configuration as canonical JSON; `created` is the commit's time in seconds since the epoch."""
    parts: dict[str, object] = {
        "Env": [f"{key}={value}" for key, value in settings.env],
        "WorkingDir": settings.workdir,
        "Entrypoint": list(settings.entrypoint),
        "Cmd": list(settings.command),
        "User": settings.user,
        "Labels": dict(settings.labels),
        "ExposedPorts": {port: {} for port in settings.exposed_ports},
        "StopSignal": settings.stop_signal,
    }
    return canonical_json(
        {
            "architecture": platform.architecture,
            "config": {key: value for key, value in parts.items() if value},
            "created": rfc3339(created),
            "history": [dict(entry) for entry in history],
            "os": platform.os,
            "rootfs": {"diff_ids": list(diff_ids), "type": "layers"},
        }
    )


def manifest_bytes(config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str]) -> bytes:
    """An image manifest as canonical JSON."""
    document: dict[str, object] = {
        "config": _descriptor(config),
        "layers": [_descriptor(layer) for layer in layers],
        "mediaType": MANIFEST,
        "schemaVersion": 2,
    }
    return canonical_json(document | ({"annotations": dict(annotations)} if annotations else {}))


def _descriptor(blob: Descriptor) -> dict[str, object]:
    return {"digest": blob.digest, "mediaType": blob.media_type, "size": blob.size}


def read_image(registry: Registry, name: str, reference: str, platform: Platform) -> Image:
    """Read an image by digest or tag; of an index, the image for `platform`. Layer types become OCI's, blobs stay as they are.

    Raises:
        NotFound: there is no such image.
        Invalid: there is none for this platform, or its documents cannot be read or contradict each other.
    """
    data, manifest = _manifest_for(registry, name, reference, platform)
    config = Descriptor(CONFIG, manifest.config.digest, manifest.config.size)
    document = _configuration(registry, name, config)
    found = Platform(document.os, document.architecture)
    if found != platform:
        raise Invalid(f"{name} is an image for {found}, not for {platform}.", remedy="Choose an image for this platform.")
    if len(document.rootfs.diff_ids) != len(manifest.layers):
        raise Invalid(f"{name} counts its layers differently in manifest and configuration.", remedy="Use an intact image.")
    return Image(
        name=name,
        digest=digest_of(data),
        config=config,
        layers=tuple(layer.layer() for layer in manifest.layers),
        diff_ids=document.rootfs.diff_ids,
        settings=_settings(document.config),
        platform=platform,
        annotations=manifest.annotations or {},
    )


def read_history(registry: Registry, image: Image) -> list[HistoryEntry]:
    """An image's history, to be carried over: one line for each of its layers, made up where its author left none.

    Raises:
        NotFound, Invalid: as `read_image`.
    """
    lines = _configuration(registry, image.name, image.config).history or ()
    if sum(not line.empty_layer for line in lines) != len(image.layers):
        return [{"created_by": "unknown"} for _ in image.layers]
    return [line.model_dump(exclude_none=True) for line in lines]


def _manifest_for(registry: Registry, name: str, reference: str, platform: Platform) -> tuple[bytes, Manifest]:
    for _ in range(_INDEX_DEPTH + 1):
        data = registry.manifest(name, reference)
        document = read_manifest(data)
        if isinstance(document, Manifest):
            return data, document
        reference = _choose(document, name, platform)
    raise Invalid(f"{name} is an index of indexes.", remedy="Name an image of it by digest.")


def _choose(index: Index, name: str, platform: Platform) -> str:
    for entry in index.manifests:
        said = entry.platform or {}
        if (said.get("os"), said.get("architecture")) == (platform.os, platform.architecture):
            return entry.digest
    if len(index.manifests) == 1 and not index.manifests[0].platform:
        return index.manifests[0].digest
    offered = sorted({f"{p.get('os')}/{p.get('architecture')}"[:60] for p in (m.platform for m in index.manifests) if p})
    raise Invalid(
        f"{name} has no image for {platform}; it has {', '.join(offered[:8]) or 'none that names a platform'}.",
        remedy="Choose an image for this platform.",
    )


def _configuration(registry: Registry, name: str, config: Descriptor) -> Configuration:
    with registry.blob(name, config.digest) as stream:
        data = _small(stream, config.digest)
    document = read_configuration(data)
    if len(data) != config.size:
        raise Invalid(
            f"{name}'s configuration has {len(data)} bytes, its manifest says {config.size}.", remedy="Use an intact image."
        )
    return document


def _small(stream: BinaryIO, digest: str) -> bytes:
    # In pieces: to read this much at once takes as much memory for the shortest document.
    data = b""
    while len(data) <= DOCUMENT_BYTES and (piece := stream.read(_PIECE)):
        data += piece
    if len(data) <= DOCUMENT_BYTES and digest_of(data) != digest:
        raise Permanent(
            f"The bytes of {digest} are not its own.", remedy="The registry is damaged: restore or push the image again."
        )
    return data


def _settings(said: Settings | None) -> ImageSettings:
    if said is None:
        return ImageSettings()
    pairs = (line.partition("=") for line in said.env or ())
    return ImageSettings(
        env=tuple((key, value) for key, _, value in pairs if key),
        workdir=said.workdir or "",
        entrypoint=said.entrypoint or (),
        command=said.command or (),
        user=said.user or "",
        labels=tuple(sorted((said.labels or {}).items())),
        exposed_ports=tuple(sorted(said.exposed_ports or {})),
        stop_signal=said.stop_signal or "",
    )
