"""The contracts in pyproject.toml hold, and each of them notices what it is there for."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

# One deliberate violation for each contract: where, and what is added there.
VIOLATIONS = {
    "Layers": ("service/tagstone/domain/images/oci.py", "import tagstone.store"),
    "Receivers stand on": ("service/tagstone/actions/__init__.py", "import tagstone_webhooks"),
    "Domain and ports": ("service/tagstone/domain/images/oci.py", "import subprocess"),
    "Images and bundles": ("service/tagstone/image/__init__.py", "import socket"),
    "Libraries for documents": ("service/tagstone/web/__init__.py", "import cyclonedx"),
    "Settings are read": ("service/tagstone/actions/__init__.py", "import tagstone.settings"),
    "The docker SDK": ("service/tagstone/store/__init__.py", "import docker"),
    "GitLab's SDK": ("service/tagstone/actions/__init__.py", "import gitlab"),
    "Kubernetes's client": ("service/tagstone/web/__init__.py", "import kubernetes"),
    "The programs in a run's pod": ("service/tagstone/pod/__init__.py", "import requests"),
    "The durable engine": ("service/tagstone/web/__init__.py", "import dbos"),
    "What looks like a secret": ("service/tagstone/web/__init__.py", "import detect_secrets"),
    "What reads strangers'": ("service/tagstone/store/__init__.py", "import nh3"),
    "Numbers, pictures": ("service/tagstone/web/__init__.py", "import numpy"),
    "Signed tokens": ("service/tagstone/web/__init__.py", "import jwt"),
    "Tokens are sealed": ("service/tagstone/web/__init__.py", "import cryptography"),
    "Receivers never reach": ("webhooks/tagstone_webhooks/__init__.py", "import tagstone.workflows"),
}


def _lint(folder: Path) -> str:
    """What import-linter prints about the packages in `folder`."""
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder}/service:{folder}/webhooks", "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


@pytest.fixture
def copy(checkout: Path, tmp_path: Path) -> Path:
    """The packages and their contracts, in a place where they may be broken."""
    shutil.copy(checkout / "pyproject.toml", tmp_path)
    for package in ("service", "webhooks"):
        shutil.copytree(checkout / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def contracts(checkout: Path) -> list[str]:
    """The names of all contracts."""
    settings = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


def test_every_contract_is_kept(checkout: Path) -> None:
    assert ", 0 broken." in _lint(checkout)


def test_every_contract_notices_its_violation(copy: Path, contracts: list[str]) -> None:
    assert len(VIOLATIONS) == len(contracts)
    for place, line in VIOLATIONS.values():
        with (copy / place).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")

    printed = _lint(copy)

    kept = [name for name in contracts if f"{name} BROKEN" not in printed]
    assert kept == [], printed


def test_a_module_that_no_layer_names_is_noticed(copy: Path) -> None:
    (copy / "service" / "tagstone" / "helpers.py").write_text("", encoding="utf-8")

    assert "tagstone.helpers" in _lint(copy)
