"""Citation files, and cffconvert in an environment of its own (it pins jsonschema 3, which must stay out of ours)."""

import fcntl
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[2] / "assets" / "citation"
ROOT = Path(__file__).parents[3]
TOOL = ".cache/tools/cffconvert"
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
    """The environment that `make test` makes; made here too where somebody runs this test alone."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "cffconvert.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", f"{TOOL}/.installed"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ROOT / TOOL / "bin" / "python"
