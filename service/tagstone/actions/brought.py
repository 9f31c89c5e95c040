"""Results that were made elsewhere and that the commit or its inputs bring: archived, and never said to have been run."""

from collections.abc import Iterable, Sequence

from tagstone.domain.code.source import EntryKind, SourceEntry
from tagstone.domain.manifests.manifest import Manifest
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.record import InputFacts, SourceFacts
from tagstone.domain.reading.globs import means
from tagstone.domain.runs.hardware import format_bytes
from tagstone.domain.runs.run import OutputFile
from tagstone.errors import Invalid
from tagstone.ports import Forge, Storage

_PLAIN = (EntryKind.FILE, EntryKind.EXECUTABLE)


def keep_brought(
    forge: Forge, storage: Storage, manifest: Manifest, source: SourceFacts, made: Sequence[OutputFile], policy: Policy
) -> tuple[OutputFile, ...]:
    """The brought outputs in storage, sorted by path; an input takes the place of the repository's file.

    Raises:
        Invalid: a glob means nothing, the same file was made by the run, or there are too many or too large ones.
    """
    patterns = [rule.path for rule in manifest.outputs.brought]
    if not patterns:
        return ()
    found = {item.path: _given(item) for item in source.inputs if _meant(item.path, patterns)}
    entries = forge.entries(source.project.location, source.commit)
    files = [entry for entry in entries if entry.kind in _PLAIN and entry.path not in found and _meant(entry.path, patterns)]
    _refuse_too_much(files, [*found.values(), *made], policy)
    contents = forge.read(source.project.location, [entry.object_id for entry in files])
    for entry, content in zip(files, contents, strict=True):
        kept = storage.keep([content])
        found[entry.path] = OutputFile(entry.path, kept.size, kept.sha256, kept.key, brought=True)
    _refuse_gaps(patterns, found, made)
    return tuple(found[path] for path in sorted(found))


def _meant(path: str, patterns: Iterable[str]) -> bool:
    return any(means(path, pattern) for pattern in patterns)


def _given(item: InputFacts) -> OutputFile:
    return OutputFile(item.path, item.size, item.sha256, item.storage_key, brought=True)


def _refuse_too_much(files: Sequence[SourceEntry], others: Sequence[OutputFile], policy: Policy) -> None:
    count = len(files) + len(others)
    total = sum(entry.size for entry in files) + sum(file.size for file in others)
    if count > policy.output_files:
        raise Invalid(
            f"There are {count} outputs; this site takes {policy.output_files}.", remedy="Name fewer, or pack them together."
        )
    if total > policy.output_bytes:
        raise Invalid(
            f"The outputs have {format_bytes(total)}; this site takes {format_bytes(policy.output_bytes)}.",
            remedy="Name fewer in `outputs`, or deposit the large ones by themselves.",
        )


def _refuse_gaps(patterns: Sequence[str], found: dict[str, OutputFile], made: Sequence[OutputFile]) -> None:
    for pattern in patterns:
        if not any(means(path, pattern) for path in found):
            raise Invalid(
                f"No file of the repository or of the inputs matches {pattern!r}.", remedy="Correct `outputs: brought`."
            )
    both = next(iter(sorted(found.keys() & {file.path for file in made})), None)
    if both is not None:
        raise Invalid(
            f"{both[:200]} is brought, and the run makes it too.",
            remedy="Name it in one of `made` and `brought`, or let the run write elsewhere.",
        )
