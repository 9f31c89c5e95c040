"""The whole proposal: which files to write, with what in them, and what only a person can answer."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tagstone.domain.citations import citation as citations
from tagstone.domain.citations.citation import Citation, citation_text
from tagstone.domain.citations.licences import Standing, recognised, standing
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.deposits.deposit import Creator
from tagstone.domain.manifests import manifest as manifests
from tagstone.domain.proposal.command import Command, choose_command, scripts
from tagstone.domain.proposal.described import Described, described
from tagstone.domain.proposal.environment import Needs, propose_environment
from tagstone.domain.proposal.findings import Findings, globs
from tagstone.domain.proposal.other_code import called_programs, named_scripts, read_r, read_shell
from tagstone.domain.proposal.people import Contribution, authors
from tagstone.domain.proposal.python_code import language, read_notebook, read_python
from tagstone.domain.proposal.readme import NAMES, Readme, plain, read_readme
from tagstone.domain.proposal.writing import (
    PIPELINE,
    REQUIREMENTS,
    TEMPLATE,
    manifest_text,
    pipeline_text,
    requirements_text,
)

_MOST_FILES = 200
_GUESS = "results/*"


@dataclass(frozen=True)
class Repository:
    """What there is to read: the files, who committed, tags (newest first), name of the folder, and address (or None)."""

    tree: Tree
    history: tuple[Contribution, ...]
    tags: tuple[str, ...]
    name: str
    url: str | None


@dataclass(frozen=True)
class ProposedFile:
    """One file: its path and text, and what a person should look at."""

    path: str
    text: str
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """Files that are not there yet, those that are and stay, and lines for a pipeline that is there (empty: it has them)."""

    files: tuple[ProposedFile, ...]
    left: tuple[str, ...]
    pipeline: str

    @property
    def questions(self) -> tuple[str, ...]:
        """Everything that a person should look at."""
        return tuple(question for file in self.files for question in file.questions)


def propose(repository: Repository, there: Sequence[str], templates: str) -> Proposal:
    """What a repository needs to be published; files named in `there` are left alone.

    `templates` is the path of the project on GitLab that has the templates.
    """
    tree = repository.tree
    readme = read_readme(next((text for name in NAMES if (text := tree.text(name))), ""))
    wanted = [] if manifests.FILE in there else _environment_and_run(tree, readme, there)
    if citations.FILE not in there:
        wanted.append(_citation(repository, readme, described(tree)))
    wanted.append(ProposedFile(PIPELINE, pipeline_text(templates)))
    lines = ""
    if PIPELINE in there and TEMPLATE not in (tree.text(PIPELINE) or ""):
        lines = pipeline_text(templates)
    new = tuple(file for file in wanted if file.path not in there)
    left = tuple(path for path in (manifests.FILE, citations.FILE, PIPELINE) if path in there)
    return Proposal(new, left, lines)


def _environment_and_run(tree: Tree, readme: Readme, there: Sequence[str]) -> list[ProposedFile]:
    command = choose_command(tree, readme)
    found, needs = _read(tree, command)
    environment = propose_environment(tree, needs)
    outputs = globs(found.writes)
    questions = [*_about_run(command, outputs), *environment.questions]
    notes = {"environment": environment.because, "run": command.because if command else ""}
    words = command.words if command else ()
    if needs.notebook:
        outputs = globs([*found.writes, _GUESS])
    pip = REQUIREMENTS if environment.requirements else None
    text = manifest_text(environment.apt, pip, words, outputs or (_GUESS,), notes)
    files = [ProposedFile(manifests.FILE, text, tuple(questions))]
    if environment.requirements and REQUIREMENTS not in there:
        files.append(ProposedFile(REQUIREMENTS, requirements_text(environment.requirements)))
    return files


def _about_run(command: Command | None, outputs: Sequence[str]) -> list[str]:
    if command is None:
        return ["run: nothing says what is to be run, so that only the environment would be published; add `run` and `outputs`"]
    asked = [] if command.sure else [f"run: is `{' '.join(command.words)}` what makes the results? ({command.because})"]
    if not outputs:
        asked.append(f"outputs: no file was found that the code writes; {_GUESS} is a guess")
    return [*asked, "resources: 1 core, 2 GiB of memory and 1 h are what is always proposed"]


def _read(tree: Tree, command: Command | None) -> tuple[Findings, Needs]:
    """Read the script that is run and what it stands on; without one, all code."""
    every = scripts(tree)
    found, needs = Findings(), Needs(notebook=bool(command and command.words[0] == "jupyter"))
    first = [command.script] if command and command.script else every
    if command is not None:
        needs.programs.add(command.words[0])
        if command.script is None:
            makefile = tree.text("Makefile") or ""
            needs.programs |= called_programs(makefile)
            first = named_scripts(makefile, every) or every
    waiting, seen = list(first), dict.fromkeys(first)
    local = {path.rpartition("/")[2].removesuffix(".py") for path in every} | {
        p for path in every for p in path.split("/")[:-1]
    }
    while waiting and len(seen) <= _MOST_FILES:
        path = waiting.pop(0)
        one, more = _one(path, tree, every, needs)
        found.add(one)
        for other in more:
            if other not in seen:
                seen[other] = None
                waiting.append(other)
    needs.imports = {name for name in needs.imports if name not in sys.stdlib_module_names and name not in local}
    return found, needs


def _one(path: str, tree: Tree, every: Sequence[str], needs: Needs) -> tuple[Findings, list[str]]:
    """What one file has, and which other files of the repository it stands on."""
    text = tree.text(path) or ""
    ending = path.rpartition(".")[2]
    if ending in ("R", "r", "Rmd") or (ending == "ipynb" and language(text) == "r"):
        found = read_r(text)
        needs.r = True
        needs.libraries |= found.imports.keys()
        return found, named_scripts(text, every)
    if ending in ("py", "ipynb"):
        found = read_notebook(text, path) if ending == "ipynb" else read_python(text, path)
        needs.python = True
        needs.imports |= found.imports.keys()
        return found, [other for other in every if _module(other) & found.imports.keys()]
    if ending == "sh":
        needs.programs |= called_programs(text)
        return read_shell(text), named_scripts(text, every)
    return Findings(), []


def _module(path: str) -> set[str]:
    """The names by which a Python file may be imported: its own, or its package's."""
    if not path.endswith(".py"):
        return set()
    *folders, name = path.removesuffix(".py").split("/")
    return {name, *folders[:2]}


def _citation(repository: Repository, readme: Readme, said: Described) -> ProposedFile:
    questions = []
    title = _clean(plain(said.title or readme.title))[:300]
    if not title:
        title = _clean(repository.name.replace("_", " ").replace("-", " "))[:300] or "Untitled"
        questions.append(f"title: {title!r} is only the folder's name")
    people = authors(repository.history, said.people)
    if not people:
        people = (Creator(f"The authors of {title}", organisation=True),)
        questions.append("authors: nobody is known; name at least one person")
    alone = [person.name for person in people if not person.given and not person.organisation]
    if alone:
        questions.append(f"authors: what are the given names of {', '.join(alone[:5])}?")
    nameless = [person.name for person in people if not person.orcid and not person.organisation]
    if nameless:
        questions.append(f"authors: no ORCID is known of {'; '.join(nameless[:5])}{' and others' if len(nameless) > 5 else ''}")
    if len(people) > 1:
        questions.append("authors: all who committed, most commits first; who is an author, and in which order?")
    licence, doubt = _licence(repository.tree, said)
    questions += [doubt] if doubt else []
    made = Citation(
        title=title,
        authors=tuple(_printable(person) for person in people),
        licences=(licence,) if licence else (),
        abstract=_clean(readme.abstract or said.description),
        keywords=tuple(dict.fromkeys(word for word in (_clean(word)[:100] for word in said.keywords[:50]) if word)),
        repository=repository.url,
    )
    version = (
        f"# version: the record takes it from the tag{f' (newest: {_clean(repository.tags[0])})' if repository.tags else ''}\n"
    )
    head = "# Proposed by `tagstone init` from what this repository says: look it through.\n"
    return ProposedFile(citations.FILE, head + version + citation_text(made), tuple(questions))


def _licence(tree: Tree, said: Described) -> tuple[str, str]:
    """An SPDX id, empty where nothing says it, and what is doubtful about it."""
    names = sorted(e.path for e in tree.entries if "/" not in e.path and e.path.upper().startswith(("LICEN", "COPYING")))
    name = next((name for name in names if tree.file(name)), None)
    found = recognised((tree.text(name) or "")[:10_000]) if name else None
    if found is None:
        if said.licence:
            return said.licence, "" if name else "licence: add its text as LICENSE"
        told = f"{name} is none that is known" if name else "there is no licence file, so that nobody may use this"
        return "", f"licence: {told}; add `license: …` (an SPDX id)"
    if said.licence.startswith(found):
        return said.licence, ""
    if found.startswith(("GPL", "LGPL", "AGPL")) and standing(f"{found}-only") is not Standing.UNKNOWN:
        return f"{found}-only", f"licence: {found}-only or {found}-or-later? {name} says only which version"
    return found, ""


def _printable(person: Creator) -> Creator:
    given, family = _clean(person.given or "") or None, _clean(person.family or "") or None
    return replace(person, name=_clean(person.name) or "unknown", given=given, family=family)


def _clean(text: str) -> str:
    kept = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(kept.split())
