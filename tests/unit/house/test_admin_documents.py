"""What admins read is so: tests that are named exist, and every credential and every table of people is told."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from tagstone.settings import Settings
from tagstone.store.tables import Table

CHECKOUT = Path(__file__).resolve().parents[3]
ADMIN = CHECKOUT / "docs" / "admin"
SHOWN = re.findall(r"^\| .* \| `([^`|]+)` \|$", (ADMIN / "threat-model.md").read_text(encoding="utf-8"), re.MULTILINE)


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((CHECKOUT / "tests" / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("named", SHOWN)
def test_each_attack_names_a_test_that_is_there(named: str) -> None:
    file, _, test = named.partition("::")
    assert test in named_in(file)


def test_each_attack_has_what_stops_it_and_what_shows_it() -> None:
    text = (ADMIN / "threat-model.md").read_text(encoding="utf-8")
    attacks = text.partition("## Attacks")[2].partition("## What is left")[0]
    rows = [line for line in attacks.splitlines() if line.startswith("| ") and "---" not in line and "shown by" not in line]
    assert len(rows) == len(SHOWN) == len(set(rows)) > 40
    assert [row for row in rows if row.count(" | ") != 2] == []


def secrets(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """The variables of settings that hold a secret, or name the file of one."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        if SecretStr in kinds:
            yield variable
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                named = "NAME__" if field.annotation is not kind else ""
                yield from secrets(kind, f"{variable}__{named}")


@pytest.mark.parametrize("variable", sorted(secrets(Settings, "TAGSTONE_")))
def test_every_secret_of_the_settings_is_told(variable: str) -> None:
    assert f"`{variable}`" in (ADMIN / "credentials.md").read_text(encoding="utf-8")


def test_the_settings_have_secrets_of_every_depth() -> None:
    found = set(secrets(Settings, "TAGSTONE_"))
    assert {"TAGSTONE_SECRET_KEYS", "TAGSTONE_MAIL__PASSWORD", "TAGSTONE_FORGES__NAME__TOKEN"} <= found


def test_every_column_that_holds_a_secret_or_its_hash_is_in_a_table_that_is_told() -> None:
    text = (ADMIN / "credentials.md").read_text(encoding="utf-8")
    held = {"token", "signing", "secret", "digest"}
    tables = {table.name for table in Table.metadata.sorted_tables if held & {column.name for column in table.columns}}
    assert tables == {"accounts", "registrations", "hooks", "api_tokens"}
    assert [name for name in tables if f"`{name}`" not in text] == []


def test_every_table_that_holds_people_is_told() -> None:
    text = (ADMIN / "data-flows.md").read_text(encoding="utf-8")
    about = {"email", "contact", "person_id", "actor", "address", "subject"}
    tables = {table.name for table in Table.metadata.sorted_tables if about & {column.name for column in table.columns}}
    assert tables >= {"people", "publications", "audit", "notices", "visits", "api_tokens"}
    assert [name for name in sorted(tables) if not re.search(rf"`{name}[`.]", text)] == []


@pytest.mark.parametrize("page", ["threat-model.md", "data-flows.md", "credentials.md", "operate.md"])
def test_the_documentation_leads_there(page: str) -> None:
    assert f"(admin/{page})" in (CHECKOUT / "docs" / "index.md").read_text(encoding="utf-8")
