"""PyPI's validator of research objects, in its own environment."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".cache" / "tools" / "rocrate-validator" / "bin" / "python"
AN_AUTHOR_WITHOUT_AFFILIATION = {
    "The author SHOULD have an organizational affiliation.",
    "The author SHOULD have a Contextual Entity which specifies the organizational `affiliation`.",
}
"""The citation names no affiliation, and nobody else knows it."""
CODE_THAT_IS_NOWHERE = {"The Application SHOULD have a url"}
"""The repository is on one machine alone, and the record's identifier leads nowhere."""


def validated(folder: Path, profile: str = "process-run-crate-0.5") -> dict[str, list[dict[str, str]]]:
    """All checks that were made at the RECOMMENDED level, and the issues that were found."""
    assert PYTHON.exists(), "the validator's environment is not there: make tools"
    program = ROOT / "tests" / "assets" / "rocrate" / "validate.py"
    command = [str(PYTHON), str(program), str(folder), "recommended", profile]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict), done.stderr
    return answer
