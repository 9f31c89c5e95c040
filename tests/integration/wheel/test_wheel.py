"""A wheel, installed in an empty environment away from the checkout, is all that one needs."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tagstone.store import migrations

pytestmark = pytest.mark.engines  # not for engines: installing everything anew takes as long
CHECKOUT = Path(__file__).resolve().parents[3]


def _run(*command: object, cwd: Path, **env: str) -> str:
    # Nothing of this checkout leaks in: neither its path nor its settings.
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("TAGSTONE_", "PYTHON"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=outside | env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built the long way: from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder, cwd=CHECKOUT)
    (source,) = folder.glob("*.tar.gz")
    _run("tar", "-xf", source, cwd=folder)
    unpacked = folder / source.name.removesuffix(".tar.gz")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=unpacked)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel and its pinned requirements, nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", folder, cwd=folder)
    pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps"]
    _run(*pip, "--require-hashes", "--requirement", CHECKOUT / "requirements" / "runtime.txt", cwd=folder)
    _run(*pip, wheel, cwd=folder)
    return folder / "bin"


def test_the_wheel_carries_both_packages_and_every_migration(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    revisions = {f"tagstone/migrations/versions/{path.name}" for path in (CHECKOUT / "migrations" / "versions").glob("*.py")}

    assert {"tagstone/py.typed", "tagstone_webhooks/py.typed", "tagstone/migrations/env.py"} | revisions <= names
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"tagstone", "tagstone_webhooks"}


def test_pinned_requirements_are_complete_and_agree(programs: Path, tmp_path: Path) -> None:
    assert _run(programs / "pip", "check", cwd=tmp_path) == "No broken requirements found."


def test_an_installed_wheel_works_away_from_the_checkout(programs: Path, tmp_path: Path) -> None:
    version = _run(sys.executable, "-m", "hatchling", "version", cwd=CHECKOUT)

    assert version in _run(programs / "tagstone", "--version", cwd=tmp_path)
    _run(programs / "tagstone", "db", "upgrade", cwd=tmp_path, TAGSTONE_HOME=str(tmp_path / "home"))
    assert list((tmp_path / "home").glob("*.sqlite"))


def test_wheel_and_checkout_have_the_same_revision(programs: Path, tmp_path: Path) -> None:
    ask = "from tagstone.store.migrations import head, migrations_folder; print(head(), migrations_folder())"
    revision, folder = _run(programs / "python", "-c", ask, cwd=tmp_path).split()

    assert revision == migrations.head()
    assert Path(folder).is_relative_to(programs.parent)


def test_an_editable_install_reads_the_top_level_folder_itself() -> None:
    assert migrations.migrations_folder() == CHECKOUT / "migrations"
    # No copy lies beside the editable install, where it would go stale unseen.
    site_packages = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    assert [folder for folder in site_packages if (folder / "tagstone").exists()] == []
