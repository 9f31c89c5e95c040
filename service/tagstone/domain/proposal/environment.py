"""What the code needs: from its files where they say it, else from what is imported."""

from dataclasses import dataclass, field

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.rees.found import find_environment_files
from tagstone.domain.proposal.packages import python_packages, r_packages

BASE = "debian:bookworm"


@dataclass
class Needs:
    """What was found in the code: languages that run, imports of Python, packages of R, and programs that are called."""

    python: bool = False
    r: bool = False
    notebook: bool = False
    imports: set[str] = field(default_factory=set)
    libraries: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class ProposedEnvironment:
    """Debian packages for the manifest (None: the repository's files say it), lines for a requirements.txt, and questions."""

    apt: tuple[str, ...] | None
    requirements: tuple[str, ...] = ()
    because: str = ""
    questions: tuple[str, ...] = ()


_PROGRAMS = {
    name: (name,) for name in ("make", "julia", "snakemake", "perl", "octave", "gnuplot", "bc", "jq", "ffmpeg", "pandoc", "cmake")
} | {
    "gcc": ("gcc", "libc6-dev"), "cc": ("gcc", "libc6-dev"), "g++": ("g++",), "gfortran": ("gfortran",),
    "convert": ("imagemagick",), "python3": ("python3",), "pdflatex": ("texlive-latex-recommended",),
}  # fmt: skip
_COMPILED = {".c": "gcc", ".cpp": "g++", ".cc": "g++", ".cxx": "g++", ".f90": "gfortran", ".f": "gfortran", ".f95": "gfortran"}


def propose_environment(tree: Tree, needs: Needs) -> ProposedEnvironment:
    """The environment: found files first; Debian's packages where Debian has all; else requirements.txt and apt.txt."""
    files = find_environment_files(tree)
    if files:
        verb = "says" if len(files.used) == 1 else "say"
        return ProposedEnvironment(None, because=f"{', '.join(files.used)} {verb} what is needed")
    python = python_packages(needs.imports)
    libraries, missing = r_packages(needs.libraries)
    programs = set(needs.programs)
    if "make" in programs or "cmake" in programs:
        programs |= {_COMPILED[ending] for entry in tree.entries for ending in _COMPILED if entry.path.endswith(ending)}
    apt = {package for name in programs for package in _PROGRAMS.get(name, ())}
    apt |= {"r-base-core", *libraries} if needs.r else set()
    questions = []
    if missing:
        named = ", ".join(missing[:10])
        questions.append(f"environment: Debian has no package for R's {named}; name them in an install.R, or do without")
    if python.missing:
        lines = (*python.pypi, *(("nbconvert", "ipykernel") if needs.notebook else ()))
        questions.append(
            f"requirements.txt: {', '.join(python.missing[:10])}: are these the packages that are imported? Write the versions "
            "that you used behind them (NAME==VERSION)"
        )
        because = "Debian has not all that is imported"
        return ProposedEnvironment(tuple(sorted(apt | {"python3", "python3-venv"})), lines, because, tuple(questions))
    apt |= {"python3", *python.debian} if needs.python else set()
    apt |= {"jupyter-nbconvert", "python3-ipykernel"} if needs.notebook else set()
    return ProposedEnvironment(tuple(sorted(apt)), (), "from what the code imports and calls", tuple(questions))
