"""Propose what a repository needs to be published, and write it beside what is there; nothing is ever written over."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tagstone.domain.citations import citation
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.manifests import manifest
from tagstone.domain.proposal.propose import Proposal, ProposedFile, Repository, propose
from tagstone.domain.proposal.writing import PIPELINE, REQUIREMENTS
from tagstone.domain.reading.yaml_text import MAX_BYTES
from tagstone.errors import Forbidden
from tagstone.ports import Forge, History

_WRITTEN = (manifest.FILE, citation.FILE, PIPELINE, REQUIREMENTS)


@dataclass(frozen=True)
class Proposed:
    """A proposal, and the project that it is for."""

    project: ProjectIdentity
    proposal: Proposal


def propose_for(forge: Forge, history: History, location: str, templates: str) -> Proposed:
    """Read the work tree at `location`, and propose; its code is parsed, never run.

    Raises:
        NotFound: there is no repository.
        Invalid: it is bare, or has no commit yet.
    """
    project = forge.identify(location)
    entries = forge.entries(project.location, forge.snapshot(project.location))
    sizes = {entry.path: entry for entry in entries}

    def read(path: str) -> bytes:
        entry = sizes[path]
        return next(iter(forge.read(project.location, [entry.object_id]))) if entry.size <= MAX_BYTES else b""

    contributions, tags = history.contributions(project.location), history.tags(project.location)
    name = Path(project.location).name
    repository = Repository(Tree(entries, read), contributions, tags, name, project.url)
    there = [path for path in _WRITTEN if os.path.lexists(Path(project.location) / path)]
    return Proposed(project, propose(repository, there, templates))


def write(folder: Path, files: tuple[ProposedFile, ...]) -> tuple[str, ...]:
    """Write the files that are still not there, each whole or not at all; the paths that were written.

    Raises:
        Forbidden: the folder cannot be written to.
    """
    written = []
    for file in files:
        try:
            if _write_new(folder / file.path, file.text):
                written.append(file.path)
        except OSError as error:
            raise Forbidden(
                f"{folder / file.path} cannot be written: {error.strerror}.", remedy="Look at the folder's rights."
            ) from None
    return tuple(written)


def _write_new(target: Path, text: str) -> bool:
    """Make the file under another name first: a link takes its place at once, and never that of something else."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, prefix=f".{target.name}.") as incoming:
        incoming.write(text)
        incoming.flush()
        Path(incoming.name).chmod(0o644)
        try:
            os.link(incoming.name, target)
        except FileExistsError:
            return False
    return True
