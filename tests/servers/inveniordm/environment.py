"""The Python environment that InvenioRDM runs in, kept in the user's cache; made anew when its pins change."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PINS = ROOT / "requirements"
REQUIREMENTS = PINS / "inveniordm.txt"
CACHE = Path("~/.cache/tagstone-inveniordm").expanduser()


def programs() -> Path:
    """The folder of the environment's programs; installs Debian's packages and the environment where they are missing."""
    subprocess.run([ROOT / "scripts" / "install-debian", "inveniordm"], check=True)
    folder = CACHE / "environment"
    stamp = folder / "made-of"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    with alone("environment"):
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            _install(folder)
            stamp.write_text(wanted, encoding="utf-8")
    return folder / "bin"


def _install(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    tools, python = folder / "tools", folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--require-hashes",
    ]
    subprocess.run([*pip, "--target", tools, "--requirement", PINS / "uv.txt"], check=True)
    quick: list[str | Path] = [
        tools / "bin" / "uv",
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--require-hashes",
        "--python",
        python,
    ]
    if subprocess.run([*quick, "--requirement", REQUIREMENTS], check=False).returncode:
        # Whoever told only pip where packages come from waits a little longer.
        subprocess.run([*pip, "--prefix", folder, "--requirement", REQUIREMENTS], check=True)


@contextmanager
def alone(part: str) -> Iterator[None]:
    """One process at a time at a part of the cache; another that waits finds it made."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{part}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
