"""From what an author says the code needs to one recipe that every builder follows, and the key it is found again by."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from tagstone.domain import build_context, containerfile, requirements
from tagstone.domain.build import BaseImage, ContextFile, Recipe
from tagstone.domain.faults import Fault, raise_faults
from tagstone.domain.lock import DEB_NAME, Lock
from tagstone.domain.oci import Image, ImageReference, ImageSettings, Platform
from tagstone.domain.source import EntryKind, SourceEntry
from tagstone.errors import Invalid

GENERATOR = 1
"""Raised when the same recipe would give another environment: images found by their key are then built anew."""

WORKSPACE = "/workspace"
VENV = "/opt/venv"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SCRATCH = "/.tagstone"  # never in an image: our writer leaves it out
_CONTEXT = f"{_SCRATCH}/context"
_MANIFEST = "tagstone.yml"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_.@+=,/-]{1,1000}")
_PLAIN_SEARCH_PATH = re.compile(r"[A-Za-z0-9_.:+/-]{1,2000}")
_BASES_WITHOUT_PYTHON = ("debian", "ubuntu")


class Environment(Protocol):
    """The manifest's environment: `base` with packages, or a Containerfile; paths are relative to the repository."""

    @property
    def base(self) -> str | None:
        """The image to stand on, as the author wrote it."""
        ...

    @property
    def apt(self) -> tuple[str, ...]:
        """Debian packages."""
        ...

    @property
    def pip(self) -> str | None:
        """A file of Python requirements."""
        ...

    @property
    def install(self) -> str | None:
        """A shell script that runs last."""
        ...

    @property
    def containerfile(self) -> str | None:
        """A Containerfile that makes the whole environment."""
        ...


@dataclass(frozen=True)
class Tree:
    """The files of a commit, and how one is read by its path."""

    entries: Sequence[SourceEntry]
    read: Callable[[str], bytes]

    def file(self, path: str) -> SourceEntry | None:
        """The plain file at `path`, None when there is none (a link or a submodule is none)."""
        plain = (EntryKind.FILE, EntryKind.EXECUTABLE)
        return next((entry for entry in self.entries if entry.path == path and entry.kind in plain and not entry.lfs), None)

    def text(self, path: str) -> str | None:
        """The text of the plain file at `path`, None when there is none."""
        return self.read(path).decode("utf-8", "replace") if self.file(path) else None


def plan_recipe(
    environment: Environment, tree: Tree, resolve_base: Callable[[str], Image], lock: Lock, platform: Platform
) -> Recipe:
    """The recipe of an environment, every base by digest.

    Raises:
        Invalid: it cannot be built as written; every fault is listed.
    """
    if environment.containerfile:
        return _from_containerfile(environment.containerfile, tree, resolve_base, platform)
    return _generated(environment, tree, resolve_base, lock, platform)


def environment_key(recipe: Recipe) -> str:
    """64 hexadecimal digits, equal for recipes that give equal environments: by it, layers are found again."""
    facts = {
        "generator": GENERATOR,
        "containerfile": recipe.containerfile,
        "bases": [base.image.digest for base in recipe.bases],
        "layers_on": recipe.layers_on,
        "context": [asdict(file) for file in recipe.context],
        "platform": str(recipe.platform),
        "settings": None if recipe.settings_from_engine else asdict(recipe.settings),
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _from_containerfile(path: str, tree: Tree, resolve_base: Callable[[str], Image], platform: Platform) -> Recipe:
    text = tree.text(path)
    if text is None:
        _missing(path, "containerfile")
    rewritten = containerfile.rewrite(containerfile.parse(str(text), path), platform.architecture)
    images = [resolve_base(written) for written in rewritten.written]
    return Recipe(
        containerfile=rewritten.text,
        bases=tuple(_base(written, image) for written, image in zip(rewritten.written, images, strict=True)),
        layers_on=rewritten.layers_on,
        context=_seen(path, rewritten.sources, tree),
        platform=platform,
        settings=ImageSettings(),
        settings_from_engine=True,
    )


def _seen(path: str, sources: tuple[tuple[int, str], ...] | None, tree: Tree) -> tuple[ContextFile, ...]:
    """The files that a Containerfile copies: all that it may see when that cannot be told."""
    ignore = next((text for name in build_context.IGNORE_FILES if (text := tree.text(name)) is not None), "")
    visible = build_context.without_ignored(tree.entries, ignore)
    if sources is None:
        return build_context.context_files(visible)
    faults, taken = [], {}
    for line, source in sources:
        found = build_context.copied(visible, source)
        taken.update({entry.path: entry for entry in found})
        if not found:
            faults.append(Fault(path, f"There is no {source[:100]} in the commit.", "Add it to the repository.", line))
    raise_faults(faults, "The Containerfile cannot be used")
    return build_context.context_files(taken.values())


def _generated(
    environment: Environment, tree: Tree, resolve_base: Callable[[str], Image], lock: Lock, platform: Platform
) -> Recipe:
    faults = _package_faults(environment)
    wanted = requirements.included(environment.pip, tree.text, faults) if environment.pip else []
    if environment.install and tree.file(environment.install) is None:
        faults.append(
            Fault(_MANIFEST, f"There is no file {environment.install[:100]} in the commit.", "Add it, or correct `install`.")
        )
    files = [*wanted, *([environment.install] if environment.install else [])]
    faults += [
        Fault(_MANIFEST, f"The path {path[:100]!r} has unusual characters.", "Use letters, digits and _.@+=,- only.")
        for path in files
        if not _PLAIN_PATH.fullmatch(path) or path.startswith("-")
    ]
    raise_faults(faults, "The environment cannot be built")
    written = environment.base or ""
    image = resolve_base(written)
    entries = {entry.path: entry for path in files if (entry := tree.file(path))}
    settings = _settings(image.settings, with_pip=bool(environment.pip))
    return Recipe(
        containerfile="\n".join(_lines(environment, settings, entries, lock)) + "\n",
        bases=(_base(written, image),),
        layers_on=0,
        context=build_context.context_files(entries.values()),
        platform=platform,
        settings=settings,
        bare=not (environment.apt or files),
    )


def _package_faults(environment: Environment) -> list[Fault]:
    faults = [
        Fault(_MANIFEST, f"{name[:60]!r} is no Debian package.", "Write names such as python3-numpy.")
        for name in environment.apt
        if not DEB_NAME.fullmatch(name)
    ]
    if not environment.base:
        faults.append(Fault(_MANIFEST, "The environment stands on nothing.", "Write `base: debian:bookworm`."))
    bare_base = (environment.base or "").partition("@")[0].rsplit("/", 1)[-1].partition(":")[0] in _BASES_WITHOUT_PYTHON
    lacking = [name for name in ("python3", "python3-venv") if name not in environment.apt]
    # python3.11-venv and the like bring both, and python3-full brings all.
    brings = any(re.fullmatch(r"python3(\.\d+)?-(venv|full)", name) and name != "python3-venv" for name in environment.apt)
    if environment.pip and bare_base and lacking and not brings:
        faults.append(
            Fault(
                _MANIFEST,
                f"`pip` needs {' and '.join(lacking)}, which {environment.base} has not.",
                f"Add {', '.join(lacking)} to `apt`.",
            )
        )
    return faults


def _settings(base: ImageSettings, *, with_pip: bool) -> ImageSettings:
    """What a generated image is started with: the base's variables, a known locale, and the packages of pip first."""
    env = dict(base.env)
    search = env.get("PATH", PATH)
    if not _PLAIN_SEARCH_PATH.fullmatch(search):
        search = PATH
    env |= {"LANG": "C.UTF-8", "PATH": f"{VENV}/bin:{search}" if with_pip else search}
    return ImageSettings(env=tuple(sorted(env.items())), workdir=WORKSPACE)


def _lines(environment: Environment, settings: ImageSettings, entries: dict[str, SourceEntry], lock: Lock) -> list[str]:
    lines = [
        "# Made from tagstone.yml. Caches and logs are not removed here: what varies is left out when the layer is written.",
        "FROM {base:0}",
        f"ARG SOURCE_DATE_EPOCH={containerfile.EPOCH}",
        "USER root",
        "ENV LANG=C.UTF-8",
    ]
    if environment.apt:
        lines += _apt(environment.apt, lock)
    lines += [f"COPY {path} {_CONTEXT}/{path}" for path in entries]
    if environment.pip:
        lines += _pip(environment.pip, lock)
        lines.append(f"ENV PATH={dict(settings.env)['PATH']}")
    if environment.install:
        runner = "" if entries[environment.install].kind is EntryKind.EXECUTABLE else "sh "
        lines += [f"WORKDIR {_CONTEXT}", f"RUN {runner}./{environment.install}"]
    return lines


def _apt(packages: Sequence[str], lock: Lock) -> list[str]:
    names = sorted({*packages, *lock.deb})
    pinned = [f"{name}={lock.deb[name]}" if name in lock.deb else name for name in names]
    return [
        "RUN export DEBIAN_FRONTEND=noninteractive \\",
        " && apt-get update \\",
        " && apt-get install --yes --no-install-recommends --allow-downgrades \\",
        *_listed(pinned),
    ]


def _pip(path: str, lock: Lock) -> list[str]:
    install = f"PIP_ROOT_USER_ACTION=ignore {VENV}/bin/pip install --no-cache-dir --no-compile --disable-pip-version-check"
    lines = [f"RUN python3 -m venv {VENV} \\"]
    if lock.pypi:
        pinned = [f"'{name}=={version}'" for name, version in sorted(lock.pypi.items())]
        lines += [" && printf '%s\\n' \\", *(f"{line} \\" for line in _words(pinned)), f"      > {_SCRATCH}/constraints.txt \\"]
        install += f" -c {_SCRATCH}/constraints.txt"
    return [*lines, f" && {install} -r {_CONTEXT}/{path}"]


def _listed(words: Sequence[str]) -> list[str]:
    lines = _words(words)
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def _words(words: Sequence[str]) -> list[str]:
    return [f"      {word}" for word in words]


def _base(written: str, image: Image) -> BaseImage:
    return BaseImage(written, ImageReference(image.name, image.digest))


def _missing(path: str, key: str) -> None:
    raise Invalid(
        f"There is no file {path[:100]} in the commit.",
        remedy=f"Add it, or correct `{key}` in {_MANIFEST}.",
        faults=[Fault(_MANIFEST, f"There is no file {path[:100]} in the commit.", f"Add it, or correct `{key}`.")],
    )


def with_settings(recipe: Recipe, settings: ImageSettings) -> ImageSettings:
    """The image's settings: the recipe's own, else the engine's with the workspace where they name no folder."""
    if not recipe.settings_from_engine:
        return recipe.settings
    return settings if settings.workdir not in {"", "/"} else replace(settings, workdir=WORKSPACE)
