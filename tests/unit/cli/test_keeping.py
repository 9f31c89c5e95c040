"""accounts and bind: tokens are taken in, and come out nowhere."""

import json
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fakes.depository import FakeDepository, OneDepository
from fakes.terminal import terminal
from tagstone.adapters.vault import FernetVault
from tagstone.domain.publications.policy import Policy
from tagstone.errors import Away
from tagstone.ports import DepositAccount
from tagstone.store import accounts

TOKEN = "canary-7f3a9e51c2-token"
POLICY = Policy(depositories=("local", "zenodo"))


@dataclass
class Asked:
    """Depositories that remember which tokens they were asked with, and may refuse or be away."""

    depository: FakeDepository = field(default_factory=FakeDepository)
    tokens: list[str | None] = field(default_factory=list)
    faults: tuple[str, ...] = ()

    def account(self, depository: str, name: str, token: str | None) -> DepositAccount:
        self.tokens.append(token)
        account = OneDepository(self.depository).account(depository, name, token)
        return replace(account, curation=_Judge(self.depository, self.faults)) if self.faults else account


class _Judge(FakeDepository):
    def __init__(self, _depository: FakeDepository, told: tuple[str, ...]) -> None:
        super().__init__()
        self._told = told

    def faults(self, metadata: object) -> tuple[str, ...]:
        return self._told


@pytest.fixture
def depositories(tagstone):
    """Zenodo beside the local depository, a key to seal with, and what was asked."""
    asked = Asked()
    tagstone.application.__dict__["depositories"] = asked
    tagstone.application.__dict__["vault"] = FernetVault([Fernet.generate_key().decode()])
    tagstone.application.__class__ = type("Curated", (type(tagstone.application),), {"policy": POLICY})
    return asked


def added(tagstone, *arguments, token=TOKEN):
    return tagstone(
        "accounts", "add", "wobblers", "--depository", "zenodo", "--owner", "The Wobble Team", *arguments, answers=token + "\n"
    )


def everything_below(home):
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_the_token_is_read_from_standard_input_and_the_depository_is_asked_with_it(tagstone, depositories):
    result = added(tagstone)
    assert (result.exit_code, depositories.tokens) == (0, [TOKEN])
    assert "wobblers at zenodo is added; its owner is The Wobble Team." in result.stdout


def test_the_token_is_read_from_a_file(tagstone, depositories, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert added(tagstone, "--token-file", str(tmp_path / "token"), token="ignored").exit_code == 0
    assert depositories.tokens == [TOKEN]


def test_the_token_comes_out_nowhere(tagstone, depositories, installation):
    printed = [added(tagstone), added(tagstone), added(tagstone, "--replace"), tagstone("accounts", "list")]
    printed += [tagstone("accounts", "list", "--json"), tagstone("bind", "--list"), tagstone("accounts", "reseal")]
    assert [result.exit_code for result in printed] == [0, 5, 0, 0, 0, 0, 0]
    assert all(TOKEN not in result.output for result in printed)
    assert TOKEN.encode() not in everything_below(installation.home)


def test_what_rests_in_the_database_is_the_token_sealed(tagstone, depositories, installation):
    added(tagstone)
    with installation.sessions.read() as session:
        row = accounts.find(session, "wobblers")
    assert row is not None
    assert tagstone.application.vault.unseal(row.token) == TOKEN
    assert TOKEN not in repr(row)


def test_without_a_key_nothing_is_kept(tagstone, depositories, installation):
    tagstone.application.__dict__["vault"] = FernetVault([])
    result = added(tagstone)
    assert (result.exit_code, tagstone.json("accounts", "list")) == (6, {"accounts": []})
    assert "`tagstone accounts key` makes one" in result.stderr


def test_an_account_that_the_depository_refuses_is_not_kept(tagstone, depositories):
    depositories.faults = ("The token may not publish.",)
    result = added(tagstone)
    assert (result.exit_code, tagstone.json("accounts", "list")) == (3, {"accounts": []})
    assert "The token may not publish." in result.stderr


def test_a_depository_that_is_away_is_a_warning(tagstone, depositories):
    depositories.depository.fail("faults", Away("zenodo does not answer."))
    result = added(tagstone)
    assert result.exit_code == 0
    assert "warning: zenodo could not be asked about it: zenodo does not answer." in result.stderr


@pytest.mark.parametrize("token", ["", "short", "two words of a token", "control\x1b[2Jcharacters", "ümlaut-token", "x" * 5000])
def test_what_is_no_token_is_refused_unseen(tagstone, depositories, token):
    result = added(tagstone, token=token)
    assert (result.exit_code, depositories.tokens) == (3, [])
    assert token == "" or token not in result.output


@pytest.mark.parametrize(
    ("name", "depository", "code"),
    [("zenodo", "zenodo", 5), ("Mine", "zenodo", 3), ("a b", "zenodo", 3), ("../x", "zenodo", 3), ("mine", "elsewhere", 4)],
)
def test_names_that_are_none_or_taken_are_refused(tagstone, depositories, name, depository, code):
    result = tagstone("accounts", "add", name, "--depository", depository, "--owner", "Me", answers=TOKEN)
    assert (result.exit_code, depositories.tokens) == (code, [])


def test_the_owner_has_no_control_characters(tagstone, depositories):
    result = tagstone("accounts", "add", "mine", "--depository", "zenodo", "--owner", "a\x1b[2Jb", answers=TOKEN)
    assert result.exit_code == 3


def test_a_key_is_made_and_seals(tagstone):
    key = tagstone("accounts", "key").stdout.strip()
    vault = FernetVault([key])
    assert vault.unseal(vault.seal(TOKEN)) == TOKEN


def test_tokens_are_sealed_anew_with_the_newest_key(tagstone, depositories, installation):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    tagstone.application.__dict__["vault"] = FernetVault([old])
    added(tagstone)
    tagstone.application.__dict__["vault"] = FernetVault([new, old])
    assert "1 token sealed with the newest key" in tagstone("accounts", "reseal").stdout
    with installation.sessions.read() as session:
        row = accounts.find(session, "wobblers")
    assert row is not None
    assert FernetVault([new]).unseal(row.token) == TOKEN


def test_a_project_is_bound_by_its_path_before_it_ever_published(tagstone, depositories, repository):
    added(tagstone)
    assert "wobble publishes at zenodo with wobblers." in tagstone("bind", repository, "wobblers").stdout
    bound = tagstone.json("bind", "--list")["bindings"]
    assert [(one["project"], one["depository"], one["account"]) for one in bound] == [("wobble", "zenodo", "wobblers")]


def test_a_project_is_bound_to_the_sites_own_account_by_the_depositorys_name(tagstone, depositories, repository):
    assert tagstone("bind", repository, "zenodo").exit_code == 0
    assert tagstone("bind", "wobble", "zenodo", "--release").exit_code == 0
    assert tagstone.json("bind", "--list") == {"bindings": []}


def test_an_account_is_removed_once_nothing_needs_it(tagstone, depositories, repository):
    added(tagstone)
    tagstone("bind", repository, "wobblers")
    refused = tagstone("accounts", "remove", "wobblers")
    assert (refused.exit_code, "needed by the project wobble" in refused.stderr) == (5, True)
    tagstone("bind", "wobble", "wobblers", "--release")
    assert tagstone("accounts", "remove", "wobblers").exit_code == 0
    assert tagstone("accounts", "remove", "wobblers").exit_code == 4


def test_an_account_with_a_draft_stays(tagstone, depositories, installation):
    added(tagstone)
    publication = installation.publication(state="failed", holds_series=True, account="wobblers")
    refused = tagstone("accounts", "remove", "wobblers")
    assert (refused.exit_code, f"the draft of {publication}" in refused.stderr) == (5, True)


def test_a_series_that_another_account_began_is_pointed_out(tagstone, depositories, installation):
    installation.publication()
    with installation.sessions.write() as session:
        accounts.binding(session, 1, "zenodo").series = "77"
    added(tagstone)
    assert "continue the series 77, which zenodo began" in tagstone("bind", "wobble", "wobblers").stderr


@pytest.mark.parametrize(("project", "account", "code"), [("nowhere", "zenodo", 4), ("wobble", "nobody", 4)])
def test_what_is_not_there_cannot_be_bound(tagstone, depositories, installation, project, account, code):
    installation.publication()
    assert tagstone("bind", project, account).exit_code == code
    assert tagstone("bind", project, account, "--release").exit_code == code


@pytest.mark.parametrize("arguments", [(), ("wobble",), ("wobble", "zenodo", "--list"), ("--list", "--release")])
def test_bind_takes_a_project_and_an_account_or_lists(tagstone, arguments):
    assert tagstone("bind", *arguments).exit_code == 2


def test_a_list_of_accounts_is_one_object(tagstone, depositories):
    added(tagstone)
    listed = json.loads(tagstone("accounts", "list", "--json").stdout)
    assert listed == {"accounts": [{"account": "wobblers", "depository": "zenodo", "owner": "The Wobble Team", "projects": []}]}


def test_no_option_takes_a_token_itself(tagstone):
    assert "--token " not in tagstone("accounts", "add", "--help").stdout
    assert tagstone("accounts", "add", "mine", "--depository", "zenodo", "--owner", "Me", "--token", TOKEN).exit_code == 2


def test_a_token_file_that_is_not_there_is_told(tagstone, depositories):
    assert added(tagstone, "--token-file", str(Path("/nowhere/token"))).exit_code == 4


def test_at_a_terminal_the_token_is_asked_for_and_not_shown(tmp_path):
    home, key = tmp_path / "home", Fernet.generate_key().decode()
    command = [sys.executable, "-P", "-m", "tagstone", "accounts", "add", "mine", "--depository", "local", "--owner", "Me"]
    environment = os.environ | {"TAGSTONE_HOME": str(home), "TAGSTONE_SECRET_KEYS": json.dumps([key])}
    with terminal(command, environment) as shown:
        shown.until("Token: ")
        shown.type(TOKEN + "\n")
        assert shown.ends() == 0
    assert "mine at local is added" in shown.shown
    assert TOKEN not in shown.shown
    assert TOKEN.encode() not in everything_below(home)
