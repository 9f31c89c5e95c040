"""Other people's tools read what we write: skopeo, umoci and podman, on an image made of a base, an environment and code."""

import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.code.source import EntryKind
from tagstone.domain.images.oci import CONFIG, LAYER, Image, ImageSettings, Platform
from tagstone.image.layers import CodeFile, code_layer, environment_layer, index_layers
from tagstone.image.layout import layout_files
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes, read_image

TIME = 1_700_000_000


def packed(*entries: tuple[str, bytes, int, int]) -> bytes:
    """A tar as an engine would write it: name (a directory ends in `/`), content, mode, owner."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content, mode, owner in entries:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.size, info.mode, info.uid, info.gid = len(content), mode, owner, owner
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


BASE = packed(
    ("etc/", b"", 0o755, 0),
    ("etc/old", b"old", 0o644, 0),
    ("home/", b"", 0o711, 7),
    ("opt/", b"", 0o755, 0),
    ("opt/gone", b"", 0o644, 0),
)
ROOT = packed(
    ("etc/", b"", 0o755, 0),
    ("etc/hosts", b"engine", 0o644, 0),
    ("etc/old", b"new", 0o600, 0),
    ("home/", b"", 0o711, 7),
    ("home/" + "ü" * 80, b"long", 0o644, 3_000_000),
    ("home/file", b"x", 0o4755, 7),
    ("opt/", b"", 0o755, 0),
)


def write_image(registry) -> Image:
    out, spool, code = io.BytesIO(), io.BytesIO(), io.BytesIO()
    environment_layer(index_layers([io.BytesIO(BASE)]), io.BytesIO(ROOT), out, spool)
    code_layer([CodeFile("run.sh", EntryKind.EXECUTABLE, b"#!/bin/sh\n", 10)], "/workspace", TIME, code)
    layers = [registry.put_blob("demo/project", [data], LAYER) for data in (BASE, out.getvalue(), code.getvalue())]
    settings = ImageSettings(
        env=(("PATH", "/bin"),), workdir="/workspace", command=("./run.sh",), labels=(("a", "b"),), exposed_ports=("80/tcp",)
    )
    history = [{"created_by": "base"}, history_entry("environment", TIME), history_entry("code", TIME)]
    config = config_bytes(Platform(), settings, [layer.digest for layer in layers], history, TIME)
    manifest = manifest_bytes(
        registry.put_blob("demo/project", [config], CONFIG), layers, {"org.opencontainers.image.version": "v1.0.0"}
    )
    registry.put_manifest("demo/project", manifest, "v1.0.0")
    return read_image(registry, "demo/project", "v1.0.0", Platform())


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    return OciLayout(tmp_path / "images", 10)


@pytest.fixture
def exported(layout: OciLayout, tmp_path: Path) -> Path:
    """The image alone in a folder, as a bundle carries it."""
    image = write_image(layout)
    folder = tmp_path / "bundle"
    for path, content in layout_files(layout.manifest(image.name, image.digest), image, "v1.0.0").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else layout.blob(image.name, content).read())
    return folder


def output_of(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_tree(root: Path) -> None:
    """The flattened image: base, difference and code, with owners and modes."""
    status = {path: os.lstat(root / path) for path in ("etc/old", "home", "home/file", "home/" + "ü" * 80, "workspace/run.sh")}
    assert (root / "etc/old").read_text() == "new"
    assert not (root / "opt/gone").exists()
    assert not list(root.rglob(".wh.*"))
    assert (status["home"].st_mode & 0o7777, status["home"].st_uid) == (0o711, 7)
    assert (status["home/file"].st_mode & 0o7777, status["home/file"].st_uid) == (0o4755, 7)
    assert status["home/" + "ü" * 80].st_uid == 3_000_000
    assert status["workspace/run.sh"].st_mode & 0o777 == 0o755
    assert status["workspace/run.sh"].st_mtime == TIME


def test_skopeo_reads_an_exported_image(exported: Path):
    found = json.loads(output_of("skopeo", "inspect", f"oci:{exported}:v1.0.0"))
    assert found["Digest"] == json.loads((exported / "index.json").read_text())["manifests"][0]["digest"]
    assert (found["Architecture"], found["Created"], len(found["Layers"])) == ("amd64", "2023-11-14T22:13:20Z", 3)


def test_skopeo_reads_an_image_in_the_folder_of_all_names(layout: OciLayout, tmp_path: Path):
    image = write_image(layout)
    assert (
        json.loads(output_of("skopeo", "inspect", f"oci:{tmp_path / 'images'}:demo/project:v1.0.0"))["Digest"] == image.digest
    )


def test_skopeo_copies_with_every_digest_kept(exported: Path, tmp_path: Path):
    output_of("skopeo", "copy", "--preserve-digests", f"oci:{exported}:v1.0.0", f"oci:{tmp_path / 'copy'}:x")
    names = {path.name for path in (exported / "blobs" / "sha256").iterdir()}
    assert {path.name for path in (tmp_path / "copy" / "blobs" / "sha256").iterdir()} == names


def test_umoci_unpacks_an_exported_image(exported: Path, tmp_path: Path):
    output_of("umoci", "unpack", "--image", f"{exported}:v1.0.0", tmp_path / "unpacked")
    check_tree(tmp_path / "unpacked" / "rootfs")
    config = json.loads((tmp_path / "unpacked" / "config.json").read_text())
    assert (config["process"]["args"], config["process"]["cwd"]) == (["./run.sh"], "/workspace")


@pytest.fixture(params=["layout", "docker-registry"])
def registry(request: pytest.FixtureRequest, session, layout: OciLayout):
    if request.param == "layout":
        return layout
    return OciRegistry(session, request.getfixturevalue("docker_registry").host, insecure=True, prefix="tools")


@pytest.fixture
def podman() -> Iterator[list[str]]:
    """A podman with a storage of its own, at a short path: it wants at most 50 characters."""
    with tempfile.TemporaryDirectory() as folder:
        yield ["podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]


def test_podman_pulls_by_digest(registry, podman: list[str], tmp_path: Path):
    image = write_image(registry)
    with registry.pullable(image.reference) as reference:
        (tmp_path / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        pulled = output_of(
            *podman, "pull", "--quiet", "--tls-verify=false", "--signature-policy", tmp_path / "policy.json", reference
        )
    assert pulled.strip() == image.config.digest.removeprefix("sha256:")
    inspected = json.loads(output_of(*podman, "image", "inspect", pulled.strip()))[0]
    assert inspected["Digest"] == image.digest
    assert inspected["Annotations"] == {"org.opencontainers.image.version": "v1.0.0"}
    check_tree(Path(output_of(*podman, "image", "mount", pulled.strip()).strip()))
    output_of(*podman, "image", "unmount", pulled.strip())
