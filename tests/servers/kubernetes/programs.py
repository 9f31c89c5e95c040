"""The programs of Kubernetes, built once from Debian's own source package and kept in the user's cache."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CACHE = Path("~/.cache/tagstone-kubernetes").expanduser()
BUILT = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_GO = "/usr/lib/go-1.19/bin"
# A process that pauses is all that the first container of every pod is.
_PAUSE = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n"


@cache
def programs() -> Path:
    """The folder of the programs (`BUILT`, and `pause`); installs Debian's packages and builds them where they are missing."""
    subprocess.run([ROOT / "scripts" / "install-debian", "engines", "docker", "kubernetes"], check=True)
    folder = CACHE / "bin"
    with alone("programs"):
        if not all((folder / program).exists() for program in (*BUILT, "pause")):
            folder.mkdir(parents=True, exist_ok=True)
            _build(folder)
    return folder


@contextmanager
def alone(part: str) -> Iterator[None]:
    """One process at a time at a part of the cache; another that waits finds it made."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{part}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path) -> None:
    # On a disk: sources and objects have 4 GB, which would not fit beside everything else in memory.
    with tempfile.TemporaryDirectory(prefix="tagstone-kubernetes-", dir="/var/tmp", ignore_cleanup_errors=True) as below:
        place = Path(below)
        log = CACHE / "build.log"
        source = _fetch(place, log)
        workspace = source / ".go/src/k8s.io"
        workspace.mkdir(parents=True, exist_ok=True)
        link = workspace / "kubernetes"
        if not link.is_symlink():
            link.symlink_to("../../..")
        environment = os.environ | {
            "GOPATH": str(source / ".go"),
            "PATH": f"{_GO}:{os.environ['PATH']}",
            "CGO_ENABLED": "0",
            "GO111MODULE": "off",
            "HOME": str(place),
            "TMPDIR": str(place),
        }
        wanted = " ".join(f"cmd/{program}" for program in BUILT)
        # Make's own flags of whoever called us would be read by their Makefile too.
        environment.pop("MAKEFLAGS", None)
        _finish(["make", f"WHAT={wanted}"], log, cwd=source, environment=environment)
        (place / "pause.c").write_text(_PAUSE)
        _finish(["gcc", "-static", "-O2", "-o", str(folder / "pause"), "pause.c"], log, cwd=place, environment=dict(os.environ))
        for program in BUILT:
            half = folder / f"{program}.half"
            shutil.copy2(source / "_output/bin" / program, half)
            half.rename(folder / program)


def _fetch(place: Path, log: Path) -> Path:
    """Unpack Debian's source package, from where this machine takes its binary packages; the lists of the machine stay as they are."""
    address = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: bookworm", "Component: main"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    lists = place / "lists"
    (lists / "partial").mkdir(parents=True)
    (place / "sources.list").write_text(f"deb-src [signed-by={_KEYS}] {address} bookworm main\n")
    own = [
        f"Dir::State::Lists={lists}",
        f"Dir::Etc::SourceList={place / 'sources.list'}",
        "Dir::Etc::SourceParts=/dev/null",
        "Dir::Cache::pkgcache=",
        "Dir::Cache::srcpkgcache=",
    ]
    options = [part for option in own for part in ("--option", option)]
    environment = dict(os.environ)
    _finish(["apt-get", *options, "update"], log, cwd=place, environment=environment)
    # apt hands the download to a user of its own, which may not write here.
    sandbox = ("--option", "APT::Sandbox::User=root")
    _finish(["apt-get", *options, *sandbox, "source", "kubernetes"], log, cwd=place, environment=environment)
    return next(folder for folder in place.glob("kubernetes-*") if folder.is_dir())


def _finish(command: list[str], log: Path, *, cwd: Path, environment: dict[str, str]) -> None:
    with log.open("ab") as sink:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=cwd, env=environment, check=False
        )
    assert done.returncode == 0, f"{' '.join(command)}: {log.read_text(errors='replace')[-3000:]}"
