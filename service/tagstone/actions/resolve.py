"""From a commit to what is published of it: manifest and citation judged, code kept as an archive, inputs fetched."""

from collections.abc import Sequence
from pathlib import Path

from tagstone.actions.check import CheckReport, check_commit
from tagstone.actions.code import keep_archive
from tagstone.actions.fetch_inputs import fetch_inputs
from tagstone.domain import manifest as manifests
from tagstone.domain.citation import Citation
from tagstone.domain.faults import raise_faults
from tagstone.domain.manifest import Manifest
from tagstone.domain.policy import Policy
from tagstone.domain.publication import Kind
from tagstone.domain.record import SourceFacts
from tagstone.domain.source import Commit, ProjectIdentity, SourceEntry
from tagstone.domain.version import version_of
from tagstone.errors import Invalid
from tagstone.ports import Forge, Ports


def resolve(ports: Ports, policy: Policy, project: ProjectIdentity, commit: Commit, kind: Kind, scratch: Path) -> SourceFacts:
    """Judge a commit and keep what its publication stands on.

    Raises:
        Invalid: something in the commit would stop the publication; every fault is listed.
        NotFound: repository or commit are gone.
    """
    version = version_of(commit.ref) if kind is Kind.PUBLICATION else None
    report = check_commit(ports.forge, project, commit, policy, version=version)
    manifest, citation = _judged(report)
    text = _text(ports.forge, project.location, report.entries, manifests.FILE)
    archive = keep_archive(ports.forge, ports.storage, project.location, commit, report.entries, scratch)
    return SourceFacts(
        project=project,
        commit=commit,
        tag=commit.ref,
        version=version or citation.version or commit.sha[:12],
        title=citation.title,
        manifest=text,
        citation=report.citation_text,
        archive_key=archive.key,
        archive_size=archive.size,
        archive_sha256=archive.sha256,
        inputs=fetch_inputs(ports.downloads.fetch, ports.storage, manifest.inputs),
        warnings=tuple(str(fault) for fault in report.warnings),
    )


def _judged(report: CheckReport) -> tuple[Manifest, Citation]:
    raise_faults(report.faults, "This commit cannot be published")
    if report.manifest is None or report.citation is None:
        raise Invalid("This commit has no manifest or no citation.", remedy="`tagstone check` says what is missing.")
    return report.manifest, report.citation


def _text(forge: Forge, location: str, entries: Sequence[SourceEntry], path: str) -> str:
    entry = next(entry for entry in entries if entry.path == path)
    return next(iter(forge.read(location, [entry.object_id]))).decode()
