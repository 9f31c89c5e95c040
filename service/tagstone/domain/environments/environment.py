"""From what an author says the code needs to one recipe that every builder follows, and the key it is found again by."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Protocol

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments import build_context, containerfile
from tagstone.domain.environments.build import BaseImage, ContextFile, Recipe
from tagstone.domain.environments.channels import Channels
from tagstone.domain.environments.generated import WORKSPACE, containerfile_lines, entrypoint, images_beside, search_path
from tagstone.domain.environments.lock import DEB_NAME, Lock
from tagstone.domain.environments.lock import FILE as LOCK
from tagstone.domain.environments.needs import Needs, Python
from tagstone.domain.environments.rees.found import CONTAINERFILES, EnvironmentFiles, find_environment_files
from tagstone.domain.environments.rees.needs import needs_of
from tagstone.domain.environments.requirements import read_requirements
from tagstone.domain.images.oci import Image, ImageReference, ImageSettings, Platform
from tagstone.domain.reading.faults import Fault, raise_faults
from tagstone.errors import Invalid

GENERATOR = 1
"""Raised when the same recipe would give another environment: images found by their key are then built anew."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MANIFEST = "tagstone.yml"
_OURS = (MANIFEST, LOCK)  # what a build has no use for, so that it need not be done again when only these change
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


def environment_files(environment: Environment | None, tree: Tree) -> EnvironmentFiles:
    """The files that say what the environment is: the manifest, or where it says nothing, those that are found."""
    return find_environment_files(tree) if environment is None else EnvironmentFiles(used=(MANIFEST,))


def plan_recipe(
    environment: Environment | None,
    tree: Tree,
    resolve_base: Callable[[str], Image],
    lock: Lock,
    platform: Platform,
    channels: Channels | None = None,
    warnings: list[Fault] | None = None,
) -> Recipe:
    """The recipe of an environment, every base by digest; None stands for what the repository's own files say.

    `warnings` takes what an author should know and nothing fails by.

    Raises:
        Invalid: it cannot be built as written; every fault is listed.
    """
    faults: list[Fault] = []
    warnings = [] if warnings is None else warnings
    if environment is None:
        files = find_environment_files(tree)
        faults += files.faults
        whole = files.path(*CONTAINERFILES)
        needs = Needs("") if whole or not files else needs_of(files, tree, channels or Channels(), faults)
        if not files and not faults:
            faults.append(_nothing_found())
    else:
        whole = environment.containerfile
        needs = Needs("") if whole else _needs(environment, tree, faults)
    warnings += [fault for fault in faults if fault.warning]
    raise_faults(faults, "The environment cannot be built")
    if whole:
        return _from_containerfile(whole, tree, resolve_base, platform, warnings)
    return _generated(needs, tree, resolve_base, lock, platform, channels or Channels())


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


def pinned_recipe(recipe: Recipe) -> str:
    """The Containerfile of a recipe with every base by name and digest, as records show it."""
    return containerfile.render(
        recipe.containerfile, [f"{base.written.partition('@')[0]}@{base.image.digest}" for base in recipe.bases]
    )


def with_settings(recipe: Recipe, settings: ImageSettings) -> ImageSettings:
    """The image's settings: the recipe's own, else the engine's with the workspace where they name no folder."""
    if not recipe.settings_from_engine:
        return recipe.settings
    return settings if settings.workdir not in {"", "/"} else replace(settings, workdir=WORKSPACE)


def _from_containerfile(
    path: str, tree: Tree, resolve_base: Callable[[str], Image], platform: Platform, warnings: list[Fault]
) -> Recipe:
    text = tree.text(path)
    if text is None:
        _missing(path, "containerfile")
    parsed = containerfile.parse(str(text), path)
    warnings += containerfile.not_carried(parsed)
    rewritten = containerfile.rewrite(parsed, platform.architecture)
    return Recipe(
        containerfile=rewritten.text,
        bases=tuple(_base(written, resolve_base(written)) for written in rewritten.written),
        layers_on=rewritten.layers_on,
        context=_seen(path, rewritten.sources, tree),
        platform=platform,
        settings=ImageSettings(),
        settings_from_engine=True,
    )


def _seen(path: str, sources: tuple[tuple[int, str], ...] | None, tree: Tree) -> tuple[ContextFile, ...]:
    """The files that a Containerfile copies: all that it may see when that cannot be told."""
    visible = build_context.visible(tree)
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
    needs: Needs,
    tree: Tree,
    resolve_base: Callable[[str], Image],
    lock: Lock,
    platform: Platform,
    channels: Channels,
) -> Recipe:
    scripts = [path for path in (needs.post_build, needs.start) if path]
    faults = [
        Fault(path, f"The path {path[:100]!r} has unusual characters.", "Use letters, digits and _.@+=,- only.")
        for path in (*needs.files, *scripts)
        if not _PLAIN_PATH.fullmatch(path) or path.startswith("-")
    ]
    raise_faults(faults, "The environment cannot be built")
    written = (needs.base, *images_beside(needs))
    images = [resolve_base(each) for each in written]
    settings = _settings(images[0].settings, needs, tree)
    if needs.whole_tree:
        entries = [entry for entry in build_context.visible(tree) if entry.path not in _OURS]
    else:
        entries = [entry for path in needs.files if (entry := tree.file(path))]
    return Recipe(
        containerfile="\n".join(containerfile_lines(needs, settings, tree, lock, channels)) + "\n",
        bases=tuple(_base(each, image) for each, image in zip(written, images, strict=True)),
        layers_on=0,
        context=build_context.context_files(entries),
        platform=platform,
        settings=settings,
        bare=needs.nothing,
    )


def _needs(environment: Environment, tree: Tree, faults: list[Fault]) -> Needs:
    """What the manifest's environment comes to."""
    faults += _package_faults(environment)
    files, python, whole_tree = list[str](), None, False
    if environment.pip:
        wanted = read_requirements(environment.pip, tree, MANIFEST, faults)
        files += wanted.files
        python = Python(requirements=environment.pip, editable=wanted.editable)
        whole_tree = wanted.local
    if environment.install and tree.file(environment.install) is None:
        message = f"There is no file {environment.install[:100]} in the commit."
        faults.append(Fault(MANIFEST, message, "Add it, or correct `install`."))
    elif environment.install:
        files.append(environment.install)
    return Needs(environment.base or "", environment.apt, tuple(files), whole_tree, python, install=environment.install)


def _package_faults(environment: Environment) -> list[Fault]:
    faults = [
        Fault(MANIFEST, f"{name[:60]!r} is no Debian package.", "Write names such as python3-numpy.")
        for name in environment.apt
        if not DEB_NAME.fullmatch(name)
    ]
    if not environment.base:
        faults.append(Fault(MANIFEST, "The environment stands on nothing.", "Write `base: debian:bookworm`."))
    bare_base = (environment.base or "").partition("@")[0].rsplit("/", 1)[-1].partition(":")[0] in _BASES_WITHOUT_PYTHON
    lacking = [name for name in ("python3", "python3-venv") if name not in environment.apt]
    # python3.11-venv and the like bring both, and python3-full brings all.
    brings = any(re.fullmatch(r"python3(\.\d+)?-(venv|full)", name) and name != "python3-venv" for name in environment.apt)
    if environment.pip and bare_base and lacking and not brings:
        message = f"`pip` needs {' and '.join(lacking)}, which {environment.base} has not."
        faults.append(Fault(MANIFEST, message, f"Add {', '.join(lacking)} to `apt`."))
    return faults


def _settings(base: ImageSettings, needs: Needs, tree: Tree) -> ImageSettings:
    """What a generated image is started with: the base's variables, a known locale, and what was installed first."""
    env = dict(base.env)
    below = env.get("PATH", PATH)
    if not _PLAIN_SEARCH_PATH.fullmatch(below):
        below = PATH
    env |= {"LANG": "C.UTF-8", "PATH": search_path(needs, below)}
    return ImageSettings(env=tuple(sorted(env.items())), workdir=WORKSPACE, entrypoint=entrypoint(needs, tree))


def _base(written: str, image: Image) -> BaseImage:
    return BaseImage(written, ImageReference(image.name, image.digest))


def _missing(path: str, key: str) -> None:
    raise Invalid(
        f"There is no file {path[:100]} in the commit.",
        remedy=f"Add it, or correct `{key}` in {MANIFEST}.",
        faults=[Fault(MANIFEST, f"There is no file {path[:100]} in the commit.", f"Add it, or correct `{key}`.")],
    )


def _nothing_found() -> Fault:
    return Fault(
        MANIFEST,
        "Nothing says what the code needs.",
        "Add `environment` here, or a file that says it: requirements.txt, apt.txt, install.R, …; `tagstone init` proposes one.",
    )
