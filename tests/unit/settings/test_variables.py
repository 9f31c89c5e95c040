"""Settings as TAGSTONE_* variables say them: groups, lists, objects and names, the environment over the site's file."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tagstone.settings import Settings
from tagstone.variables import NotJson


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation's file that is not there yet, and an environment that says nothing."""
    for name in [name for name in os.environ if name.upper().startswith("TAGSTONE_")]:
        monkeypatch.delenv(name)
    return tmp_path / "tagstone.env"


def test_where_nothing_is_said_everything_is_as_it_is_by_default():
    assert (Settings(_site=None).runs.pids, Settings(_site=None).depositories, Settings(_site=None).database.url) == (
        1024,
        {},
        None,
    )


def test_two_underscores_part_a_group_from_its_field(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAGSTONE_RUNS__PIDS", "77")
    monkeypatch.setenv("TAGSTONE_RUNS__LOG_BYTES", "5")
    monkeypatch.setenv("TAGSTONE_DATABASE__URL", "sqlite:///x")
    assert (Settings(_site=None).runs.pids, Settings(_site=None).runs.log_bytes, Settings(_site=None).database.url) == (
        77,
        5,
        "sqlite:///x",
    )


def test_names_may_be_written_in_any_case(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("Tagstone_Runs__pids", "77")
    assert Settings(_site=None).runs.pids == 77


def test_a_group_may_be_json_and_single_fields_count_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAGSTONE_RUNS", '{"pids": 7, "output_files": 9}')
    monkeypatch.setenv("TAGSTONE_RUNS__PIDS", "77")
    assert (Settings(_site=None).runs.pids, Settings(_site=None).runs.output_files) == (77, 9)


def test_things_with_names_are_groups_by_their_names(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAGSTONE_DEPOSITORIES__ZENODO_SANDBOX__TOKEN", "secret")
    monkeypatch.setenv("TAGSTONE_DEPOSITORIES__RDM__URL", "https://rdm.example.org")
    found = Settings(_site=None).depositories
    assert sorted(found) == ["rdm", "zenodo-sandbox"]
    assert found["zenodo-sandbox"].url == "https://sandbox.zenodo.org"


def test_lists_and_objects_are_json(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAGSTONE_INPUTS__PRIVATE_HOSTS", '["mirror.test"]')
    monkeypatch.setenv("TAGSTONE_INPUTS__DOI_HOSTS", '{"10.5281": "zenodo.org", "10.5072": "rdm.test"}')
    monkeypatch.setenv("TAGSTONE_SECRET_KEYS", '["one", "two"]')
    assert Settings(_site=None).inputs.private_hosts == ["mirror.test"]
    assert Settings(_site=None).inputs.doi_hosts["10.5072"] == "rdm.test"
    assert [key.get_secret_value() for key in Settings(_site=None).secret_keys] == ["one", "two"]


@pytest.mark.parametrize("value", ["", "one", "[", "{'a': 1}"])
@pytest.mark.parametrize("name", ["SECRET_KEYS", "RUNS", "INPUTS__PRIVATE_HOSTS", "DEPOSITORIES__RDM"])
def test_what_has_to_be_json_and_is_none_is_told_apart(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(f"TAGSTONE_{name}", value)
    with pytest.raises(NotJson):
        Settings(_site=None)


def test_the_environment_counts_more_than_the_installations_file(monkeypatch: pytest.MonkeyPatch, site: Path):
    site.write_text("# ours\nTAGSTONE_RUNS__PIDS=7\nexport TAGSTONE_RUNS__OUTPUT_FILES='9'\nOTHER=1\n")
    monkeypatch.setenv("TAGSTONE_RUNS__PIDS", "77")
    assert (Settings(_site=site).runs.pids, Settings(_site=site).runs.output_files) == (77, 9)


def test_what_a_caller_gives_counts_most(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TAGSTONE_HOME", "/elsewhere")
    monkeypatch.setenv("TAGSTONE_WORKER_THREADS", "3")
    assert (Settings(_site=None, home=tmp_path).home, Settings(_site=None, home=tmp_path).worker_threads) == (tmp_path, 3)


def test_a_field_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAGSTONE_RUNS__PIDDS", "7")
    with pytest.raises(ValidationError, match="pidds"):
        Settings(_site=None)


def test_a_single_value_has_nothing_within(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAGSTONE_WORKER_THREADS__MANY", "7")
    with pytest.raises(ValidationError):
        Settings(_site=None)


def test_variables_of_others_in_the_environment_are_theirs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAGSTONE_TEST_POSTGRES", "postgresql://")
    assert Settings(_site=None).worker_threads == 16


def test_what_the_installations_file_says_and_nobody_knows_is_refused(site: Path):
    site.write_text("TAGSTONE_RUN__PIDS=7\n")
    with pytest.raises(ValidationError, match="run"):
        Settings(_site=site)


@given(
    st.dictionaries(
        st.from_regex(r"TAGSTONE_(RUNS|INPUTS|DEPOSITORIES|SECRET_KEYS|HOME|X)(__[A-Z_]{0,6}){0,3}", fullmatch=True),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
        max_size=4,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_whatever_is_said_is_read_or_refused(said: dict[str, str]):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in said.items():
            patch.setenv(name, value)
        with contextlib.suppress(ValidationError, NotJson):
            assert Settings(_site=None).worker_threads == 16
