"""A build as engines see it: a Containerfile, its pinned bases and the files it copies; and how it stands."""

from dataclasses import dataclass
from enum import StrEnum

from tagstone.domain.images.oci import ImageReference, ImageSettings, Platform


class BuildState(StrEnum):
    """How a build stands; `lost` means that its process is gone without an answer."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True)
class BaseImage:
    """A base as the author wrote it, and the image in our registry that it was resolved to."""

    written: str
    image: ImageReference


@dataclass(frozen=True)
class ContextFile:
    """One file or symbolic link of the build context; `object_id` is Git's, so that it can be read again."""

    path: str
    object_id: str
    executable: bool = False
    symlink: bool = False


@dataclass(frozen=True)
class Recipe:
    """Everything that enters an environment, and nothing else: equal recipes have equal keys.

    `containerfile` names every base by `{base:N}`, N being its place in `bases`; `layers_on` is the N the final stage
    stands on (None: scratch). `settings` are the image's, unless they come from the engine after the build;
    a `bare` recipe is its base and nothing else, so that no engine is needed.
    """

    containerfile: str
    bases: tuple[BaseImage, ...]
    layers_on: int | None
    context: tuple[ContextFile, ...]
    platform: Platform
    settings: ImageSettings
    settings_from_engine: bool = False
    bare: bool = False


@dataclass(frozen=True)
class BuildStatus:
    """How a build stands now; `detail` is the last line worth showing, `remedy` what to do where more is known than that it failed."""

    state: BuildState
    detail: str = ""
    exit_code: int | None = None
    remedy: str = ""


@dataclass(frozen=True)
class PackageArchive:
    """A package archive as it stood when an image was built: address, suite, and the date (ISO 8601, UTC) of its Release file."""

    address: str
    suite: str
    date: str


@dataclass(frozen=True)
class Package:
    """One package found in an image: `kind` is deb, pypi or cran, as Package URLs name them, or os: the distribution itself."""

    kind: str
    name: str
    version: str
    architecture: str | None = None
