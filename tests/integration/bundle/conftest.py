"""A whole small bundle: a real image of a shell and a few programs of this machine, run on code of two lines."""

import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.kept import Kept
from fakes.programs import found
from tagstone.actions.bundle import write_bundle
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.images.oci import CONFIG, LAYER, MANIFEST, Image
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run import OutputFile

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

# What the script itself calls; nothing else is on its PATH.
COMMANDS = ("chmod", "cp", "cut", "dirname", "id", "ln", "mkdir", "mktemp", "rm", "sha256sum", "tar", "timeout", "tr")
BUSYBOX = "/bin/busybox"
Reproduce = Callable[..., subprocess.CompletedProcess[str]]

# Says that it loaded the recorded image and runs the command on this machine, in the workspace it is handed.
FAKE_PODMAN = """\
#!/bin/sh
case $1 in
  pull) [ -f "${2+$3}" ] || [ -d "${3#oci:}/blobs" ] && echo an-image ;;
  image) echo "$FAKE_DIGEST" ;;
  run)
    while [ $# -gt 0 ]; do
      case $1 in
        --volume) case $2 in *:/workspace) cd "${2%%:*}" ;; esac ; shift ;;
        --env) export "$2" ; shift ;;
        an-image) break ;;
      esac
      shift
    done
    shift
    eval "$FAKE_BEFORE"
    "$@"
    ;;
esac
"""


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


@pytest.fixture(params=["dash", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder that is a whole PATH: a shell as `sh` and the usual commands, GNU's or busybox's."""
    folder = tmp_path / "path"
    folder.mkdir()
    if request.param == "busybox":
        for name in ("sh", *COMMANDS):
            (folder / name).symlink_to(BUSYBOX)
    else:
        (folder / "sh").symlink_to("/bin/dash")
        for name in COMMANDS:
            (folder / name).symlink_to(found(name))
    return folder


@pytest.fixture
def reproduce(shell: Path, bundle: Path, tmp_path: Path) -> Reproduce:
    """Run the script from another folder; what it leaves in TMPDIR is asked for afterwards."""
    (tmp_path / "temporary").mkdir()

    def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shell / "sh", bundle / "reproduce.sh", *options],
            env={"PATH": str(shell), "TMPDIR": str(tmp_path / "temporary"), "HOME": str(tmp_path)} | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run


@pytest.fixture
def with_fake(shell: Path, bundle: Path, reproduce: Reproduce) -> Reproduce:
    """Run the script with a podman that isolates nothing, and may do something before the command."""
    (shell / "podman").write_text(FAKE_PODMAN)
    (shell / "podman").chmod(0o755)
    (shell / "cat").symlink_to(found("cat"))
    digest = next(line for line in (bundle / "reproduce.sh").read_text().splitlines() if line.startswith("recorded_digest="))

    def run(before: str = "", *options: str) -> subprocess.CompletedProcess[str]:
        return reproduce(*options, FAKE_DIGEST=digest.partition("=")[2], FAKE_BEFORE=before)

    return run


@pytest.fixture
def confined() -> Iterator[dict[str, str]]:
    """How podman and buildah work for a root without CAP_SYS_RESOURCE, with storage that is thrown away.

    Its path is short: conmon's sockets lie in it, and podman waits 20 s for one whose path is too long.
    """
    with tempfile.TemporaryDirectory(prefix="ts-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = []\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n'
            f'events_logger = "file"\nlock_type = "file"\n[engine.runtimes]\nrunc = ["{found("runc")}"]\n'
        )
        (folder / "storage.conf").write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/g"\nrunroot = "{folder}/r"\n')
        files = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        yield {variable: str(folder / file) for variable, file in files.items()} | {"BUILDAH_ISOLATION": "chroot"}
