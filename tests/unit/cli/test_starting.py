"""The command line comes up quickly, and takes nothing from the folder it is called in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["alembic", "dbos", "docker", "fastapi", "requests", "rich", "sqlalchemy", "structlog", "uvicorn", "yaml"]
LOADED = "import sys, json; print(json.dumps(sorted(name for name in sys.modules if '.' not in name)), file=sys.stderr)"


def call(home: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own; its last line on stderr lists the modules it loaded."""
    program = f"import atexit; atexit.register(lambda: exec({LOADED!r})); from tagstone.__main__ import main; main()"
    env = os.environ | {"TAGSTONE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments], env=env, cwd=cwd, capture_output=True, text=True, check=False
    )


def loaded(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["publish", "--help"]])
def test_help_and_version_load_nothing_heavy(tmp_path, arguments):
    done = call(tmp_path, *arguments)
    assert done.returncode == 0
    assert loaded(done) & set(HEAVY) == set()
    assert list(tmp_path.iterdir()) == []


def test_saying_that_all_is_done_loads_neither_queue_nor_engine(tmp_path, tagstone, repository, installation):
    first = tagstone.json("publish", repository, "--tag", "v1.0.0")
    done = call(installation.home, "publish", repository, "--tag", "v1.0.0", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, first)
    assert loaded(done) & {"dbos", "docker", "alembic", "fastapi", "requests"} == set()


def test_no_settings_are_read_from_the_current_folder(tmp_path):
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    for name in (".env", "tagstone.env", "tagstone.toml"):
        (stranger / name).write_text("TAGSTONE_RUNS__PIDS=nonsense\n")
    assert call(tmp_path / "home", "list", cwd=stranger).returncode == 0


def test_a_wrong_setting_is_told_by_its_name_and_without_its_value(tmp_path):
    env = os.environ | {"TAGSTONE_HOME": str(tmp_path), "TAGSTONE_DATABASE__LOCK_TIMEOUT": "hunter2"}
    command = [sys.executable, "-m", "tagstone", "list", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "TAGSTONE_DATABASE__LOCK_TIMEOUT" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_a_reader_that_goes_away_is_no_defect(tmp_path):
    env = os.environ | {"TAGSTONE_HOME": str(tmp_path)}
    done = subprocess.run(
        f"{sys.executable} -m tagstone list | true", shell=True, env=env, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
