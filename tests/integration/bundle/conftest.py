"""A whole small bundle: a real image of a shell and a few programs of this machine, run on code of two lines."""

import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.kept import Kept
from tagstone.actions.bundle import write_bundle
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.archived import Archived
from tagstone.domain.hardware import Resources
from tagstone.domain.oci import CONFIG, LAYER, MANIFEST, Image
from tagstone.domain.record import Facts
from tagstone.domain.run import OutputFile

SCRIPT = b"""\
#!/bin/sh
set -eu
[ -n "${FAKE_DIGEST-}" ] || [ "$(id -u)" != 0 ] # a fake engine cannot change who we are
mkdir -p results
cat data.txt in/given.txt > "results/a table; \\$(touch pwned) 'x'.txt"
printf '%s|' "$@" "$TAGSTONE_DOI" "$ODD" > results/words.txt
"""
ODD = 'it\'s "$(touch /pwned)" `x` \\ $HOME'
ARGUMENTS = ("a b", "*", "--env", "$(id)", "", "'q'")
PROGRAMS = ("dash", "cat", "id", "mkdir")


def _tar(files: dict[str, bytes], mode: int = 0o755) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def _root() -> dict[str, bytes]:
    """A shell, three programs and the libraries they want."""
    files = {}
    for name in PROGRAMS:
        path = Path("/usr/bin", name)
        files["bin/sh" if name == "dash" else f"bin/{name}"] = path.read_bytes()
        listed = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            files[library.lstrip("/")] = Path(library).read_bytes()
    return files


def _image(registry: OciLayout) -> Image:
    layers = [_tar(_root()), _tar({"workspace/analysis.sh": SCRIPT, "workspace/data.txt": b"data\n"}, 0o644)]
    written = [registry.put_blob("wobble", [layer], LAYER) for layer in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "WorkingDir": "/workspace", "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [blob.digest for blob in written]},
    }
    config_text = json.dumps(config).encode()
    registry.put_blob("wobble", [config_text], CONFIG)
    image = recorded.image(b"", config_text, tuple(layers))
    descriptors = [{"mediaType": d.media_type, "digest": d.digest, "size": d.size} for d in (image.config, *image.layers)]
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
    manifest = json.dumps(document).encode()
    registry.put_manifest("wobble", manifest, None)
    return recorded.image(manifest, config_text, tuple(layers))


def _facts(registry: OciLayout, storage: FolderStorage) -> Facts:
    """What was recorded of a run that left two files with odd names and odd words."""
    code = _tar({"analysis.sh": SCRIPT, "data.txt": b"data\n"}, 0o644)
    storage.write("code/wobble.tar", [code])
    storage.write("logs/p/run.log", [b"it ran\n"])
    storage.keep([b"given\n"])
    words = "|".join((*ARGUMENTS, "10.5072/tagstone.abc123", ODD)) + "|"
    outputs = []
    for path, data in (("results/a table; $(touch pwned) 'x'.txt", b"data\ngiven\n"), ("results/words.txt", words.encode())):
        stored = storage.keep([data])
        outputs.append(OutputFile(path, stored.size, stored.sha256, stored.key))
    return recorded.facts(
        made=_image(registry),
        outputs=tuple(outputs),
        inputs=(recorded.given("in/given.txt", b"given\n"),),
        code=code,
        command=("sh", "analysis.sh", *ARGUMENTS),
        env=(("ODD", ODD), ("TAGSTONE_DOI", "10.5072/tagstone.abc123")),
        resources=Resources(cpu=1.0, memory=64 * 2**20, time=60),
    )


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Facts]:
    """Images, storage and bundle, made once; every test has a copy."""
    root = tmp_path_factory.mktemp("master")
    registry, storage = OciLayout(root / "images", 10.0), FolderStorage(root / "storage")
    facts = _facts(registry, storage)
    write_bundle(facts, recorded.metadata(), recorded.CITATION, registry, storage, root / "bundle")
    return root, facts


@pytest.fixture
def kept(master: tuple[Path, Facts], tmp_path: Path) -> Kept:
    """Everything recorded of a run, and where it is kept."""
    root, facts = master
    for name in ("images", "storage"):
        shutil.copytree(root / name, tmp_path / name)
    return Kept(facts, OciLayout(tmp_path / "images", 10.0), FolderStorage(tmp_path / "storage"))


@pytest.fixture
def bundle(master: tuple[Path, Facts], tmp_path: Path) -> Path:
    """The bundle, written."""
    return Path(shutil.copytree(master[0] / "bundle", tmp_path / "bundles" / "bundle"))


@pytest.fixture
def write(kept: Kept, tmp_path: Path) -> Callable[[], list[Archived]]:
    """Write the bundle to its folder."""
    folder = tmp_path / "bundles" / "bundle"
    return lambda: write_bundle(kept.facts, recorded.metadata(), recorded.CITATION, kept.registry, kept.storage, folder)
