"""An account at a real InvenioRDM on this machine, with Zenodo's limits."""

from pathlib import Path

from fakes.clock import FakeClock
from tagstone.adapters.depositories import InvenioSite, SiteDepositories
from tagstone.adapters.folder_depository import FolderDepository
from tagstone.domain.deposits.deposit import Limits
from tagstone.ports import DepositAccount

LIMITS = Limits(files=100, bytes=50 * 10**9, file_bytes=50 * 10**9, empty=False)


def account(url: str, token: str) -> DepositAccount:
    """The account that a token is of."""
    site = InvenioSite(url, "the benchmark", LIMITS, registered=False, token=token)
    return SiteDepositories(FolderDepository(Path("unused"), url), {"rdm": site}, FakeClock()).account("rdm", "rdm", None)
