"""Bases for builds in tests: one of busybox alone, made in a moment, and a real Debian, made once and kept in the user's cache."""

import fcntl
import io
import tarfile
from pathlib import Path

from tagstone.actions.base_image import make_base_image, this_platform
from tagstone.adapters.mmdebstrap import Mmdebstrap
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.images.oci import CONFIG, LAYER, Image, ImageSettings
from tagstone.errors import NotFound
from tagstone.image.layers import ENVIRONMENT_TIME
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes, read_image
from tagstone.ports import Registry

BUSYBOX = Path("/bin/busybox")
APPLETS = "sh cat chmod cp echo env false ln ls mkdir ps pwd rm setsid sleep stat test touch true wc"
CACHE = Path("~/.cache/tagstone/test-bases").expanduser()


def busybox_base(registry: Registry) -> Image:
    """An image of static busybox, as `base/busybox:test`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "etc", "opt", "root", "tmp"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        program = tar.gettarinfo(str(BUSYBOX), "bin/busybox")
        program.mtime = 0
        with BUSYBOX.open("rb") as content:
            tar.addfile(program, content)
        for applet in APPLETS.split():
            info = tarfile.TarInfo(f"bin/{applet}")
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)
    return _kept(registry, "base/busybox", "test", out.getvalue())


def debian_base() -> tuple[OciLayout, Image]:
    """A layout that holds Debian bookworm as `base/debian:bookworm`, and the image; made when it is not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    registry = OciLayout(CACHE / "images", 600.0)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            image = read_image(registry, "base/debian", "bookworm", this_platform())
        except NotFound:
            image = make_base_image(registry, Mmdebstrap(CACHE).root, "debian:bookworm", CACHE, this_platform())
    return registry, image


def _kept(registry: Registry, name: str, tag: str, layer: bytes) -> Image:
    stored = registry.put_blob(name, [layer], LAYER)
    settings = ImageSettings(env=(("BASE", "busybox"),), command=("sh",))
    history = [history_entry("base-image", ENVIRONMENT_TIME)]
    config = registry.put_blob(name, [config_bytes(this_platform(), settings, [stored.digest], history, 0)], CONFIG)
    registry.put_manifest(name, manifest_bytes(config, [stored], {}), tag)
    return read_image(registry, name, tag, this_platform())
