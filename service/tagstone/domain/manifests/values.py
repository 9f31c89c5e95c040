"""The kinds of values a manifest has, each with the words that say what is wrong with one."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictStr, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from tagstone.domain.citations.licences import meant
from tagstone.domain.citations.spdx import CFF, NEWER
from tagstone.domain.reading.globs import glob_problem
from tagstone.domain.reading.nearest import nearest_names
from tagstone.domain.reading.paths import path_problem

_BASE = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_DEBIAN = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DOI_FILE = re.compile(r"doi:10\.[0-9]{4,9}(?:\.[0-9]+)*/[^\s/]{1,200}/\S[^\x00-\x1f]{0,400}")
_HTTPS = re.compile(r"https://[^\s/?#@\\]+(?:[/?#]\S*)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S{1,400}")
_LOCAL = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
ROR = re.compile(r"https://ror\.org/(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})")
_WEB = re.compile(r"https?://[^\s@/]+(?:/\S*)?")

ACCESS = ("open", "embargoed", "restricted")
KINDS = ("software", "dataset", "workflow", "notebook", "model", "other")
RELATIONS = {
    name: "is" + name.replace("-", "")
    for name in (
        "cited-by", "supplement-to", "supplemented-by", "continued-by", "described-by", "metadata-for", "version-of",
        "new-version-of", "previous-version-of", "part-of", "published-in", "referenced-by", "documented-by", "compiled-by",
        "variant-form-of", "original-form-of", "identical-to", "reviewed-by", "derived-from", "source-of", "required-by",
        "obsoleted-by",
    )
}  # fmt: skip


def wrong(message: str, remedy: str) -> PydanticCustomError:
    """A fault for pydantic to carry out of a validator, with our two sentences."""
    return PydanticCustomError("tagstone", "{message}", {"message": message, "remedy": remedy})


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")


def _written_as(pattern: re.Pattern[str], what: str, remedy: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise wrong(f"{_shown(text)} is not {what}.", remedy)
        return text

    return check


def _path(text: str) -> str:
    problem = path_problem(text)
    if problem:
        raise wrong(f"The path {_shown(text)} {problem}.", "Write a path inside the repository, such as data/sample.csv.")
    return text


def _glob(text: str) -> str:
    problem = glob_problem(text)
    if problem:
        raise wrong(f"The glob {_shown(text)} {problem}.", "Write a glob inside the workspace, such as results/*.png.")
    return text


def _argument(text: str) -> str:
    if "\0" in text or len(text) > 100_000:
        raise wrong("An argument has a NUL character or is too long.", "Read long texts from a file of the repository.")
    return text


def _source(text: str) -> str:
    """An address, a DOI with a file's name, or a path."""
    if text.startswith("doi:"):
        known = _DOI_FILE.fullmatch(text)
    elif _SCHEME.match(text):
        known = _HTTPS.fullmatch(text)
    else:
        known = _LOCAL.fullmatch(text)
    if not known or len(text) > 2000:
        remedy = "Write https://host/path without a user name, doi:10.5281/zenodo.3939050/file.csv, or a path such as data.csv."
        raise wrong(f"{_shown(text)} is not a place that inputs can be fetched from.", remedy)
    return text


def _licence(text: str) -> str:
    if text not in CFF and text not in NEWER:
        near = meant(text)
        remedy = f"Did you mean {near}?" if near else "Write one such as CC-BY-4.0."
        raise wrong(f"{_shown(text)} is no SPDX licence.", remedy)
    return text


def _relation(text: str) -> str:
    if text not in RELATIONS:
        raise wrong(f"{_shown(text)} is no relation.", "Write one of: " + ", ".join(RELATIONS) + ".")
    return text


def _one_of(names: Sequence[str], what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in names:
            near = nearest_names(text, names, 1)
            remedy = f"Did you mean {near[0]}?" if near else f"Write one of: {', '.join(names)}."
            raise wrong(f"{_shown(text)} is no {what}.", remedy)
        return text

    return check


def _day(text: str) -> str:
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise wrong(f"{_shown(text)} is no day of the calendar.", "Write year, month and day, such as 2027-01-31.")


def _funder(text: str) -> str:
    if "ror.org" in text and not ROR.fullmatch(text):
        raise wrong(f"{_shown(text)} is no ROR id.", "Copy it from https://ror.org, such as https://ror.org/018mejw64.")
    if not text.strip() or len(text) > 300 or re.search(r"[\x00-\x1f\x7f]", text):
        raise wrong("A funder is a name in one line, of up to 300 characters.", "Write its name, or its ROR id.")
    return text


def _parameter(value: Any, handler: Callable[[Any], Any]) -> Any:
    try:
        return handler(value)
    except ValidationError:
        raise wrong("A parameter is a text, a number, true or false.", "Put other things in quotes.") from None


BaseName = Annotated[
    StrictStr, AfterValidator(_written_as(_BASE, "an image", "Write a name with its tag, such as debian:bookworm."))
]
DebianName = Annotated[
    StrictStr,
    Field(json_schema_extra={"pattern": f"^{_DEBIAN.pattern}$"}),
    AfterValidator(
        _written_as(_DEBIAN, "a Debian package", "Write names such as python3-numpy; versions are kept in tagstone.lock.")
    ),
]
RelativePath = Annotated[StrictStr, AfterValidator(_path)]
Glob = Annotated[StrictStr, AfterValidator(_glob)]
InputSource = Annotated[StrictStr, AfterValidator(_source)]
LicenceId = Annotated[StrictStr, AfterValidator(_licence)]
FindingName = Annotated[
    StrictStr,
    AfterValidator(
        _written_as(re.compile(r"[^\x00-\x1f]{1,600}"), "a finding's name", "Copy the name from the message that stopped.")
    ),
]
Sha256 = Annotated[
    StrictStr,
    Field(json_schema_extra={"pattern": f"^{_SHA256.pattern}$"}),
    AfterValidator(
        _written_as(_SHA256, "a sha256", "Write the 64 hexadecimal digits (lower case) that `sha256sum FILE` prints.")
    ),
]
Argument = Annotated[StrictStr, AfterValidator(_argument)]
ParameterName = Annotated[
    StrictStr, AfterValidator(_written_as(_NAME, "a parameter's name", "Use letters, digits and underscores."))
]
ParameterValue = Annotated[str | int | float | bool, WrapValidator(_parameter)]
Word = Annotated[
    StrictStr,
    AfterValidator(_written_as(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"), "a name", "Use letters, digits and hyphens.")),
]
AccessName = Annotated[
    StrictStr, Field(json_schema_extra={"enum": list(ACCESS)}), AfterValidator(_one_of(ACCESS, "kind of access"))
]
Kind = Annotated[StrictStr, Field(json_schema_extra={"enum": list(KINDS)}), AfterValidator(_one_of(KINDS, "kind of record"))]
Day = Annotated[StrictStr, Field(json_schema_extra={"format": "date"}), AfterValidator(_day)]
Funder = Annotated[StrictStr, AfterValidator(_funder)]
Line = Annotated[
    StrictStr,
    AfterValidator(_written_as(re.compile(r"\S|\S[^\x00-\x1f\x7f]{0,298}\S"), "one line", "Write up to 300 characters.")),
]
Relation = Annotated[StrictStr, Field(json_schema_extra={"enum": list(RELATIONS)}), AfterValidator(_relation)]
Doi = Annotated[
    StrictStr, AfterValidator(_written_as(_DOI, "a DOI", "Write it without its address, such as 10.5281/zenodo.1003150."))
]
WebAddress = Annotated[StrictStr, AfterValidator(_written_as(_WEB, "a web address", "Write https://host/path."))]
