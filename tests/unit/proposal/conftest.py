"""Repositories as a few files, and what is proposed for them."""

from collections.abc import Callable

import pytest

from tagstone.domain.citations.citation import Citation, parse_citation
from tagstone.domain.code.source import EntryKind, SourceEntry
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.manifests.manifest import Manifest, parse_manifest
from tagstone.domain.proposal.people import Contribution
from tagstone.domain.proposal.propose import Proposal, Repository, propose

ADA = Contribution("Ada Lovelace", "ada@example.org", 3)


class Proposed:
    """What was proposed, read as it will be read."""

    def __init__(self, proposal: Proposal) -> None:
        self.proposal = proposal
        self.texts = {file.path: file.text for file in proposal.files}

    @property
    def manifest(self) -> Manifest:
        manifest, faults = parse_manifest(self.texts["tagstone.yml"])
        assert manifest is not None, (faults, self.texts["tagstone.yml"])
        return manifest

    @property
    def citation(self) -> Citation:
        citation, faults = parse_citation(self.texts["CITATION.cff"])
        assert citation is not None, (faults, self.texts["CITATION.cff"])
        return citation

    @property
    def outputs(self) -> list[str]:
        return [output.path for output in self.manifest.outputs.made]

    @property
    def command(self) -> list[str]:
        return list(self.manifest.run.command) if self.manifest.run else []

    @property
    def apt(self) -> list[str]:
        assert self.manifest.environment is not None
        return list(self.manifest.environment.apt)

    def asks(self, word: str) -> bool:
        return any(word in question for question in self.proposal.questions)


def tree_of(files: dict[str, str]) -> Tree:
    entries = [SourceEntry(path, EntryKind.FILE, "0" * 40, len(text)) for path, text in sorted(files.items())]
    return Tree(entries, lambda path: files[path].encode())


@pytest.fixture
def proposed() -> Callable[..., Proposed]:
    """Proposes for these files."""

    def for_files(
        files: dict[str, str],
        history: tuple[Contribution, ...] = (ADA,),
        tags: tuple[str, ...] = (),
        name: str = "the-work",
        url: str | None = None,
    ) -> Proposed:
        repository = Repository(tree_of(files), history, tags, name, url)
        there = [path for path in files if path in ("tagstone.yml", "CITATION.cff", ".gitlab-ci.yml", "requirements.txt")]
        return Proposed(propose(repository, there, "tagstone/tagstone"))

    return for_files
