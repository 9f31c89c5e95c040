"""`environment.yml`: conda's packages, from channels at an address that the site sets."""

import re
from dataclasses import dataclass

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.needs import Conda
from tagstone.domain.environments.requirements import Requirements, judge_line
from tagstone.domain.reading.faults import Fault
from tagstone.domain.reading.yaml_text import Document, read_yaml

_SPECIFICATION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._*+!|,<>=~-]{0,200}")  # nothing in it means anything within quotes
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,100}")
_PIP_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,500}")
_NONE = ("defaults", "nodefaults")  # what conda takes when nothing is said; a site's channels have no such thing
_DEFAULT = "conda-forge"
_ON_PYPI = {
    name: name
    for name in "astropy astroquery bokeh corner cython dask emcee h5py healpy ipykernel ipywidgets joblib jupyter jupyterlab keras "  # noqa: SIM905
    "lmfit matplotlib networkx notebook numba numpy opencv pandas pillow pip plotly pyarrow pyyaml requests scikit-image scikit-learn "
    "scipy seaborn sympy tensorflow tqdm xarray".split()
} | {"pytorch": "torch", "matplotlib-base": "matplotlib", "opencv": "opencv-python", "pytables": "tables"}


@dataclass(frozen=True)
class FoundConda:
    """What conda needs: its packages, and what pip's lines need of Debian."""

    conda: Conda
    apt: tuple[str, ...]


def read_conda(path: str, tree: Tree, address: str | None, faults: list[Fault]) -> FoundConda | None:
    """What an environment.yml asks for; `address` is the site's, above channels' names. What is wrong is added to `faults`."""
    document = read_yaml(tree.text(path) or "", path)
    faults += document.faults
    if document.faults:
        return None
    top = document.value if isinstance(document.value, dict) else {}
    listed = top.get("dependencies")
    if not isinstance(listed, tuple):
        faults.append(Fault(path, "It has no list of `dependencies`.", "Write `dependencies: [python=3.11, numpy]`."))
        return None
    packages, pip = _dependencies(path, document, listed, faults)
    if address is None:
        faults.append(_no_channel(path, packages, pip))
        return None
    read = Requirements()
    for line in pip:
        judge_line(path, None, line, tree, read, faults)
    if read.local:
        faults.append(Fault(path, "`pip` installs the repository itself.", "Do that in postBuild: pip install --no-deps ."))
    if pip and not any(re.match(r"(python|pip)\b", one) for one in packages):
        packages = (*packages, "pip")
    channels = tuple(f"{address.rstrip('/')}/{name}" for name in _channels(path, top.get("channels"), faults))
    return FoundConda(Conda(packages, channels, pip), ("ca-certificates", *(["git"] if read.git else [])))


def _dependencies(
    path: str, document: Document, listed: tuple[object, ...], faults: list[Fault]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Conda's packages and pip's lines."""
    packages: list[str] = []
    pip: list[str] = []
    for number, one in enumerate(listed):
        lines = one.get("pip") if isinstance(one, dict) and set(one) == {"pip"} else None
        if isinstance(one, str) and _SPECIFICATION.fullmatch(one.strip().rpartition("::")[2]):
            packages.append(one.strip().rpartition("::")[2])
        elif isinstance(lines, tuple) and all(isinstance(line, str) and _PIP_LINE.fullmatch(line) for line in lines):
            pip += [str(line) for line in lines]
        else:
            line_number = document.line(("dependencies", number))
            faults.append(
                Fault(path, f"{str(one)[:60]!r} is no package.", "Write name=version, or `pip:` with a list.", line_number)
            )
    return tuple(packages), tuple(pip)


def _channels(path: str, listed: object, faults: list[Fault]) -> tuple[str, ...]:
    names = [one for one in listed if one not in _NONE] if isinstance(listed, tuple) else []
    faults += [
        Fault(path, f"{str(one)[:60]!r} is no channel's name.", "Write a name, such as conda-forge.")
        for one in names
        if not isinstance(one, str) or not _CHANNEL.fullmatch(one) or "//" in one or ".." in one
    ]
    return tuple(str(one) for one in names) or (_DEFAULT,)


def _no_channel(path: str, packages: tuple[str, ...], pip: tuple[str, ...]) -> Fault:
    """What an environment of conda needs here, and what it could be instead."""
    remedy = "The site has to set TAGSTONE_BUILDS__CONDA_CHANNELS, the address of conda channels."
    instead = _for_pip(packages, pip)
    if instead is None:
        remedy += " Or say it with requirements.txt and apt.txt, which need no channel."
    else:
        remedy += "\nOr remove it: PyPI has all of this. Write requirements.txt instead:\n" + "\n".join(instead)
    return Fault(path, "Its packages are conda's, and this site has no channel of conda.", remedy)


def _for_pip(packages: tuple[str, ...], pip: tuple[str, ...]) -> list[str] | None:
    """The same for pip, None where a package is not known to be on PyPI."""
    lines = []
    for one in packages:
        name, sign, version = re.match(r"([^\s=<>!~]+)\s*([=<>!~]*)\s*(.*)", one.lower()).groups()  # type: ignore[union-attr]
        if name in ("python", "pip"):
            continue
        if name not in _ON_PYPI or "|" in version or " " in version:
            return None
        exact = version.split("=")[0]
        lines.append(
            _ON_PYPI[name] + (f"=={exact.removesuffix('.*').removesuffix('*')}.*" if sign == "=" else f"{sign}{exact}")
        )
    return [*lines, *pip]
