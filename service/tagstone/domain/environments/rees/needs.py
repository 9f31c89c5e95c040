"""What the files that were found come to: one base, and what every family puts on it."""

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.channels import Channels
from tagstone.domain.environments.needs import DEBIAN, Needs, Python
from tagstone.domain.environments.rees.conda import read_conda
from tagstone.domain.environments.rees.debian import read_apt
from tagstone.domain.environments.rees.found import APT, CONDA, JULIA, POST_BUILD, RUNTIME, START, EnvironmentFiles
from tagstone.domain.environments.rees.julia import read_julia
from tagstone.domain.environments.rees.python import FoundPython, read_python
from tagstone.domain.environments.rees.r import read_r
from tagstone.domain.environments.rees.runtime import Runtime, base_for_python, judge_r, read_runtime
from tagstone.domain.reading.faults import Fault

_PYTHON = ("python3", "python3-venv")


def needs_of(files: EnvironmentFiles, tree: Tree, channels: Channels, faults: list[Fault]) -> Needs:
    """What the environment needs that these files describe; whatever is wrong with them is added to `faults`."""
    apt = read_apt(path, tree.text(path) or "", faults) if (path := files.path(APT)) else ()
    runtime_file = files.path(RUNTIME)
    runtime = read_runtime(runtime_file, tree.text(runtime_file) or "", faults) if runtime_file else Runtime()
    conda = read_conda(path, tree, channels.conda, faults) if (path := files.path(CONDA)) else None
    julia = read_julia(path, tree, channels.julia, faults) if (path := files.path(*JULIA)) else None
    r = read_r(files, tree, _cran(channels.cran, runtime), wanted=runtime.language == "r", faults=faults)
    if runtime.language == "r":
        judge_r(str(runtime_file), runtime.version, faults)
    python = read_python(files, tree, faults)
    if python is None and not (r or files.path(CONDA) or files.path(*JULIA)):
        python = FoundPython(Python())  # as in repo2docker, Python is there where no other language is named
    base = _base(python, runtime, str(runtime_file), faults)
    packages = {*apt, *(_of_python(python, base)), *(r.apt if r else ()), *(conda.apt if conda else ())}
    post_build = files.path(POST_BUILD)
    named = {*(python.files if python else ()), *(r.files if r else ()), *(julia[1] if julia else ())}
    return Needs(
        base,
        tuple(sorted(packages)),
        tuple(sorted(named)),
        bool(post_build or (python and python.whole_tree) or (r and r.whole_tree)),
        python.python if python else None,
        conda.conda if conda else None,
        r.r if r else None,
        julia[0] if julia else None,
        post_build=post_build,
        start=files.path(START),
    )


def _base(python: FoundPython | None, runtime: Runtime, runtime_file: str, faults: list[Fault]) -> str:
    if python is None:
        return DEBIAN
    if runtime.language == "python":
        return base_for_python(runtime_file, runtime.version, faults)
    return base_for_python(python.version_file, python.version, faults) if python.version else DEBIAN


def _of_python(python: FoundPython | None, base: str) -> tuple[str, ...]:
    """Debian's packages for Python; a base of Python brings its own."""
    if python is None:
        return ()
    own = (*_PYTHON, *python.apt)
    return own if base == DEBIAN else tuple(name for name in own if not name.startswith("python3"))


def _cran(address: str | None, runtime: Runtime) -> str | None:
    """The site's CRAN, of the day that runtime.txt asks for where the address has a place for it."""
    return address.replace("{date}", runtime.date or "latest") if address else None
