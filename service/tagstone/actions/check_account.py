"""Check where a project's record would go: whose it would be, within which limits, and what the depository would refuse."""

import threading

from tagstone.actions.accounts import Accounts
from tagstone.actions.check import CheckReport
from tagstone.domain.citations.citation import Citation
from tagstone.domain.citations.cited_works import cited_works
from tagstone.domain.citations.citing import metadata_for
from tagstone.domain.code.version import version_of
from tagstone.domain.deposits.deposit import DepositMetadata
from tagstone.domain.deposits.destination import Destination
from tagstone.domain.manifests import manifest as manifests
from tagstone.domain.manifests.manifest import Manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.record import Facts, SourceFacts
from tagstone.domain.reading.faults import Fault
from tagstone.errors import Away, TagstoneError
from tagstone.ports import DepositAccount
from tagstone.store import projects

_SECONDS = 20.0
_NOT_CHECKED = "What needs its answer was not checked: token, licences, community, access"


def check_account(accounts: Accounts, policy: Policy, report: CheckReport, seconds: float = _SECONDS) -> Destination | None:
    """Where the checked commit's record would go; None where its manifest or citation cannot be read, or names no such place.

    A depository that is away, or takes longer than `seconds`, is a warning: what is wrong is never raised, it is in the faults.
    """
    manifest, citation = report.manifest, report.citation
    if manifest is None or citation is None or manifest.deposit.to not in policy.depositories:
        return None
    name, review = manifest.deposit.to, policy.review(manifest.deposit)
    with accounts.sessions.read() as session:
        project = projects.find(session, report.project.key)
    try:
        account = accounts.of_project(project.id if project else None, name)
    except TagstoneError as error:
        return Destination(name, review=review, faults=(Fault(manifests.FILE, error.message, error.remedy),))
    told, asked = _asked(account, name, _metadata(policy, report, manifest, citation), seconds)
    return Destination(name, account.name, account.owner, account.registered, review, account.limits, asked, told)


def _asked(account: DepositAccount, name: str, metadata: DepositMetadata, seconds: float) -> tuple[tuple[Fault, ...], bool]:
    """What the depository says of the metadata, and whether it said anything."""
    answer: list[tuple[str, ...] | Exception] = []

    def ask() -> None:
        try:
            answer.append(account.curation.faults(metadata))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            answer.append(error)

    # A server that is away is asked patiently, for minutes; nobody waits that long to be told of a missing licence.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    said = answer[0] if answer else Away(f"{name} did not answer within {seconds:g} seconds.")
    if isinstance(said, Away):
        remedy = f"{_NOT_CHECKED}. Check again later; a publication waits for it by itself."
        return (Fault(manifests.FILE, said.message, remedy, warning=True),), False
    if isinstance(said, TagstoneError):
        return (Fault(manifests.FILE, said.message, said.remedy),), True
    if isinstance(said, Exception):
        raise said
    return tuple(
        Fault(manifests.FILE, text, f"This is what {name} would refuse: mend it before you tag.") for text in said
    ), True


def _metadata(policy: Policy, report: CheckReport, manifest: Manifest, citation: Citation) -> DepositMetadata:
    """The metadata as far as they are known before anything is built."""
    source = SourceFacts(
        project=report.project,
        commit=report.commit,
        tag=report.commit.ref,
        version=citation.version or version_of(report.commit.ref) or "0",
        title=citation.title,
        manifest="",
        citation=report.citation_text,
        archive_key="",
        archive_size=0,
        archive_sha256="",
    )
    facts = Facts(publication="p0000000000000000", source=source, tagstone="", publisher=policy.publisher)
    works = (*(work.related for work in manifest.related), *cited_works(report.citation_text))
    return metadata_for(facts, citation, works, manifest.deposit)
