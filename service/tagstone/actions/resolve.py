"""From a commit to what is published of it: manifest and citation judged, code kept as an archive, inputs fetched."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tagstone.actions.check import CheckReport, check_commit
from tagstone.actions.fetch_inputs import fetch_inputs
from tagstone.domain import manifest as manifests
from tagstone.domain.citation import Citation
from tagstone.domain.faults import raise_faults
from tagstone.domain.manifest import Manifest
from tagstone.domain.policy import Policy
from tagstone.domain.publication import Kind
from tagstone.domain.record import SourceFacts
from tagstone.domain.source import Commit, EntryKind, ProjectIdentity, SourceEntry
from tagstone.domain.version import version_of
from tagstone.errors import Invalid
from tagstone.image.code import CodeFile, code_archive
from tagstone.ports import Forge, Ports, Storage, Stored

_CHUNK = 2**20


def resolve(
    ports: Ports, policy: Policy, project: ProjectIdentity, commit: Commit, kind: Kind, scratch: Path
) -> SourceFacts:
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


def keep_archive(
    forge: Forge, storage: Storage, location: str, commit: Commit, entries: Sequence[SourceEntry], scratch: Path
) -> Stored:
    """Keep the commit's tree as a tar under its own checksum: equal commits, equal bytes."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=scratch) as file:
        code_archive(code_files(forge, location, entries), commit.time, file)
        file.seek(0)
        return storage.keep(iter(lambda: file.read(_CHUNK), b""))


def code_files(forge: Forge, location: str, entries: Sequence[SourceEntry]) -> Iterator[CodeFile]:
    """The files of a tree as archives and layers take them, one in memory at a time."""
    with_content = [entry for entry in entries if entry.kind is not EntryKind.SUBMODULE]
    contents = forge.read(location, (entry.object_id for entry in with_content))
    for entry in entries:
        content = b"" if entry.kind is EntryKind.SUBMODULE else next(contents)
        yield CodeFile(entry.path, entry.kind, content, len(content))


def _judged(report: CheckReport) -> tuple[Manifest, Citation]:
    raise_faults(report.faults, "This commit cannot be published")
    if report.manifest is None or report.citation is None:
        raise Invalid("This commit has no manifest or no citation.", remedy="`tagstone check` says what is missing.")
    return report.manifest, report.citation


def _text(forge: Forge, location: str, entries: Sequence[SourceEntry], path: str) -> str:
    entry = next(entry for entry in entries if entry.path == path)
    return next(iter(forge.read(location, [entry.object_id]))).decode()
