"""R as repo2docker reads it, from Debian's packages where they have what is named, from the site's CRAN where they have not."""

import re
from dataclasses import dataclass

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.needs import R
from tagstone.domain.environments.rees.debian_r import BIOCONDUCTOR, CRAN
from tagstone.domain.environments.rees.found import DESCRIPTION, INSTALL_R, EnvironmentFiles
from tagstone.domain.reading.faults import Fault

_WITH_R = frozenset(
    "R base compiler datasets graphics grDevices grid methods parallel splines stats stats4 tcltk tools utils".split()  # noqa: SIM905
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]")
_QUOTED = re.compile(r"[\"']([^\"'\\\n]*)[\"']")
_TEXT = r"[\"'][^\"'\n]*+[\"']"
_NAMES = rf"(?:{_TEXT}|c\((?:\s*+{_TEXT}\s*+,?)*+\s*+\))"
_OPTIONS = rf"(?:\s*+,\s*+(?:repos|dependencies|quiet|Ncpus|lib|type)\s*+=\s*+(?:[\w.:]++|{_TEXT}|c\([^()]*+\)))*+"
_PLAIN_CALL = re.compile(rf"(?:utils::)?install\.packages\(\s*+(?:pkgs\s*+=\s*+)?({_NAMES}){_OPTIONS}\s*+\)\s*+;?")
_LONGEST = 100_000  # characters of a script that only names packages
_CONDITION = re.compile(r"if\s*\(\s*!\s*(?:require|requireNamespace)\([^()]*\)\s*\)\s*\{?\s*(?=(?:utils::)?install\.packages)")
_HARMLESS = re.compile(
    r"(?:options\([^()]*(?:\([^()]*\)[^()]*)*\)|(?:library|require|suppressPackageStartupMessages)\([^()]*\)|[\s;}])"
)
_COMMENT = re.compile(r"#[^\n]*")
_FIELD = re.compile(
    r"^(Depends|Imports|LinkingTo|Remotes|Package|Version)\s*:((?:.*)(?:\n[ \t]+.*)*)", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True)
class FoundR:
    """What R needs: packages of Debian, what is installed beside them (None: nothing), files, and whether it sees the whole tree."""

    apt: tuple[str, ...]
    r: R | None
    files: tuple[str, ...] = ()
    whole_tree: bool = False


def read_r(files: EnvironmentFiles, tree: Tree, cran: str | None, *, wanted: bool, faults: list[Fault]) -> FoundR | None:
    """What install.R and DESCRIPTION ask for, None when R is not `wanted` and neither is there; `cran` is the site's address.

    What is wrong, or needs a CRAN that the site has not, is added to `faults`.
    """
    script, description = files.path(INSTALL_R), files.path(DESCRIPTION)
    if not (script or description or wanted):
        return None
    names: dict[str, str] = {}
    runs = False
    if script:
        plain = named_packages(tree.text(script) or "")
        runs = plain is None
        names |= dict.fromkeys(plain or (), script)
    if description:
        names |= dict.fromkeys(_described(description, tree.text(description) or "", faults), description)
    debian, other = _split(names)
    _judge(other, script if runs else None, cran, faults)
    compiled = bool(other) or runs or (description is not None and any(entry.path.startswith("src/") for entry in tree.entries))
    apt = ["r-base-core", *debian, *(["r-base-dev"] if compiled else []), *(["ca-certificates"] if other or runs else [])]
    made = R(cran if other or runs else None, tuple(sorted(other)), script if runs else None, description is not None)
    seen = (script,) if runs and script else ()
    return FoundR(tuple(apt), made if other or runs or description else None, seen, description is not None)


def named_packages(script: str) -> tuple[str, ...] | None:
    """The packages that an install.R names, when it does nothing but call `install.packages` with names; else None."""
    if len(script) > _LONGEST:
        return None
    names: list[str] = []
    rest = _CONDITION.sub("", _COMMENT.sub("", script.replace("\r\n", "\n")))
    for match in _PLAIN_CALL.finditer(rest):
        names += _QUOTED.findall(match[1])
    rest = _HARMLESS.sub("", _PLAIN_CALL.sub("", rest))
    return None if rest or not all(_NAME.fullmatch(name) for name in names) else tuple(dict.fromkeys(names))


def debian_package(name: str) -> str | None:
    """The Debian package of an R package, None where Debian has none."""
    lower = name.lower()
    return f"r-cran-{lower}" if lower in CRAN else f"r-bioc-{lower}" if lower in BIOCONDUCTOR else None


def _split(names: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Debian's packages, sorted, and those (with the file that names them) that it has not."""
    wanted = {name: file for name, file in names.items() if name not in _WITH_R}
    found = {name: package for name in wanted if (package := debian_package(name))}
    return sorted(set(found.values())), {name: file for name, file in wanted.items() if name not in found}


def _judge(other: dict[str, str], script: str | None, cran: str | None, faults: list[Fault]) -> None:
    """One fault that says everything which needs CRAN, where the site has none."""
    if cran:
        return
    remedy = "The site has to set TAGSTONE_BUILDS__CRAN, the address of a CRAN (best one that stays as it is)."
    if script:
        message = "It does more than name packages, so it needs a CRAN to install from, and this site has none."
        faults.append(Fault(script, message, f'{remedy} Or name packages only: install.packages("ggplot2").'))
    elif other:
        message = f"Debian has no {', '.join(sorted(other))}: this needs a CRAN to install from, and this site has none."
        faults.append(Fault(next(iter(other.values())), message, f"{remedy} Or do without what Debian has not."))


def _described(file: str, text: str, faults: list[Fault]) -> list[str]:
    """The packages that a DESCRIPTION needs."""
    fields = {name.lower(): value for name, value in _FIELD.findall(text.replace("\r\n", "\n"))}
    if not {"package", "version"} <= set(fields):
        faults.append(Fault(file, "It describes no package.", "Add `Package:` and `Version:`, or name packages in install.R."))
    if "remotes" in fields:
        message = "`Remotes` is not followed: what it names would change."
        faults.append(Fault(file, message, "Name released packages below `Imports`, or install it in postBuild."))
    words = [
        re.split(r"[\s(]", word.strip(), maxsplit=1)[0]
        for key in ("depends", "imports", "linkingto")
        for word in fields.get(key, "").split(",")
    ]
    strange = [word for word in words if word and not _NAME.fullmatch(word) and word != "R"]
    faults += [Fault(file, f"{word[:60]!r} is no R package.", "Write names, separated by commas.") for word in strange]
    return [word for word in words if _NAME.fullmatch(word)]
