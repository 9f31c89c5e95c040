"""From a commit to its image: base layers unchanged, one environment layer (found again by its key), one code layer."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile

from tagstone.actions.base_image import carry, pieces, resolve_base, this_platform
from tagstone.actions.code import code_files
from tagstone.domain.citations.citation import parse_citation
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments import lock as locks
from tagstone.domain.environments.build import ContextFile, Package, PackageArchive, Recipe
from tagstone.domain.environments.channels import Channels
from tagstone.domain.environments.environment import environment_key, pinned_recipe, plan_recipe, with_settings
from tagstone.domain.images.oci import CONFIG, LAYER, Descriptor, Image, ImageSettings
from tagstone.domain.manifests.manifest import parse_manifest
from tagstone.domain.publications.record import SourceFacts
from tagstone.errors import Conflict, Invalid, NotFound
from tagstone.image.layers import ENVIRONMENT_TIME, RootIndex, code_layer, environment_layer, index_layers
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes, read_history, read_image, rfc3339
from tagstone.image.packages_annotation import (
    archives_annotation,
    packages_annotation,
    read_archives_annotation,
    read_packages_annotation,
)
from tagstone.image.packages_of_layers import packages_of_layers
from tagstone.image.untar import Node
from tagstone.ports import BuiltRoot, Forge, Ports, Registry

ENVIRONMENTS = "environments"
"""The name under which environments are kept in the registry; each is tagged with its key."""

_ANNOTATION = "org.opencontainers.image."


@dataclass(frozen=True)
class Plan:
    """How an environment comes about: its recipe, the key it is found again by, and the bases as they were read."""

    recipe: Recipe
    key: str
    bases: tuple[Image, ...]
    location: str

    @property
    def text(self) -> str:
        """The Containerfile that the environment is built by, with bases by digest."""
        return pinned_recipe(self.recipe)

    @property
    def needs_engine(self) -> bool:
        """False when the environment is its base and nothing else."""
        return not self.recipe.bare

    @property
    def base(self) -> Image | None:
        """The base whose layers the image carries; None for scratch."""
        return None if self.recipe.layers_on is None else self.bases[self.recipe.layers_on]


@dataclass(frozen=True)
class Environment:
    """An environment as an image of its own in the registry, the packages in it, and the archives that apt saw."""

    image: Image
    packages: tuple[Package, ...]
    archives: tuple[PackageArchive, ...] = ()


def plan(ports: Ports, source: SourceFacts, channels: Channels | None = None, snapshot: str = "") -> Plan:
    """Plan the environment of a commit: reads, and pulls bases into the registry that are not there yet.

    `channels` are the site's; without them, what needs one is refused. `snapshot` is the date (ISO 8601, UTC) whose state of the
    package archive is wanted where the lock names none.

    Raises:
        Invalid: it cannot be built as written; every fault is listed.
        NotFound: a base is nowhere.
    """
    manifest, faults = parse_manifest(source.manifest)
    if manifest is None:
        raise Invalid("The manifest cannot be read.", remedy="Run `tagstone check`.", faults=faults)
    tree = read_tree(ports.forge, source)
    text = tree.text(locks.FILE)
    lock = locks.parse(text) if text is not None else locks.Lock()
    lock = replace(lock, snapshot=lock.snapshot or snapshot)
    platform = this_platform()
    known: dict[str, Image] = {}

    def resolve(written: str) -> Image:
        known[written] = resolve_base(ports.registry, ports.upstream, written, lock, platform)
        return known[written]

    recipe = plan_recipe(manifest.environment, tree, resolve, lock, platform, channels)
    bases = tuple(known[base.written] for base in recipe.bases)
    return Plan(recipe, environment_key(recipe), bases, source.project.location)


def read_tree(forge: Forge, source: SourceFacts) -> Tree:
    """The files of a commit, read when they are asked for."""
    location = source.project.location
    entries = forge.entries(location, source.commit)
    objects = {entry.path: entry.object_id for entry in entries}
    return Tree(entries, lambda path: b"".join(forge.read(location, [objects[path]])))


def context(ports: Ports, plan: Plan) -> Iterator[tuple[ContextFile, bytes]]:
    """The files that a build copies, with their contents, one at a time."""
    files = plan.recipe.context
    return zip(files, ports.forge.read(plan.location, [file.object_id for file in files]), strict=True)


def find_environment(registry: Registry, plan: Plan) -> Environment | None:
    """The environment that an earlier build left under the plan's key, None when there is none or it is not whole."""
    try:
        image = read_image(registry, ENVIRONMENTS, plan.key, plan.recipe.platform)
    except NotFound:
        return None
    if not all(registry.has_blob(ENVIRONMENTS, layer.digest) for layer in image.layers):
        return None
    return Environment(image, read_packages_annotation(image.annotations), read_archives_annotation(image.annotations))


def write_bare_environment(ports: Ports, plan: Plan) -> Environment:
    """The environment that is its base and nothing else: no engine is asked."""
    base = plan.base
    told = packages_of(ports.registry, base) if base else ()
    return _put_environment(ports.registry, plan, None, plan.recipe.settings, told, ())


def packages_of(registry: Registry, image: Image) -> tuple[Package, ...]:
    """The packages of an image: as it was described when we built it, else read from its layers."""
    told = read_packages_annotation(image.annotations)
    return told or packages_of_layers(lambda: (registry.blob(image.name, layer.digest) for layer in image.layers))


def collect_environment(ports: Ports, key: str, plan: Plan, scratch: Path) -> Environment:
    """Write the environment of a build that succeeded; `scratch` is a folder for files of the root's size.

    Raises:
        Conflict: the build has not succeeded.
    """
    with ports.builder.collect(key) as built:
        return write_environment(ports.registry, built, plan, scratch)


def write_environment(registry: Registry, built: BuiltRoot, plan: Plan, scratch: Path) -> Environment:
    """Write what a root filesystem has over its base as the environment; the first of two writers wins, the second adopts."""
    settings = with_settings(plan.recipe, built.settings)
    below = _index(registry, plan.base)
    with TemporaryFile(dir=scratch) as out, TemporaryFile(dir=scratch) as spool:
        layer = environment_layer(below, built.tar, out, spool)
        out.seek(0)
        stored = registry.put_blob(ENVIRONMENTS, pieces(out), LAYER)
    return _put_environment(registry, plan, stored, settings, layer.packages, layer.archives)


def write_image(ports: Ports, environment: Environment, plan: Plan, source: SourceFacts, scratch: Path) -> Image:
    """Lay the code over an environment: the same commit and environment give the same digest, wherever and whoever builds.

    No tag is set; `name_image` does that once the publication is released.
    """
    registry, under = ports.registry, environment.image
    name, time = image_name(source.project), source.commit.time
    with TemporaryFile(dir=scratch) as out:
        location = source.project.location
        files = code_files(ports.forge, location, ports.forge.entries(location, source.commit))
        written = code_layer(files, under.settings.workdir, time, out, _above(registry, under))
        out.seek(0)
        code = registry.put_blob(name, pieces(out), LAYER)
    layers = [*(carry(registry, under.name, registry, name, layer) for layer in under.layers), code]
    history = [*read_history(registry, under), history_entry("code", time)]
    config = config_bytes(under.platform, under.settings, [*under.diff_ids, written.digest], history, time)
    kept = registry.put_blob(name, [config], CONFIG)
    manifest = manifest_bytes(kept, layers, _annotations(source, plan))
    digest = registry.put_manifest(name, manifest, None)
    return read_image(registry, name, digest, under.platform)


def name_image(registry: Registry, image: Image, tag: str) -> None:
    """Tag an image; the tag is set once and never moved. Raises: Conflict when it names another image."""
    registry.put_manifest(image.name, registry.manifest(image.name, image.digest), image_tag(tag))


def image_name(project: ProjectIdentity) -> str:
    """A project's name in the registry: readable, and no two projects share one."""
    readable = re.sub(r"[^a-z0-9]+", "-", project.name.lower()).strip("-")[:60].strip("-") or "project"
    return f"{readable}-{sha256(project.key.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def image_tag(ref: str) -> str:
    """A Git tag as a registry can write it: unchanged where it can, else with a mark that keeps it apart from others."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", ref)
    if plain == ref and len(ref) <= 128 and ref[:1] not in ".-":
        return ref
    return f"{plain.lstrip('.-')[:110]}_{sha256(ref.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"


def _put_environment(
    registry: Registry,
    plan: Plan,
    layer: Descriptor | None,
    settings: ImageSettings,
    packages: Sequence[Package],
    archives: Sequence[PackageArchive],
) -> Environment:
    base = plan.base
    layers = [carry(registry, base.name, registry, ENVIRONMENTS, blob) for blob in base.layers] if base else []
    diff_ids = list(base.diff_ids) if base else []
    history = list(read_history(registry, base)) if base else []
    if layer is not None:
        # A layer that is not compressed is its own diff id.
        layers.append(layer)
        diff_ids.append(layer.digest)
        history.append(history_entry("environment", ENVIRONMENT_TIME))
    config = config_bytes(plan.recipe.platform, settings, diff_ids, history, ENVIRONMENT_TIME)
    annotations = packages_annotation(packages) | archives_annotation(archives)
    manifest = manifest_bytes(registry.put_blob(ENVIRONMENTS, [config], CONFIG), layers, annotations)
    try:
        registry.put_manifest(ENVIRONMENTS, manifest, plan.key)
    except Conflict:
        adopted = find_environment(registry, plan)
        if adopted is None:
            raise
        return adopted
    image = read_image(registry, ENVIRONMENTS, plan.key, plan.recipe.platform)
    return Environment(image, tuple(packages), tuple(archives))


def _index(registry: Registry, image: Image | None) -> RootIndex:
    """An image's root without its contents; every layer is read once, one at a time."""
    if image is None:
        return RootIndex()
    with ExitStack() as stack:
        return index_layers(stack.enter_context(registry.blob(image.name, layer.digest)) for layer in image.layers)


def _above(registry: Registry, image: Image) -> dict[str, Node] | None:
    """What the directories above the work directory are, so that the code layer leaves them as they are."""
    parts = image.settings.workdir.strip("/").split("/")
    if len(parts) == 1:
        return None
    nodes = _index(registry, image).nodes
    paths = ["/".join(parts[:count]) for count in range(1, len(parts))]
    return {path: nodes[path] for path in paths if path in nodes}


def _annotations(source: SourceFacts, plan: Plan) -> dict[str, str]:
    """The annotations that the image specification names; those that nothing is known for are left out."""
    citation, _ = parse_citation(source.citation)
    known = {
        "created": rfc3339(source.commit.time),
        "revision": source.commit.sha,
        "source": source.project.url or "",
        "version": source.version,
        "title": source.title,
        "licenses": " OR ".join(citation.licences) if citation else "",
        "base.name": plan.recipe.bases[plan.recipe.layers_on].written if plan.recipe.layers_on is not None else "",
        "base.digest": plan.base.digest if plan.base else "",
    }
    return {_ANNOTATION + key: value for key, value in known.items() if value}
