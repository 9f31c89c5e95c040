"""`Project.toml` of Julia, instantiated from a package server that the site sets."""

import re
import tomllib

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.needs import Julia
from tagstone.domain.reading.faults import Fault

_VERSION = re.compile(r"[~^=]?\s*(1\.\d{1,2})(?:\.\d+)?")
_DEFAULT = "1.10"  # the long-term version


def read_julia(path: str, tree: Tree, server: str | None, faults: list[Fault]) -> tuple[Julia, tuple[str, ...]] | None:
    """What a Julia project needs and the files that say it; what is wrong, or needs a server that is not set, is added to `faults`."""
    if server is None:
        message = "Its packages are Julia's, and this site has no package server of Julia."
        remedy = "The site has to set TAGSTONE_BUILDS__JULIA_SERVER, the address of a package server. Or write a Containerfile."
        faults.append(Fault(path, message, remedy))
        return None
    project = _document(path, tree, faults)
    folder = path.rpartition("/")[0]
    names = ("JuliaManifest.toml", "Manifest.toml") if path.endswith("JuliaProject.toml") else ("Manifest.toml",)
    pinned = next((place for name in names if tree.file(place := f"{folder}/{name}".lstrip("/"))), None)
    if pinned is None:
        message = "There is no Manifest.toml beside it: versions are not pinned."
        faults.append(Fault(path, message, "Commit the one that Pkg.instantiate() makes.", warning=True))
    made_by = _document(pinned, tree, faults).get("julia_version") if pinned else None
    compatible = project.get("compat")
    wanted = made_by or (compatible.get("julia") if isinstance(compatible, dict) else None) or _DEFAULT
    match = _VERSION.match(str(wanted))
    image = f"julia:{match[1] if match else _DEFAULT}-bookworm"
    return Julia(folder, image, server), (path, *([pinned] if pinned else []))


def _document(path: str, tree: Tree, faults: list[Fault]) -> dict[str, object]:
    try:
        return tomllib.loads(tree.text(path) or "")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        faults.append(Fault(path, f"It cannot be read: {str(error)[:100]}.", "Look at the line that is named."))
        return {}
