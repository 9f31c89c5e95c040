"""Which depositories a site has, from its settings, and whose token is used there."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from fakes.clock import FakeClock
from tagstone.adapters.depositories import InvenioSite, SiteDepositories
from tagstone.adapters.folder_depository import FolderDepository
from tagstone.bootstrap import Application
from tagstone.domain.deposits.deposit import Limits
from tagstone.errors import Forbidden, NotFound
from tagstone.settings import DepositorySettings, Settings

CANARY = "canary-0123456789"


def site(**given: object) -> InvenioSite:
    values: dict[str, object] = {
        "url": "http://127.0.0.1:9",
        "owner": "the observatory",
        "limits": Limits(100, empty=False),
        "registered": True,
    }
    return InvenioSite(**(values | given))  # type: ignore[arg-type]


def depositories(tmp_path: Path, **sites: InvenioSite) -> SiteDepositories:
    return SiteDepositories(FolderDepository(tmp_path, "http://127.0.0.1/deposits"), sites, FakeClock())


def test_a_token_is_all_that_zenodo_needs(tmp_path: Path):
    variables = [f"TAGSTONE_DEPOSITORIES__{name}__TOKEN={CANARY}" for name in ("ZENODO", "ZENODO_SANDBOX")]
    (tmp_path / "env").write_text("\n".join(variables))
    application = Application(Settings(home=tmp_path, _site=tmp_path / "env"))
    account = application.depositories.account("zenodo", "zenodo", None)
    assert (account.depository.name, account.registered, account.limits.files) == ("zenodo", True, 100)
    assert not application.depositories.account("zenodo-sandbox", "zenodo-sandbox", None).registered
    policy = application.policy
    assert policy.depositories == ("local", "zenodo", "zenodo-sandbox")
    assert policy.communities == ("zenodo", "zenodo-sandbox")
    assert policy.reviewed == ("zenodo",)
    assert policy.open_depositories == ("local",)
    assert CANARY not in repr(application.settings) + repr(account)


def test_any_other_depository_needs_an_address_with_tls(tmp_path: Path):
    with pytest.raises(ValidationError):
        Settings(home=tmp_path, depositories={"rdm": {}})
    for url in (
        "http://rdm.example.org",
        "https://user@rdm.example.org",
        "ftp://rdm.example.org",
        "https://rdm.example.org/?x",
    ):
        with pytest.raises(ValidationError):
            DepositorySettings(url=url)
    for url in ("https://rdm.example.org", "https://rdm.example.org:8443/rdm", "http://127.0.0.1:5000", "http://localhost"):
        assert DepositorySettings(url=url).url == url


def test_a_projects_own_token_is_used_instead_of_the_sites(tmp_path: Path):
    sites = depositories(tmp_path, rdm=site(token=CANARY))
    assert sites.account("rdm", "rdm", None).owner == "the observatory"
    assert sites.account("rdm", "ada", "other").owner == "the account ada"


def test_a_tokens_file_is_read_anew_each_time(tmp_path: Path):
    file = tmp_path / "token"
    sites = depositories(tmp_path / "local", rdm=site(token_file=file))
    with pytest.raises(Forbidden):
        sites.account("rdm", "rdm", None)
    file.write_text(f"{CANARY}\n")
    assert sites.account("rdm", "rdm", None).name == "rdm"
    file.write_text("")
    with pytest.raises(Forbidden):
        sites.account("rdm", "rdm", None)


def test_an_account_without_a_token_names_the_setting(tmp_path: Path):
    with pytest.raises(Forbidden) as refused:
        depositories(tmp_path, **{"my-rdm": site()}).account("my-rdm", "my-rdm", None)
    assert "TAGSTONE_DEPOSITORIES__MY_RDM__TOKEN" in refused.value.remedy


def test_an_unknown_depository_is_not_found(tmp_path: Path):
    with pytest.raises(NotFound) as missing:
        depositories(tmp_path, rdm=site(token=CANARY)).account("zenodo", "zenodo", None)
    assert "local, rdm" in missing.value.remedy
