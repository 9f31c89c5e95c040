"""check says who would own the DOI, and all that the depository would refuse; it never waits long for an answer."""

import threading
from dataclasses import dataclass, replace

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository, OneDepository
from tagstone.actions.check import check as examine
from tagstone.actions.check_account import check_account
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.publications.policy import Policy
from tagstone.errors import Away, Forbidden
from tagstone.ports import DepositAccount

MANIFEST = "environment: {base: 'debian:bookworm'}\nrun: {command: [python3, analysis.py]}\noutputs: ['*.png']\ndeposit: {to: zenodo}\n"
LIMITS = Limits(100, 50 * 2**30, 20 * 2**30, empty=False)


@dataclass
class Zenodo:
    """Depositories of which one says what it is told to, or nothing at all."""

    told: tuple[str, ...] | Exception = ()
    silent: threading.Event | None = None
    described: object = None

    def account(self, depository: str, name: str, token: str | None) -> DepositAccount:
        account = OneDepository(FakeDepository(), LIMITS, registered=True).account(depository, name, token)
        return replace(account, owner="The Wobble Team", curation=_Curation(self))


class _Curation(FakeDepository):
    def __init__(self, zenodo: Zenodo) -> None:
        super().__init__()
        self._zenodo = zenodo

    def faults(self, metadata: object) -> tuple[str, ...]:
        self._zenodo.described = metadata
        if self._zenodo.silent is not None:
            self._zenodo.silent.wait(10)
        if isinstance(self._zenodo.told, Exception):
            raise self._zenodo.told
        return self._zenodo.told


@pytest.fixture
def zenodo(tagstone):
    made = Zenodo()
    tagstone.application.__dict__["depositories"] = made
    policy = Policy(depositories=("local", "zenodo"), reviewed=("zenodo",))
    tagstone.application.__class__ = type("Site", (type(tagstone.application),), {"policy": policy})
    return made


@pytest.fixture
def project(tmp_path, repository):
    folder = tmp_path / "wobble"
    (folder / "tagstone.yml").write_text(MANIFEST)
    (folder / "CITATION.cff").write_text(recorded.CITATION)
    return str(folder)


@pytest.fixture
def bound(tagstone, zenodo, project):
    assert tagstone("bind", project, "zenodo").exit_code == 0
    return project


def test_it_says_who_will_own_the_doi_and_which_limits_matter(tagstone, bound):
    done = tagstone("check", bound)
    assert done.exit_code == 0
    assert "deposit at zenodo, with a DOI that is registered for ever; its owner is The Wobble Team" in done.stdout
    assert "at most 100 files, 50 GiB together, 20 GiB each" in done.stdout
    assert "a person approves before the release" in done.stdout


def test_programs_are_told_the_same(tagstone, bound):
    told = tagstone.json("check", bound)["deposit"]
    assert (told["depository"], told["owner"], told["registered"], told["review"], told["asked"]) == (
        "zenodo", "The Wobble Team", True, True, True,
    )  # fmt: skip
    assert told["limits"]["files"] == 100


def test_a_project_that_nobody_bound_is_a_fault_with_who_can_mend_it(tagstone, zenodo, project):
    done = tagstone("check", project)
    assert done.exit_code == 3
    assert "No curator has bound this project to an account at zenodo." in done.stdout
    assert "tagstone bind PROJECT ACCOUNT" in done.stdout


def test_everything_that_the_depository_would_refuse_is_a_fault(tagstone, zenodo, bound):
    zenodo.told = ("There is no community wobblers.", "There is no licence mitt.")
    done = tagstone("check", bound)
    assert done.exit_code == 3
    assert "There is no community wobblers." in done.stdout
    assert "There is no licence mitt." in done.stdout


def test_the_depository_is_asked_about_the_record_as_far_as_it_is_known(tagstone, zenodo, bound):
    tagstone("check", bound)
    assert (zenodo.described.title, zenodo.described.licences) == ("Wobble", ("MIT",))


def test_offline_is_a_warning_that_says_what_was_not_checked(tagstone, zenodo, bound):
    zenodo.told = Away("zenodo cannot be reached.")
    done = tagstone("check", bound)
    assert done.exit_code == 0
    assert "warning: tagstone.yml: zenodo cannot be reached." in done.stdout
    assert "was not checked: token, licences, community, access" in done.stdout
    assert tagstone.json("check", bound)["deposit"]["asked"] is False


def test_a_token_that_is_refused_is_a_fault(tagstone, zenodo, bound):
    zenodo.told = Forbidden("zenodo does not take the token.", remedy="Make a new one.")
    assert tagstone("check", bound).exit_code == 3


def test_a_server_that_says_nothing_is_not_waited_for(tagstone, zenodo, bound):
    zenodo.silent = threading.Event()
    application = tagstone.application
    report = examine(application.forge, bound, None, application.policy)
    going = check_account(application.accounts, application.policy, report, seconds=0.05)
    zenodo.silent.set()
    assert going is not None
    assert [(fault.message, fault.warning) for fault in going.faults] == [("zenodo did not answer within 0.05 seconds.", True)]


def test_an_unknown_depository_is_told_once_with_those_there_are(tagstone, zenodo, project, tmp_path):
    (tmp_path / "wobble" / "tagstone.yml").write_text(MANIFEST.replace("zenodo", "zenudo"))
    done = tagstone("check", project)
    assert done.exit_code == 3
    assert done.stdout.count("This site has no depository 'zenudo'.") == 1
    assert "Did you mean zenodo?" in done.stdout


def test_the_local_depository_belongs_to_the_installation(tagstone, project, tmp_path):
    (tmp_path / "wobble" / "tagstone.yml").write_text(MANIFEST.replace("deposit: {to: zenodo}\n", ""))
    assert (
        "deposit at local, with a test identifier, not registered; its owner is this installation"
        in tagstone("check", project).stdout
    )
