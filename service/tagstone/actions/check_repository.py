"""What a commit's tree says about manifest and citation: one small function for each thing that may be wrong."""

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from tagstone.domain.citations.citation import Citation
from tagstone.domain.citations.licences import recognised
from tagstone.domain.code.source import Commit, EntryKind, SourceEntry
from tagstone.domain.code.version import version_of
from tagstone.domain.deposits import packing
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.manifests import manifest as manifests
from tagstone.domain.manifests.manifest import Manifest, command_line
from tagstone.domain.publications.policy import Policy
from tagstone.domain.reading.faults import Fault
from tagstone.domain.reading.globs import matches, means
from tagstone.domain.reading.nearest import nearest_names
from tagstone.domain.reading.yaml_text import Document
from tagstone.domain.runs.hardware import format_bytes
from tagstone.domain.runs.matrix import combinations

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SCRIPT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*\.(?:py|sh|R|r|jl|ipynb|pl|lua|m)")
_SHOWN = 20
_ELSEWHERE = "Keep large data elsewhere and name it in `inputs`."


def tree_faults(entries: Sequence[SourceEntry], policy: Policy, links: Iterable[tuple[SourceEntry, bytes]]) -> list[Fault]:
    """Sizes, names, submodules and links of a tree; `links` are its symbolic links with what they point to."""
    kinds = (_sizes(entries, policy), _names(entries), _alike(entries), _submodules(entries), _links(links))
    return [fault for kind in kinds for fault in _shortened(kind)]


def too_much(entries: Sequence[SourceEntry], policy: Policy) -> bool:
    """Say whether a tree has more files or bytes than the site takes."""
    return len(entries) > policy.code_files or sum(entry.size for entry in entries) > policy.code_bytes


def manifest_faults(manifest: Manifest, lines: Document, entries: Sequence[SourceEntry], policy: Policy) -> list[Fault]:
    """What the manifest asks for against what is in the tree and what the site allows."""
    paths = {entry.path: entry for entry in entries}
    return [
        *_site(manifest, lines, policy),
        *_access(manifest, lines, policy),
        *_shortened(_pointers(manifest, entries)),
        *_inputs(manifest, lines, policy),
        *_laid_over(manifest, lines, paths),
        *_brought(manifest, lines, entries),
        *_deposited(manifest, lines, entries, policy),
        *_old_outputs(manifest, lines, entries),
        *_scripts(manifest, lines, paths),
    ]


def citation_faults(citation: Citation, version: str | None, licence: tuple[str, str] | None, file: str) -> list[Fault]:
    """The citation against the tag's version and the licence file (its name and text)."""
    return [*_licence(citation, licence, file), *_version(citation, version, file)]


def _shortened(faults: Iterator[Fault]) -> list[Fault]:
    """The first faults of a kind: a hundred alike help nobody."""
    shown = list(islice(faults, _SHOWN))
    more = sum(1 for _ in faults)
    if more:
        last = shown[-1]
        shown.append(Fault(last.file, f"The same holds for {more} more paths.", last.remedy, warning=last.warning))
    return shown


def _sizes(entries: Sequence[SourceEntry], policy: Policy) -> Iterator[Fault]:
    total = sum(entry.size for entry in entries)
    if len(entries) > policy.code_files:
        message = f"The commit has {len(entries)} files; this site takes {policy.code_files}."
        yield Fault(".", message, "Remove files that the analysis does not need.")
    if total > policy.code_bytes:
        message = f"The commit has {format_bytes(total)}; this site takes {format_bytes(policy.code_bytes)}."
        yield Fault(".", message, _ELSEWHERE)
    for entry in entries:
        if entry.size > policy.code_file_bytes:
            message = f"The file has {format_bytes(entry.size)}; this site takes {format_bytes(policy.code_file_bytes)}."
            yield Fault(entry.path, message, _ELSEWHERE)


def _names(entries: Sequence[SourceEntry]) -> Iterator[Fault]:
    for entry in entries:
        if _UNPRINTABLE.search(entry.path):
            yield Fault(ascii(entry.path[:200]), "The name is not UTF-8 or has control characters.", "Rename the file.")


def _alike(entries: Sequence[SourceEntry]) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for entry in entries:
        other = seen.setdefault(unicodedata.normalize("NFC", entry.path).casefold(), entry.path)
        if other != entry.path:
            message = f"The file and {ascii(other)[:200]} have the same name on some systems."
            yield Fault(ascii(entry.path)[:200], message, "Rename one: macOS and Windows would lose the other.", warning=True)


def _submodules(entries: Sequence[SourceEntry]) -> Iterator[Fault]:
    for entry in entries:
        if entry.kind is EntryKind.SUBMODULE:
            remedy = "The archive and the run see an empty folder: copy what is needed, or install it in the environment."
            yield Fault(entry.path, "This is a submodule; its files are not in the commit.", remedy, warning=True)


def _links(links: Iterable[tuple[SourceEntry, bytes]]) -> Iterator[Fault]:
    for entry, raw in links:
        target = raw.decode("utf-8", "replace")
        reached = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), target))
        if target.startswith("/") or reached == ".." or reached.startswith("../"):
            message = f"The link points out of the repository, to {target[:200]!r}."
            yield Fault(entry.path, message, "Put the file itself there.", warning=True)


def _pointers(manifest: Manifest, entries: Sequence[SourceEntry]) -> Iterator[Fault]:
    laid = {item.to for item in manifest.inputs}
    for entry in entries:
        if entry.lfs and entry.path not in laid:
            remedy = "Name the file in `inputs`, or bring it into Git: `git lfs migrate export --include=PATH`."
            yield Fault(entry.path, "This is a Git LFS pointer; the run would read the pointer, not the data.", remedy)


def _site(manifest: Manifest, lines: Document, policy: Policy) -> Iterator[Fault]:
    if manifest.deposit.to not in policy.depositories:
        near = nearest_names(manifest.deposit.to, policy.depositories, 1)
        remedy = f"Did you mean {near[0]}?" if near else f"This site has: {', '.join(policy.depositories)}."
        line = lines.line(("deposit", "to"))
        yield Fault(manifests.FILE, f"This site has no depository {manifest.deposit.to!r}.", remedy, line)
    elif manifest.deposit.community and manifest.deposit.to not in policy.communities:
        message = f"The depository {manifest.deposit.to!r} knows no community."
        yield Fault(manifests.FILE, message, "Remove `community`.", lines.line(("deposit", "community")))
    for excess in policy.run_excesses(manifest.run) if manifest.run else ():
        key, _, said = excess.partition(":")
        message = f"{key.removeprefix('resources.')}:{said}."
        line = lines.line(("run", *key.split(".")))
        yield Fault(manifests.FILE, message, "Ask for less, or ask those who run this site.", line)
    misplaced = policy.misplaced(manifest.run.resources) if manifest.run else None
    if misplaced is not None and manifest.run is not None:
        key = "profile" if manifest.run.hardware.profile else "gpu_type"
        yield Fault(manifests.FILE, misplaced.message, misplaced.remedy, lines.line(("run", "resources", key)))


def _access(manifest: Manifest, lines: Document, policy: Policy) -> Iterator[Fault]:
    deposit = manifest.deposit
    if deposit.access == "restricted" and deposit.to in policy.depositories and deposit.to not in policy.restricted:
        message = f"The depository {deposit.to!r} takes no restricted records."
        remedy = "Write `access: embargoed` with the day that opens the files, or leave `access` out."
        yield Fault(manifests.FILE, message, remedy, lines.line(("deposit", "access")))


def embargo_faults(manifest: Manifest, lines: Document, commit: Commit) -> list[Fault]:
    """An embargo that had ended when the commit was made (UTC)."""
    ends, made = manifest.deposit.embargo, datetime.fromtimestamp(commit.time, UTC).date().isoformat()
    if ends is None or ends > made:
        return []
    message = f"The embargo ends on {ends}, the commit is of {made}: the files would be open at once."
    return [Fault(manifests.FILE, message, "Write a later day, or `access: open`.", lines.line(("deposit", "embargo")))]


def _inputs(manifest: Manifest, lines: Document, policy: Policy) -> Iterator[Fault]:
    for number, item in enumerate(manifest.inputs):
        line = lines.line(("inputs", number))
        if item.local and not policy.local_inputs:
            message = f"The input {item.to} is a file of somebody's machine; this site fetches none."
            yield Fault(manifests.FILE, message, "Put it where everybody can fetch it: name an https address or a DOI.", line)
        elif item.sha256 is None:
            message = f"The input {item.to} has no sha256: nobody could tell whether it is still the same file."
            yield Fault(manifests.FILE, message, "`tagstone check --fix` fetches it and writes the sha256 here.", line)
        if item.doi is None and item.licence is None:
            message = f"Not re-runnable from the deposit alone: the input {item.to} has no DOI and is not copied."
            remedy = "Write `licence: …` if you may share it, so that it is copied; or deposit the file and name its DOI."
            yield Fault(manifests.FILE, message, remedy, line, warning=True)


def _brought(manifest: Manifest, lines: Document, entries: Sequence[SourceEntry]) -> Iterator[Fault]:
    paths = [entry.path for entry in entries if entry.kind in (EntryKind.FILE, EntryKind.EXECUTABLE)]
    paths += [item.to for item in manifest.inputs]
    for number, rule in enumerate(manifest.outputs.brought):
        pattern = rule.path
        if any(means(path, pattern) for path in paths):
            continue
        near = nearest_names(pattern, [entry.path for entry in entries], 1)
        remedy = f"Did you mean {near[0]}?" if near else "Commit the files, or name them in `inputs`; links are not followed."
        message = f"No file of the repository or of the inputs matches {pattern!r}, which is to be brought."
        yield Fault(manifests.FILE, message, remedy, lines.line(("outputs", "brought", number)))


def _deposited(manifest: Manifest, lines: Document, entries: Sequence[SourceEntry], policy: Policy) -> Iterator[Fault]:
    """Code and brought files against what the depository takes: image and outputs are not there yet."""
    limits = policy.limits.get(manifest.deposit.to, Limits())
    brought = [rule.path for rule in manifest.outputs.brought]
    parts = [packing.Part("code.tar", sum(entry.size for entry in entries))]
    parts += [
        packing.Part(f"brought/{entry.path}", entry.size)
        for entry in entries
        if any(means(entry.path, path) for path in brought)
    ]
    error = packing.excess(parts, limits)
    if error is not None:
        yield Fault(manifests.FILE, error.message, error.remedy, lines.line(("deposit", "to")))


def _laid_over(manifest: Manifest, lines: Document, paths: dict[str, SourceEntry]) -> Iterator[Fault]:
    for number, item in enumerate(manifest.inputs):
        if item.to in paths and not paths[item.to].lfs:
            line = lines.line(("inputs", number, "to"))
            message = f"The input takes the place of {item.to} of the repository."
            yield Fault(manifests.FILE, message, "Give it another path, or remove the file.", line, warning=True)


def _old_outputs(manifest: Manifest, lines: Document, entries: Sequence[SourceEntry]) -> Iterator[Fault]:
    for number, rule in enumerate(manifest.outputs.made):
        pattern = rule.path
        found = next((entry.path for entry in entries if matches(entry.path, [pattern])), None)
        if found:
            line = lines.line(("outputs", number))
            message = f"{pattern} also takes files of the repository, such as {found}."
            remedy = "Remove them from Git, or write to another folder: old results would pass for new ones."
            yield Fault(manifests.FILE, message, remedy, line, warning=True)


def _scripts(manifest: Manifest, lines: Document, paths: dict[str, SourceEntry]) -> Iterator[Fault]:
    laid = {item.to for item in manifest.inputs}
    several = combinations(manifest.run.matrix) if manifest.run else ()
    commands = [command_line(manifest, one) for one in several] or [command_line(manifest)]
    for number, part in dict.fromkeys(named for command in commands for named in enumerate(command)):
        plain = part.removeprefix("./")
        if _SCRIPT.fullmatch(plain) and plain not in paths and plain not in laid:
            near = nearest_names(plain, paths, 1)
            remedy = f"Did you mean {near[0]}?" if near else "Add it to the repository, unless the image brings it."
            line = lines.line(("run", "command", number))
            yield Fault(manifests.FILE, f"The command names {plain}, which is not in the commit.", remedy, line, warning=True)


def _licence(citation: Citation, licence: tuple[str, str] | None, file: str) -> Iterator[Fault]:
    if licence is None:
        remedy = "Add the licence's text as LICENSE, so that others know what they may do."
        yield Fault(".", "There is no licence file.", remedy, warning=True)
    found = recognised(licence[1]) if licence else None
    if not citation.licences:
        remedy = f"Add `license: {found or 'MIT'}`: a record without one may not be used by anybody."
        yield Fault(file, "The citation names no licence.", remedy, warning=True)
    elif licence and found and not any(name.startswith(found) for name in citation.licences):
        message = f"The citation says {', '.join(citation.licences)}, but {licence[0]} is {found}."
        yield Fault(file, message, "Make both say the same.", warning=True)


def _version(citation: Citation, version: str | None, file: str) -> Iterator[Fault]:
    if version is not None and citation.version is not None and version_of(citation.version) != version:
        message = f"The citation says version {citation.version[:60]}, the tag {version[:60]}."
        yield Fault(file, message, "Correct `version`, or remove it: the record takes the tag's.", warning=True)
