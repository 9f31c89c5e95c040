"""The Containerfile of an environment that its author did not write one for: one function for each family of packages.

It reads like one written by hand. Caches are not removed in it: what varies is left out when the layer is written.
"""

from collections.abc import Iterable, Sequence

from tagstone.domain.code.source import EntryKind
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments import containerfile
from tagstone.domain.environments.channels import Channels
from tagstone.domain.environments.lock import Lock
from tagstone.domain.environments.needs import MICROMAMBA, Conda, Julia, Needs, Python, R
from tagstone.domain.environments.snapshots import snapshot_address
from tagstone.domain.images.oci import ImageSettings

WORKSPACE = "/workspace"
VENV = "/opt/venv"
CONDA = "/opt/conda"
JULIA = "/usr/local/julia"
JULIA_PACKAGES = "/opt/julia"
KEPT = "/opt/repository"
"""Where what postBuild made among the code is kept: runs begin with a fresh copy of the code, and have it laid in."""

_SCRATCH = "/.tagstone"  # never in an image: our writer leaves it out
_CONTEXT = f"{_SCRATCH}/context"
_STAMP = "1980-01-01 00:00:00"  # of R packages, as containerfile.EPOCH
_LAY_IN = f'cp -Rn {KEPT}/. . 2>/dev/null; exec "$0" "$@"'
# Debug information would hold the names of pip's temporary folders, which are random.
_PLAIN_CODE = "CFLAGS=-g0 CXXFLAGS=-g0 FFLAGS=-g0"
_PIP = "install --no-cache-dir --no-compile --disable-pip-version-check"
_SOURCES = "s#https?://[^ ]*/(debian|debian-security|ubuntu)/?( |$)"
_PREFERENCE = r'{print "Package: " $1 "\nPin: version " $2 "\nPin-Priority: 1001\n"}'
_OTHERS = (
    "NR == FNR {locked[$1] = $2; next} ($1 in locked) && locked[$1] != $2 "
    '{print $1, $2, "is not", locked[$1], "of tagstone.lock"; other = 1} END {exit other}'
)
_FROM_LOCK = (
    "import json, sys",
    "lock = json.load(open(sys.argv[1]))",
    'for name, one in {**lock["develop"], **lock["default"]}.items():',
    '    marker = "; " + one["markers"] if one.get("markers") else ""',
    '    print(name + one["version"] + marker, *("--hash=" + each for each in one["hashes"]))',
)


def images_beside(needs: Needs) -> tuple[str, ...]:
    """The images that a recipe takes files from, after its base: `{base:1}` and so on."""
    return (*([MICROMAMBA] if needs.conda else []), *([needs.julia.image] if needs.julia else []))


def search_path(needs: Needs, below: str) -> str:
    """The search path for programs: what was installed for this environment first, then what is `below`."""
    places = [f"{VENV}/bin"] * bool(needs.python) + [f"{CONDA}/bin"] * bool(needs.conda) + [f"{JULIA}/bin"] * bool(needs.julia)
    return ":".join([*places, below])


def entrypoint(needs: Needs, tree: Tree) -> tuple[str, ...]:
    """What every container of the environment begins with; the command comes after it, to be executed in the end."""
    first = ("sh", "-c", _LAY_IN) if needs.at_the_workspace else ()
    return (*first, *_interpreter(tree, needs.start), f"{WORKSPACE}/{needs.start}") if needs.start else first


def containerfile_lines(needs: Needs, settings: ImageSettings, tree: Tree, lock: Lock, channels: Channels) -> list[str]:
    """The Containerfile of `needs`, line by line; `{base:0}` is the base, the others are `images_beside`."""
    place = WORKSPACE if needs.at_the_workspace else _CONTEXT
    lines = [
        "# Written by Tagstone. Caches and logs are not removed here: what varies is left out when the layer is written.",
        "FROM {base:0}",
        f"ARG SOURCE_DATE_EPOCH={containerfile.EPOCH}",
        "USER root",
        "ENV LANG=C.UTF-8",
    ]
    lines += _apt(needs.apt, lock, channels) if needs.apt else []
    lines += [f"COPY . {place}/"] if needs.whole_tree else [f"COPY {path} {place}/{path}" for path in needs.files]
    lines += [f"WORKDIR {place}"] if needs.whole_tree or needs.install else []
    early = needs.python is not None and needs.python.editable
    lines += _seen() if early else []
    lines += _conda(needs.conda, 1, lock) if needs.conda else []
    lines += _python(needs.python, place, lock) if needs.python else []
    lines += _r(needs.r, place) if needs.r else []
    lines += _julia(needs.julia, 1 + bool(needs.conda), place) if needs.julia else []
    if needs.python or needs.conda or needs.julia:
        lines += [f"ENV PATH={dict(settings.env)['PATH']}"]
    lines += [_script(tree, needs.install)] if needs.install else []
    lines += _seen() if needs.post_build and not early else []
    lines += [_script(tree, needs.post_build)] if needs.post_build else []
    return [*lines, *(_kept() if needs.at_the_workspace else [])]


def _apt(packages: Sequence[str], lock: Lock, channels: Channels) -> list[str]:
    steps, options = ["export DEBIAN_FRONTEND=noninteractive"], ""
    if lock.deb:
        # By preference, not by name: apt would note what is named as asked for by hand, and the layer would be another one.
        steps += [
            "mkdir -p " + _SCRATCH,
            " \\\n".join([r"printf '%s %s\n'", *(f"      {name} {lock.deb[name]}" for name in sorted(lock.deb))])
            + f" \\\n      > {_SCRATCH}/locked",
            f"awk '{_PREFERENCE}' {_SCRATCH}/locked > {_SCRATCH}/preferences",
        ]
        options = f" -o Dir::Etc::Preferences={_SCRATCH}/preferences"
    address = snapshot_address(channels.snapshots, lock.snapshot)
    if address:
        # The image's own sources stay as they are; signatures are checked as ever, only their age is not.
        steps += [
            f"mkdir -p {_SCRATCH}/apt/sources.list.d",
            f"cp -R /etc/apt/sources.list* {_SCRATCH}/apt/",
            f"find {_SCRATCH}/apt -type f -exec sed -E -i '{_SOURCES}#{address}\\2#' {{}} +",
        ]
        options += (
            f" -o Dir::Etc::SourceList={_SCRATCH}/apt/sources.list -o Dir::Etc::SourceParts={_SCRATCH}/apt/sources.list.d"
        )
        options += " -o Acquire::Check-Valid-Until=false"
    names = " \\\n".join(f"      {name}" for name in sorted(set(packages)))
    steps += [
        f"apt-get{options} update",
        f"apt-get{options} install --yes --no-install-recommends --allow-downgrades \\\n{names}",
    ]
    if lock.deb:
        steps.append(f"dpkg-query -W -f '${{Package}} ${{Version}}\\n' | awk '{_OTHERS}' {_SCRATCH}/locked -")
    return ["RUN " + " \\\n && ".join(steps)]


def _python(python: Python, place: str, lock: Lock) -> list[str]:
    lines = [f"RUN python3 -m venv {VENV}"]
    pip = f"{_PLAIN_CODE} PIP_ROOT_USER_ACTION=ignore {VENV}/bin/pip {_PIP}"
    if python.lock:
        lines += _written("pipfile.py", _FROM_LOCK)
        lines += [
            f"RUN python3 {_SCRATCH}/pipfile.py {place}/{python.lock} > {_SCRATCH}/locked.txt \\",
            f" && {pip} --no-deps --require-hashes -r {_SCRATCH}/locked.txt",
        ]
    if lock.pypi:
        lines += _written("constraints.txt", [f"{name}=={version}" for name, version in sorted(lock.pypi.items())])
        pip += f" -c {_SCRATCH}/constraints.txt"
    if python.listed:
        lines += [*_written("listed.txt", python.listed), f"RUN {pip} -r {_SCRATCH}/listed.txt"]
    if python.requirements:
        lines.append(f"RUN {pip} -r {place}/{python.requirements}")
    return [*lines, f"RUN {pip} {place}"] if python.project else lines


def _conda(conda: Conda, number: int, lock: Lock) -> list[str]:
    words = ["--override-channels", *(f"--channel {address}" for address in conda.channels)]
    words += [f"'{specification}'" for specification in conda.specifications]
    lines = [
        f"COPY --from={{base:{number}}} /bin/micromamba {_SCRATCH}/micromamba",
        f"RUN {_SCRATCH}/micromamba create --yes --root-prefix {_SCRATCH}/micromamba-root --prefix {CONDA} \\",
        *_listed(words),
    ]
    if conda.pip:
        pip = f"{_PLAIN_CODE} PIP_ROOT_USER_ACTION=ignore {CONDA}/bin/python -m pip {_PIP}"
        if lock.pypi:
            lines += _written("constraints.txt", [f"{name}=={version}" for name, version in sorted(lock.pypi.items())])
            pip += f" -c {_SCRATCH}/constraints.txt"
        lines += [*_written("listed.txt", conda.pip), f"RUN {pip} -r {_SCRATCH}/listed.txt"]
    return lines


def _r(r: R, place: str) -> list[str]:
    lines: list[str] = []
    if r.cran:
        # R only warns when a package is not there; and it writes the time of the build into every package.
        lines += _written(
            "cran.R",
            [
                f'options(repos = c(CRAN = "{r.cran}"))',
                "install.packages <- function(pkgs, ..., INSTALL_opts = character()) {",
                f'  stamp <- "--built-timestamp={_STAMP}"',
                "  utils::install.packages(pkgs, ..., INSTALL_opts = c(INSTALL_opts, shQuote(stamp)))",
                "  missing <- setdiff(pkgs, rownames(installed.packages()))",
                '  if (length(missing)) stop("not installed: ", toString(missing))',
                "}",
            ],
        )
    if r.packages:
        names = ", ".join(f'"{name}"' for name in r.packages)
        lines += [f"RUN Rscript --vanilla -e 'source(\"{_SCRATCH}/cran.R\")' -e 'install.packages(c({names}))'"]
    if r.script:
        lines += [f"RUN Rscript --vanilla -e 'source(\"{_SCRATCH}/cran.R\")' -e 'source(\"{place}/{r.script}\")'"]
    if r.project:
        lines += [f"RUN R CMD INSTALL --built-timestamp='{_STAMP}' {place}"]
    return lines


def _julia(julia: Julia, number: int, place: str) -> list[str]:
    project = f"{place}/{julia.folder}".rstrip("/")
    return [
        f"COPY --from={{base:{number}}} {JULIA} {JULIA}",
        f"RUN JULIA_PKG_SERVER={julia.server} JULIA_DEPOT_PATH={JULIA_PACKAGES} \\",
        f"      {JULIA}/bin/julia --project={project} -e 'using Pkg; Pkg.instantiate(); Pkg.precompile()'",
        f"ENV JULIA_DEPOT_PATH=:{JULIA_PACKAGES} JULIA_PROJECT={f'{WORKSPACE}/{julia.folder}'.rstrip('/')}",
    ]


def _script(tree: Tree, path: str) -> str:
    """The line that runs a script of the repository: by itself when it may, else by what its first line names."""
    entry = tree.file(path)
    if entry is not None and entry.kind is EntryKind.EXECUTABLE:
        return f"RUN ./{path}"
    return f"RUN {' '.join(_interpreter(tree, path))} ./{path}"


def _interpreter(tree: Tree, path: str) -> tuple[str, ...]:
    """What a script's first line names; `sh` where it names nothing that could be written into a Containerfile as it is."""
    first = (tree.text(path) or "").partition("\n")[0]
    words = first.removeprefix("#!").split() if first.startswith("#!/") else []
    plain = all(word.replace("/", "").replace("-", "").replace(".", "").replace("_", "").isalnum() for word in words)
    return tuple(words) if words and plain and first.isascii() else ("sh",)


def _seen() -> list[str]:
    """Note which files are there, so that what is made from here on is known."""
    return [f"RUN mkdir -p {_SCRATCH} && find . ! -type d -print0 | sort -z > {_SCRATCH}/before"]


def _kept() -> list[str]:
    """Keep what was made among the code, and take the code away: it comes with every commit's own layer."""
    return [
        "RUN find . ! -type d -print0 | sort -z \\",
        f"    | comm -z -13 {_SCRATCH}/before - > {_SCRATCH}/made \\",
        f" && mkdir {KEPT} \\",
        f" && tar --create --file=- --null --files-from={_SCRATCH}/made | tar --extract --file=- --directory={KEPT} \\",
        f" && cd / && rm -rf {WORKSPACE}",
    ]


def _written(name: str, lines: Iterable[str]) -> list[str]:
    """Write a file of ours for the build, line by line; single quotes in it are written as shells need them."""
    quoted = ["'" + line.replace("'", "'\\''") + "'" for line in lines]
    return [
        f"RUN mkdir -p {_SCRATCH} && printf '%s\\n' \\",
        *(f"      {line} \\" for line in quoted),
        f"      > {_SCRATCH}/{name}",
    ]


def _listed(words: Sequence[str]) -> list[str]:
    lines = [f"      {word}" for word in words]
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]
