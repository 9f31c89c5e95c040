"""A repository with a tag, and a home whose registry has a tiny base image: enough for engines that are fakes."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

from tagstone.domain.images.oci import CONFIG, LAYER, Descriptor, ImageSettings, Platform
from tagstone.image.manifest import config_bytes, manifest_bytes
from tagstone.ports import Registry

MANIFEST = """\
environment: {base: "debian:bookworm", apt: [python3]}
run: {command: [python3, analysis.py]}
outputs: [results/*]
"""
CITATION = """\
cff-version: 1.2.0
message: Cite it.
title: Wobble
authors: [{family-names: Lovelace, given-names: Ada}]
license: MIT
"""
_WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Ada"), ("EMAIL", "a@example.org"), ("DATE", "2026-01-01T00:00:00Z"))
}


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, **_WHO, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=environment)


def put_base(registry: Registry) -> None:
    """A base of one file: enough for an engine that is a fake."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        info = tarfile.TarInfo("etc")
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
    data = layer.getvalue()
    blob = registry.put_blob("base/debian", [data], LAYER)
    config = registry.put_blob("base/debian", [config_bytes(Platform(), ImageSettings(), [blob.digest], [], 0)], CONFIG)
    registry.put_manifest("base/debian", manifest_bytes(Descriptor(CONFIG, config.digest, config.size), [blob], {}), "bookworm")


def make_repository(repository: Path) -> None:
    """A sound project, tagged v1.0.0."""
    repository.mkdir()
    for name, content in (("tagstone.yml", MANIFEST), ("CITATION.cff", CITATION), ("analysis.py", "print('wobble')\n")):
        (repository / name).write_text(content)
    git(repository, "init", "--quiet")
    commit(repository, "v1.0.0")


def commit(repository: Path, tag: str) -> None:
    """Commit what is there and let the tag point to it."""
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", tag)
    git(repository, "tag", "--force", tag)
