"""What an environment needs, however it was said: the manifest's `environment` and files of REES come to the same."""

from dataclasses import dataclass

DEBIAN = "debian:bookworm"
"""The base of environments whose author names none, and the Debian whose packages are known."""

DEBIAN_PYTHON, DEBIAN_R = "3.11", "4.2"
"""The versions that it has."""

MICROMAMBA = "mambaorg/micromamba:2"
"""The image that conda's packages are installed with; nothing of it stays but what it installs."""


@dataclass(frozen=True)
class Python:
    """A virtual environment, and what pip installs into it, in this order; paths are relative to the repository.

    `lock` is a Pipfile.lock, `requirements` a file in pip's format, `listed` are lines in that format, `project` is the
    repository itself; `editable` says that something stays where the code is.
    """

    lock: str | None = None
    requirements: str | None = None
    listed: tuple[str, ...] = ()
    project: bool = False
    editable: bool = False


@dataclass(frozen=True)
class R:
    """What R gets beside Debian's packages: `packages` of `cran`, a script that installs, the repository itself as a package."""

    cran: str | None = None
    packages: tuple[str, ...] = ()
    script: str | None = None
    project: bool = False


@dataclass(frozen=True)
class Conda:
    """Packages of conda as `name=version` specifications, the addresses of their channels, and what pip adds."""

    specifications: tuple[str, ...]
    channels: tuple[str, ...]
    pip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Julia:
    """A Julia project in `folder` (empty: the top), and the `image` and package `server` that its packages come by."""

    folder: str
    image: str
    server: str


@dataclass(frozen=True)
class Needs:
    """What is built on `base`; `files` are those of the repository that the build reads, unless it sees the `whole_tree`.

    `install` is a script that sees `files` only; `post_build` runs last, where the code is; `start` begins every container.
    """

    base: str
    apt: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    whole_tree: bool = False
    python: Python | None = None
    conda: Conda | None = None
    r: R | None = None
    julia: Julia | None = None
    install: str | None = None
    post_build: str | None = None
    start: str | None = None

    @property
    def at_the_workspace(self) -> bool:
        """True when the build has the code where runs will have it, and what it makes there is kept for them."""
        return self.post_build is not None or (self.python is not None and self.python.editable)

    @property
    def nothing(self) -> bool:
        """True for a base and nothing else."""
        return self == Needs(self.base, start=self.start)
