"""Citation files, and cffconvert in an environment of its own (it pins jsonschema 3, which must stay out of ours)."""

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[2] / "assets" / "citation"
CACHE = Path.home() / ".cache" / "tagstone" / "cffconvert"
PINS = ("cffconvert==2.0.0", "jsonschema==3.2.0", "setuptools==65.5.0")
JUDGE = """
import json, pathlib, sys, warnings
warnings.simplefilter("ignore")
from cffconvert import Citation
verdicts = {}
for name in sys.argv[1:]:
    try:
        Citation(pathlib.Path(name).read_text(encoding="utf-8")).validate()
        verdicts[name] = True
    except Exception:
        verdicts[name] = False
print("VERDICTS" + json.dumps(verdicts))
"""


@pytest.fixture(scope="session")
def citation_files() -> Callable[[str], list[Path]]:
    """The files of one folder of assets."""
    return lambda folder: sorted((ASSETS / folder).glob("*.cff"))


@pytest.fixture(scope="session")
def cffconvert_says() -> Callable[[list[Path]], dict[Path, bool]]:
    """What cffconvert thinks of files; its environment is made the first time."""
    python = _environment()

    def judge(files: list[Path]) -> dict[Path, bool]:
        line = [str(python), "-c", JUDGE, *map(str, files)]
        out = subprocess.run(line, capture_output=True, text=True, check=True).stdout
        verdicts = json.loads(next(text for text in out.splitlines() if text.startswith("VERDICTS")).removeprefix("VERDICTS"))
        return {Path(name): verdict for name, verdict in verdicts.items()}

    return judge


def _environment() -> Path:
    """Made under another name and renamed, one process at a time: what stands there is whole."""
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with CACHE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = CACHE / "ready"
        if not ready.exists() or ready.read_text() != repr(PINS):
            shutil.rmtree(CACHE, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(CACHE)], check=True)
            subprocess.run([str(CACHE / "bin" / "pip"), "install", "--quiet", *PINS], check=True, capture_output=True)
            ready.write_text(repr(PINS))
    return CACHE / "bin" / "python"
