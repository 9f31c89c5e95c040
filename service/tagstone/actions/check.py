"""Check a project: find everything that would stop or spoil a publication, all at once and before anything is built."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from tagstone.actions import check_repository
from tagstone.actions.secrets import CODE, in_code
from tagstone.domain.citations import citation as citations
from tagstone.domain.citations.citation import Citation, citation_text, parse_citation
from tagstone.domain.code.finding import judged
from tagstone.domain.code.source import Commit, EntryKind, ProjectIdentity, SourceEntry
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.code.version import version_of
from tagstone.domain.environments import lock as locks
from tagstone.domain.environments.channels import Channels
from tagstone.domain.environments.environment import environment_files, plan_recipe
from tagstone.domain.environments.lock import Lock
from tagstone.domain.environments.rees.found import find_environment_files
from tagstone.domain.forges.remote import is_remote
from tagstone.domain.images.oci import Descriptor, Image, ImageSettings, Platform
from tagstone.domain.manifests import manifest as manifests
from tagstone.domain.manifests.manifest import Manifest, parse_manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.reading.faults import Fault
from tagstone.domain.reading.yaml_text import MAX_BYTES, Document, decode, read_yaml
from tagstone.errors import Conflict, Invalid, NotFound
from tagstone.ports import Forge

_PLAIN = (EntryKind.FILE, EntryKind.EXECUTABLE)
_DESCRIBING = ("", "binder", ".binder")
_SMALL, _MOST = 2**16, 100  # bytes of a file, and files


@dataclass(frozen=True)
class CheckReport:
    """What was found; `manifest` and `citation` are None where theirs cannot be read.

    `citation_text` is a CITATION.cff in any case: the author's, or one made from codemeta.json. `secrets_waived` are the
    findings in the code that the manifest answers for; `environment_from` are the files that say what the environment is.
    """

    project: ProjectIdentity
    commit: Commit
    manifest: Manifest | None
    citation: Citation | None
    faults: tuple[Fault, ...]
    citation_text: str = ""
    entries: tuple[SourceEntry, ...] = ()
    lock: Lock = field(default_factory=Lock)
    secrets_waived: tuple[str, ...] = ()
    environment_from: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Fault, ...]:
        """The faults that stop a publication."""
        return tuple(fault for fault in self.faults if not fault.warning)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """The faults that do not."""
        return tuple(fault for fault in self.faults if fault.warning)


def check(
    forge: Forge, location: str, ref: str | None = None, policy: Policy | None = None, *, effective: str | None = None
) -> CheckReport:
    """Check a tag or branch, or without `ref` the work tree as it is; `effective` is that of `check_commit`.

    Raises:
        NotFound: there is no repository, or no such tag.
        Invalid: the repository itself is broken. What authors wrote never raises: it is in the report.
    """
    project = forge.identify(location)
    if ref is not None:
        commit, version = _resolved(forge, location, ref)
        return check_commit(forge, project, commit, policy or Policy(), version=version, effective=effective)
    commit = forge.snapshot(location)
    report = check_commit(forge, project, commit, policy or Policy(), effective=effective)
    uncommitted = tuple(_uncommitted(forge, project, commit))
    return replace(report, faults=(*report.faults, *uncommitted))


def _resolved(forge: Forge, location: str, ref: str) -> tuple[Commit, str | None]:
    """The commit of a tag with its version, else of a branch, which has none."""
    name = ref.removeprefix("refs/tags/")
    try:
        return forge.resolve(location, f"refs/tags/{name}"), version_of(name)
    except NotFound:
        return forge.resolve(location, ref), None


def check_commit(
    forge: Forge,
    project: ProjectIdentity,
    commit: Commit,
    policy: Policy,
    *,
    version: str | None = None,
    effective: str | None = None,
) -> CheckReport:
    """Check one commit; `version` is what its tag says, None where there is no tag.

    `effective` is the manifest that counts where it is not the repository's own tagstone.yml.
    """
    if is_remote(project.location):
        policy = replace(policy, local_inputs=False)  # this machine's files are not those of people elsewhere
    entries = forge.entries(project.location, commit)
    files = _Files(forge, project, entries, effective)
    manifest, manifest_faults = _manifest(files)
    citation, cff, citation_faults = _citation(files)
    lock, lock_faults = _lock(files)
    faults = [*manifest_faults, *citation_faults, *lock_faults]
    faults += check_repository.tree_faults(entries, policy, files.links())
    if manifest is not None:
        faults += _environment_faults(manifest, files, lock, policy.channels)
        faults += check_repository.manifest_faults(manifest, files.manifest_lines(), entries, policy)
        faults += check_repository.embargo_faults(manifest, files.manifest_lines(), commit)
    if citation is not None:
        faults += check_repository.citation_faults(citation, version, files.licence_text(), files.citation_name())
    # What this site does not take is not read either: it may be endless.
    searched = () if check_repository.too_much(entries, policy) else entries
    secrets, waived = _secrets(forge, project, searched, manifest, files.manifest_lines())
    faults += secrets
    used = environment_files(manifest.environment, files.tree).used if manifest else ()
    return CheckReport(project, commit, manifest, citation, tuple(faults), cff, tuple(entries), lock, waived, used)


def check_citation(content: str | bytes, file: str = citations.FILE) -> tuple[Fault, ...]:
    """The faults of one citation file alone (CodeMeta where its name ends in `.json`)."""
    text, faults = decode(content, file) if isinstance(content, bytes) else (content, ())
    return faults or parse_citation(text, file)[1]


def fix(folder: Path, lock: str) -> bool:
    """Write the offered lock into a work tree, whole or not at all; False when it stands there already.

    Raises:
        Conflict: something that is no plain file is in its place.
    """
    target = folder / locks.FILE
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise Conflict(f"{target} is no plain file.", remedy="Move it away, then ask again.")
    if target.is_file() and target.read_text("utf-8", "replace") == lock:
        return False
    incoming = target.with_name(f".{locks.FILE}.incoming")
    incoming.write_text(lock, "utf-8")
    incoming.replace(target)
    return True


class _Files:
    """The files of one commit, read when they are needed."""

    def __init__(
        self, forge: Forge, project: ProjectIdentity, entries: list[SourceEntry], effective: str | None = None
    ) -> None:
        self._forge = forge
        self._effective = effective
        self._location = project.location
        self._by_path = {entry.path: entry for entry in entries}
        self._near = self._read_near()
        self.tree = Tree(entries, self.read)

    def read(self, path: str) -> bytes:
        """The content of a file, empty when it is larger than any file that describes may be."""
        entry = self._by_path[path]
        if path in self._near:
            return self._near[path]
        return next(iter(self._forge.read(self._location, [entry.object_id]))) if entry.size <= MAX_BYTES else b""

    def _read_near(self) -> dict[str, bytes]:
        """The small files where those that describe are: they are read in one go, since each going takes its time."""
        near = (entry for entry in self._by_path.values() if entry.path.rpartition("/")[0] in _DESCRIBING)
        files = list(islice((entry for entry in near if entry.kind in _PLAIN and entry.size <= _SMALL), _MOST))
        contents = self._forge.read(self._location, [entry.object_id for entry in files])
        return {entry.path: content for entry, content in zip(files, contents, strict=True)}

    def described(self, path: str) -> tuple[str | None, tuple[Fault, ...]]:
        """The text of a file that describes; None when there is none, with a fault when it is there and cannot be read."""
        if path == manifests.FILE and self._effective is not None:
            return self._effective, ()
        entry = self._by_path.get(path)
        if entry is None:
            return None, ()
        if self.tree.file(path) is None:
            return None, (Fault(path, "It is no plain file.", "Put the file itself there, not a link to it."),)
        if entry.size > MAX_BYTES:
            return None, (Fault(path, "The file is larger than 1 MiB.", "Keep data out of it; it only describes."),)
        text, faults = decode(self.read(path), path)
        return (None, faults) if faults else (text, ())

    def manifest_lines(self) -> Document:
        """The manifest with the lines of its values."""
        return read_yaml(self.described(manifests.FILE)[0] or "", manifests.FILE)

    def citation_name(self) -> str:
        """The file that the citation is in."""
        return citations.FILE if citations.FILE in self._by_path else citations.FALLBACK

    def licence_text(self) -> tuple[str, str] | None:
        """Name and text of the licence file at the top, None when there is none."""
        names = sorted(path for path in self._by_path if "/" not in path and path.upper().startswith(("LICEN", "COPYING")))
        for name in names:
            if self.tree.file(name):
                return name, self.read(name)[:10_000].decode("utf-8", "replace")
        return (names[0], "") if names else None

    def links(self) -> Iterator[tuple[SourceEntry, bytes]]:
        """Symbolic links with what they point to."""
        links = [entry for entry in self._by_path.values() if entry.kind == "symlink" and entry.size < 4096]
        return zip(links, self._forge.read(self._location, [entry.object_id for entry in links]), strict=True)


def _manifest(files: _Files) -> tuple[Manifest | None, tuple[Fault, ...]]:
    text, faults = files.described(manifests.FILE)
    if text is not None:
        return parse_manifest(text)
    if faults:
        return None, faults
    near = next((name for name in ("tagstone.yaml", ".tagstone.yml", "Tagstone.yml") if files.tree.file(name)), None)
    remedy = f"Rename {near} to {manifests.FILE}." if near else f"Begin with this:\n{manifests.EXAMPLE}"
    if near is None and find_environment_files(files.tree):
        return parse_manifest(manifests.EMPTY)
    return None, (Fault(manifests.FILE, "There is no manifest.", remedy),)


def _citation(files: _Files) -> tuple[Citation | None, str, tuple[Fault, ...]]:
    """The citation, its text as a CITATION.cff, and its faults."""
    for name in (citations.FILE, citations.FALLBACK):
        text, faults = files.described(name)
        if faults:
            return None, "", faults
        if text is not None:
            citation, faults = parse_citation(text, name)
            if citation is None:
                return None, "", faults
            return citation, text if name == citations.FILE else citation_text(citation), faults
    return None, "", (Fault(citations.FILE, "There is no citation.", f"Begin with this:\n{citations.EXAMPLE}"),)


def _lock(files: _Files) -> tuple[Lock, tuple[Fault, ...]]:
    text, faults = files.described(locks.FILE)
    if text is None:
        return Lock(), faults
    try:
        return locks.parse(text), ()
    except Invalid as error:
        return Lock(), _faults_of(error, locks.FILE)


def _secrets(
    forge: Forge, project: ProjectIdentity, entries: Sequence[SourceEntry], manifest: Manifest | None, lines: Document
) -> tuple[list[Fault], tuple[str, ...]]:
    """What looks like a secret in the code; waivers of such are told when they are for nothing, others are known later."""
    if manifest is None:
        return [], ()
    faults, used = judged(in_code(forge, project, entries), manifest.waived_secrets)
    for number, name in enumerate(manifest.waived_secrets):
        if name.startswith(CODE) and name not in used:
            message, remedy = f"`waived_secrets` names {name[:200]}, which is not found.", "Remove it, or copy the name anew."
            faults.append(Fault(manifests.FILE, message, remedy, lines.line(("waived_secrets", number)), warning=True))
    return faults, used


def _environment_faults(manifest: Manifest, files: _Files, lock: Lock, channels: Channels) -> tuple[Fault, ...]:
    """What the plan of the environment finds: missing files, requirements and Containerfiles that cannot be used."""
    warnings: list[Fault] = []
    try:
        plan_recipe(manifest.environment, files.tree, _some_image, lock, Platform(), channels, warnings)
    except Invalid as error:
        return (*_faults_of(error, manifests.FILE), *warnings)
    return tuple(warnings)


def _faults_of(error: Invalid, file: str) -> tuple[Fault, ...]:
    found = tuple(fault for fault in error.faults if isinstance(fault, Fault))
    return found or (Fault(file, error.message, error.remedy),)


def _some_image(written: str) -> Image:
    """Stands for a base, whose real image is looked up only when it is built."""
    none = "sha256:" + "0" * 64
    return Image(written, none, Descriptor("", none, 0), (), (), ImageSettings())


def _uncommitted(forge: Forge, project: ProjectIdentity, snapshot: Commit) -> Iterator[Fault]:
    try:
        head = forge.resolve(project.location, "HEAD")
    except NotFound:
        head = None
    if head is None or head.tree != snapshot.tree:
        yield Fault(
            project.location,
            "There are changes that are not committed.",
            "Commit them before you tag: only commits are published.",
            warning=True,
        )
