"""PyPI's validator accepts the crate at its REQUIRED level."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".cache" / "tools" / "rocrate-validator" / "bin" / "python"


def validated(folder: Path) -> dict[str, list[dict[str, str]]]:
    assert PYTHON.exists(), "the validator's environment is not there: make tools"
    program = ROOT / "tests" / "assets" / "rocrate" / "validate.py"
    done = subprocess.run([PYTHON, program, folder, "required"], capture_output=True, text=True, check=False, timeout=120)
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict), done.stderr
    return answer


def test_the_crate_is_valid(bundle: Path):
    answer = validated(bundle)
    assert answer["issues"] == []
    assert answer["checks"]


def test_the_validator_is_awake(bundle: Path):
    crate = bundle / "ro-crate-metadata.json"
    crate.write_text(crate.read_text().replace('"instrument"', '"tool"'))
    (bundle / "code.tar").unlink()
    messages = " ".join(issue["message"] for issue in validated(bundle)["issues"])
    assert "instrument" in messages
