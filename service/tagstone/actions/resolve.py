"""From a commit to what is published of it: manifest and citation judged, code kept as an archive, inputs fetched."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tagstone.actions.check import CheckReport, check_commit
from tagstone.actions.code import keep_archive
from tagstone.actions.fetch_inputs import Fetching, fetch_inputs
from tagstone.bundle.swhid import directory_swhid
from tagstone.domain.citations.citation import Citation
from tagstone.domain.code.source import Commit, ProjectIdentity, SourceEntry
from tagstone.domain.code.version import version_of
from tagstone.domain.manifests import manifest as manifests
from tagstone.domain.manifests.manifest import Manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.publication import Kind
from tagstone.domain.publications.record import InputFacts, SourceFacts
from tagstone.domain.reading.faults import Fault, raise_faults
from tagstone.domain.runs.hardware import format_bytes
from tagstone.errors import Invalid
from tagstone.ports import Forge, Ports, Storage


def resolve(
    ports: Ports,
    policy: Policy,
    project: ProjectIdentity,
    commit: Commit,
    kind: Kind,
    scratch: Path,
    tell: Callable[[str], None] = lambda _line: None,
    heed: Callable[[], None] = lambda: None,
    effective: str | None = None,
) -> tuple[SourceFacts, tuple[str, ...]]:
    """Judge a commit and keep what its publication stands on; and the names of findings in the code that were waived.

    `tell` and `heed` are those of `Fetching`. `effective` is the manifest that counts where it is not the repository's own.

    Raises:
        Invalid: something in the commit would stop the publication; every fault is listed.
        NotFound: repository or commit are gone.
    """
    version = version_of(commit.ref) if kind is Kind.PUBLICATION else None
    report = check_commit(ports.forge, project, commit, policy, version=version, effective=effective)
    manifest, citation = _judged(report)
    text = manifest_text(ports.forge, project.location, report.entries) if effective is None else effective
    fetching = Fetching(ports.downloads, ports.storage, ports.clock, scratch, project.location, tell, heed)
    inputs = fetch_inputs(fetching, manifest.inputs, policy)
    archive = keep_archive(ports.forge, ports.storage, project.location, commit, report.entries, scratch)
    source = SourceFacts(
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
        swhid=_swhid(ports.storage, archive.key),
        inputs=inputs,
        warnings=tuple(str(fault) for fault in (*report.warnings, *_left_out(inputs, policy))),
    )
    return source, report.secrets_waived


def _left_out(inputs: Sequence[InputFacts], policy: Policy) -> Iterator[Fault]:
    """Inputs that might be copied but are too large: only after they were fetched is it known."""
    for item in inputs:
        if item.doi is None and item.licence is not None and not item.copied:
            most = format_bytes(policy.copied_input_bytes)
            message = f"The input {item.path} has {format_bytes(item.size)} and is not copied: this site copies up to {most}."
            yield Fault(manifests.FILE, message, "Deposit it by itself and name its DOI.", warning=True)


def _judged(report: CheckReport) -> tuple[Manifest, Citation]:
    raise_faults(report.faults, "This commit cannot be published")
    if report.manifest is None or report.citation is None:
        raise Invalid("This commit has no manifest or no citation.", remedy="`tagstone check` says what is missing.")
    return report.manifest, report.citation


def _swhid(storage: Storage, key: str) -> str:
    with storage.open(key) as archive:
        return directory_swhid(archive)


def manifest_text(forge: Forge, location: str, entries: Sequence[SourceEntry]) -> str:
    """The manifest as it was written; an empty one where the repository has none."""
    entry = next((entry for entry in entries if entry.path == manifests.FILE), None)
    return next(iter(forge.read(location, [entry.object_id]))).decode() if entry else manifests.EMPTY
