"""What is run: the command that README, Makefile or the obvious script says, and which files it stands on."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.proposal.readme import Readme

_INTERPRETERS = {"py": "python3", "R": "Rscript", "r": "Rscript", "sh": "sh", "jl": "julia"}
_PYTHON = re.compile(r"python[0-9.]*")
_PROGRAMS = frozenset({"Rscript", "sh", "bash", "julia", "make", "snakemake", "jupyter", "quarto", "perl", "octave"})
_OBVIOUS = (
    "run_all",
    "run",
    "main",
    "analysis",
    "analyse",
    "analyze",
    "reproduce",
    "pipeline",
    "plot",
    "figures",
    "make_figures",
)
_TARGETS = ("results", "figures", "all", "run", "reproduce")
_ASIDE = re.compile(
    r"(?:^|/)(?:tests?|docs?|build|dist|\.[^/]+|venv|env|node_modules|site-packages)/|(?:^|/)(?:setup|conftest|noxfile)\.py$"
)
_SERVES = re.compile(r"--?(?:help|version)$|^(?:-h|-V)$")


@dataclass(frozen=True)
class Command:
    """The words of a command, why it was chosen, and the file it begins with (None: its own Makefile or the like)."""

    words: tuple[str, ...]
    because: str
    script: str | None
    sure: bool = False


def choose_command(tree: Tree, readme: Readme) -> Command | None:
    """The command that runs the analysis, None where nothing says which."""
    return next(_choices(tree, readme), None)


def notebook_command(path: str) -> tuple[str, ...]:
    """Runs a notebook and keeps it with its results; the times of its cells would differ at each run."""
    return (
        "jupyter", "nbconvert", "--to", "notebook", "--execute", "--ExecutePreprocessor.record_timing=False",
        "--output-dir", "results", path,
    )  # fmt: skip


def scripts(tree: Tree) -> list[str]:
    """The code of a repository that may be its analysis: no tests, documents or packaging; those at the top first."""
    endings = (".py", ".R", ".r", ".sh", ".ipynb", ".Rmd", ".jl")
    found = [entry.path for entry in tree.entries if entry.path.endswith(endings) and tree.file(entry.path)]
    return sorted((path for path in found if not _ASIDE.search(path)), key=lambda path: (path.count("/"), path))


def _choices(tree: Tree, readme: Readme) -> Iterator[Command]:
    for words in readme.commands:
        told = _told(words, tree)
        if told is not None:
            yield told
    made = _made(tree)
    if made is not None:
        yield made
    yield from _obvious(scripts(tree))


def _told(words: Sequence[str], tree: Tree) -> Command | None:
    """A command of the README, when it runs something of this repository."""
    program, rest = words[0], list(words[1:])
    if any(_SERVES.search(word) for word in rest):
        return None
    if program.startswith("./") and tree.file(program[2:]):
        return Command((program, *rest), "the README says so", program[2:], sure=True)
    if program == "make" and tree.file("Makefile") and not {"install", "clean", "test", "docs"} & set(rest):
        return Command(tuple(words), "the README says so", None, sure=True)
    known = program in _PROGRAMS or _PYTHON.fullmatch(program)
    script = next((word for word in rest if tree.file(word.removeprefix("./"))), None)
    if not known or script is None or script.endswith((".txt", ".toml", ".cfg", "setup.py", ".whl")) or "install" in rest:
        return None
    if _PYTHON.fullmatch(program):
        program = "python3"
    if program == "jupyter" and script.endswith(".ipynb") and "nbconvert" not in rest:
        return Command(notebook_command(script), "the README opens this notebook", script)
    return Command((program, *rest), "the README says so", script.removeprefix("./"), sure=True)


def _made(tree: Tree) -> Command | None:
    text = tree.text("Makefile")
    if text is None:
        return None
    targets = re.findall(r"^([A-Za-z0-9_.-]+)\s*:(?!=)", text[:200_000], re.MULTILINE)
    wanted = next((name for name in _TARGETS if name in targets), None)
    return Command(("make", wanted), f"the Makefile has the target {wanted}", None) if wanted else None


def _obvious(paths: Sequence[str]) -> Iterator[Command]:
    """The script whose name says it, else the only one there is; a notebook last."""
    plain = [path for path in paths if not path.endswith((".ipynb", ".Rmd"))]
    for name in _OBVIOUS:
        for path in plain:
            if path.rpartition("/")[2].rpartition(".")[0].lower() == name:
                yield _of_script(path, f"{path} is named for it")
    top = [path for path in plain if "/" not in path]
    for group in (top, plain):
        if len(group) == 1:
            yield _of_script(group[0], f"{group[0]} is the only script")
    notebooks = [path for path in paths if path.endswith(".ipynb")]
    if notebooks:
        because = "it is the only notebook" if len(notebooks) == 1 else f"it is the first of {len(notebooks)} notebooks"
        yield Command(notebook_command(notebooks[0]), because, notebooks[0])


def _of_script(path: str, because: str) -> Command:
    interpreter = _INTERPRETERS.get(path.rpartition(".")[2], "sh")
    return Command((interpreter, path), because, path)
