"""Which of a repository's files say what its environment is, and which are not looked at.

The rules are repo2docker's (https://repo2docker.readthedocs.io/en/latest/configuration/): a folder `binder` or `.binder`
replaces the top of the repository, a Containerfile says all by itself, conda's file replaces pip's, everything else adds up.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.reading.faults import Fault

FOLDERS = ("binder", ".binder")
CONTAINERFILES = ("Containerfile", "Dockerfile")
CONDA = "environment.yml"
PIPFILES = ("Pipfile.lock", "Pipfile")
REQUIREMENTS = "requirements.txt"
PROJECTS = ("pyproject.toml", "setup.py")
JULIA = ("JuliaProject.toml", "Project.toml")
INSTALL_R, DESCRIPTION = "install.R", "DESCRIPTION"
APT, RUNTIME, POST_BUILD, START = "apt.txt", "runtime.txt", "postBuild", "start"

_ANYWHERE = (*CONTAINERFILES, CONDA, *PIPFILES, REQUIREMENTS, *JULIA, INSTALL_R, APT, RUNTIME, POST_BUILD, START)
_TOP_ONLY = (*PROJECTS, DESCRIPTION)
_BESIDE = ("Manifest.toml", "JuliaManifest.toml")
# Not read by repo2docker either, but easily taken for one that is; and what only Nix could build.
_MISTAKEN = {
    "environment.yaml": "only environment.yml is read: rename it",
    "requirements3.txt": "it belongs to Python 2, which is gone",
    "REQUIRE": "it belongs to Julia before 1.0: write a Project.toml",
    "default.nix": "Nix environments cannot be built here: write a Containerfile",
}


@dataclass(frozen=True)
class Overlooked:
    """A file that could say something about the environment and is not looked at; `why` completes "… is not looked at: …"."""

    path: str
    why: str


@dataclass(frozen=True)
class EnvironmentFiles:
    """The files that say what the environment is. `folder` is empty, `binder` or `.binder`; `used` are paths, sorted.

    `faults` are for a person to mend; warnings among them name what is overlooked. `links` say which of `used` are symbolic
    links, and to which file of the repository.
    """

    folder: str = ""
    used: tuple[str, ...] = ()
    overlooked: tuple[Overlooked, ...] = ()
    faults: tuple[Fault, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.used)

    def path(self, *names: str) -> str | None:
        """Where the first of these files is that counts (for a link: what it leads to), None when none of them does."""
        found = next((path for name in names for path in self.used if path.rpartition("/")[2] == name), None)
        return found and dict(self.links).get(found, found)


def find_environment_files(tree: Tree) -> EnvironmentFiles:
    """Find the files of a repository that say what its environment is; without any, the answer is false."""
    folders = [folder for folder in FOLDERS if _present(tree, folder, _ANYWHERE)]
    if len(folders) > 1:
        return EnvironmentFiles(faults=(_two_folders(),))
    folder = folders[0] if folders else ""
    names = _ANYWHERE if folder else (*_ANYWHERE, *_TOP_ONLY)
    here = _present(tree, folder, names)
    counting, overlooked = _counting(here, tree)
    used = tuple(sorted(_at(folder, name) for name in counting))
    overlooked = [Overlooked(_at(folder, one.path), one.why) for one in overlooked]
    if folder:
        top = _present(tree, "", (*_ANYWHERE, *_TOP_ONLY))
        overlooked += [Overlooked(name, f"where there is a folder {folder}, only that counts") for name in top]
    overlooked += [Overlooked(_at(folder, name), why) for name, why in _MISTAKEN.items() if tree.file(_at(folder, name))]
    links = tuple((path, place) for path in used if (place := _led_to(tree, path)))
    return EnvironmentFiles(folder, used, tuple(overlooked), (*_lost(tree, folder, names), *_warnings(used, overlooked)), links)


def _present(tree: Tree, folder: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if tree.file(path := _at(folder, name)) or _led_to(tree, path)]


def _led_to(tree: Tree, path: str) -> str | None:
    """The plain file that a link at `path` leads to, None when there is no such link or no such file."""
    place = tree.linked(path)
    return place if place and tree.file(place) else None


def _lost(tree: Tree, folder: str, names: Sequence[str]) -> list[Fault]:
    """Files that would count, but are nothing that could be read."""
    return [
        Fault(path, "It is no plain file, and no link to one in the repository.", "Put the file itself there.")
        for name in names
        if "." in name and tree.has(path := _at(folder, name)) and not tree.file(path) and not _led_to(tree, path)
    ]


def _at(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _counting(here: Sequence[str], tree: Tree) -> tuple[list[str], list[Overlooked]]:
    """The names that count among those that are there, and the others with the reason."""
    for whole in CONTAINERFILES:
        if whole in here:
            why = f"{whole} says all by itself"
            return [whole], [Overlooked(name, why) for name in here if name != whole]
    hidden: dict[str, str] = {}
    if CONDA in here:
        hidden |= dict.fromkeys((*PIPFILES, REQUIREMENTS, *PROJECTS), f"{CONDA} counts instead: name its packages there")
    lock = next((name for name in PIPFILES if name in here and name not in hidden), None)
    if lock:
        hidden |= dict.fromkeys((*PIPFILES, REQUIREMENTS), f"{lock} counts instead")
        hidden.pop(lock)
    if JULIA[0] in here:
        hidden[JULIA[1]] = f"{JULIA[0]} counts instead"
    kept = [name for name in here if name not in hidden]
    if PROJECTS[0] in kept and not _is_project(tree):
        kept.remove(PROJECTS[0])  # it only sets up tools: nothing of the environment is lost
    if PROJECTS[0] in kept and PROJECTS[1] in kept:
        kept.remove(PROJECTS[1])  # pip reads both as one project
    return kept, [Overlooked(name, hidden[name]) for name in here if name in hidden]


def _is_project(tree: Tree) -> bool:
    """Say whether pyproject.toml describes something to install, by what only such files have; unreadable ones are pip's to judge."""
    try:
        document = tomllib.loads(tree.text(PROJECTS[0]) or "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return True
    return bool({"project", "build-system"} & set(document) or "poetry" in document.get("tool", {}))


def _two_folders() -> Fault:
    return Fault(
        FOLDERS[0],
        f"There are two folders that say what the environment is: {FOLDERS[0]} and {FOLDERS[1]}.",
        "Remove one of them: only one can count.",
    )


def _warnings(used: Sequence[str], overlooked: Iterable[Overlooked]) -> list[Fault]:
    """One warning for each reason, naming every file that it holds for; none where nothing is used: then nothing is lost."""
    reasons: dict[str, list[str]] = {}
    for one in overlooked:
        reasons.setdefault(one.why, []).append(one.path)
    counts = ", ".join(used)
    return [
        Fault(
            paths[0],
            f"{', '.join(paths)} {'is' if len(paths) == 1 else 'are'} not looked at: {why}.",
            f"The environment comes from {counts}. Remove what does not count, or write an `environment` into tagstone.yml.",
            warning=True,
        )
        for why, paths in reasons.items()
        if used
    ]
