"""House rules that no linter knows."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PACKAGES = {"tagstone", "tagstone_webhooks"}
# Needed without an import: psycopg is SQLAlchemy's driver for PostgreSQL.
LOADED_BY_NAME = {"psycopg"}
NEWER_STDLIB = {"compression"}  # from Python 3.14 on
# The halves of one library: the first pins the second.
PARTS = {"pydantic-core": "pydantic"}


def _sources(checkout: Path) -> list[Path]:
    return sorted(path for folder in ("service", "webhooks", "migrations") for path in (checkout / folder).rglob("*.py"))


def _imported(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names: set[str] = set()
    for node in tree:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - NEWER_STDLIB - PACKAGES


def _declared(checkout: Path) -> set[str]:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {_normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in project["dependencies"]}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_dependencies_are_exactly_what_is_imported(checkout: Path) -> None:
    owners = packages_distributions()
    imported = {_normal(owners[name][0]) for path in _sources(checkout) for name in _imported(path)}

    assert {PARTS.get(name, name) for name in imported} | LOADED_BY_NAME == _declared(checkout)


@pytest.mark.parametrize("folder", ["service", "webhooks"])
def test_source_folders_are_no_packages(checkout: Path, folder: str) -> None:
    # With one, `import service.tagstone` would load everything a second time.
    assert not (checkout / folder / "__init__.py").exists()


def test_every_package_says_its_law(checkout: Path) -> None:
    packages = [path for path in _sources(checkout) if path.name == "__init__.py"]
    silent = [str(path) for path in packages if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []


def test_no_module_is_named_for_nothing_in_particular(checkout: Path) -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}
    assert [str(path) for path in _sources(checkout) if path.stem in vague] == []


def test_no_test_is_skipped_or_expected_to_fail(checkout: Path) -> None:
    skips = re.compile(r"(pytest|mark)\.(skip|skipif|xfail|importorskip)\b|\bunittest\.skip")
    found = [str(path) for path in sorted((checkout / "tests").rglob("*.py")) if skips.search(path.read_text(encoding="utf-8"))]
    assert [path for path in found if path != __file__] == []


def test_requirements_are_pinned_by_hash_and_name_no_index(checkout: Path) -> None:
    for path in sorted((checkout / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        entries = re.split(r"\n(?=\S)", text.strip())
        for entry in entries:
            assert re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==\S+", entry), entry
            assert "--hash=sha256:" in entry, entry


def test_what_development_installs_agrees_with_what_users_install(checkout: Path) -> None:
    def pins(name: str) -> set[str]:
        return set(
            re.findall(
                r"^([a-z0-9.-]+==\S+)", (checkout / "requirements" / f"{name}.txt").read_text(encoding="utf-8"), re.MULTILINE
            )
        )

    assert pins("runtime") | pins("build") <= pins("dev")
