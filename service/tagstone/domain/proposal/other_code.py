"""R and shell as they are written: which packages a script loads, which files it writes, which scripts it calls."""

import re
from collections.abc import Iterable

from tagstone.domain.proposal.findings import Findings

_LONGEST = 500_000
_CALL = 1000  # characters of one call that are looked at
_LIBRARY = re.compile(r"\b(?:library|require|requireNamespace)\(\s*[\"']?([A-Za-z][A-Za-z0-9.]{0,60})[\"']?\s*[,)]")
_NAMESPACE = re.compile(r"\b([A-Za-z][A-Za-z0-9.]{1,60}):::?[A-Za-z.]")
_R_WRITERS = re.compile(
    r"\b(?:write\.csv2?|write\.table|write_csv|write_tsv|write_delim|write_rds|fwrite|ggsave|png|pdf|svg|jpeg|tiff|saveRDS|save|"
    r"writeLines|sink|dput|cairo_pdf|write_json|write_parquet|write_feather|saveWidget|save_plot)\("
)
_STRING = re.compile(r"\"([^\"\n]{1,300})\"|'([^'\n]{1,300})'")
_FILE_PATH = re.compile(r"file\.path\(([^()\n]{1,300})\)")
_FILE = re.compile(r"(?:[^/\s]+/)*[^/\s]*\.[A-Za-z][A-Za-z0-9]{0,9}|(?:[^/\s]+/)+[^/\s]+")
_REDIRECT = re.compile(
    r"(?<![0-9&<>-])[12]?>{1,2}\s*([A-Za-z0-9_.][A-Za-z0-9_./-]{0,200})|\btee\s+(?:-a\s+)?([A-Za-z0-9_.][A-Za-z0-9_./-]{0,200})"
)


def read_r(text: str) -> Findings:
    """What an R script (or the R chunks of a document) loads and writes."""
    found = Findings()
    text = "\n".join(line.partition("#")[0] if line.lstrip().startswith("#") else line for line in text[:_LONGEST].split("\n"))
    for pattern in (_LIBRARY, _NAMESPACE):
        found.imports |= dict.fromkeys(match[1] for match in pattern.finditer(text))
    for match in _R_WRITERS.finditer(text):
        call = _arguments(text, match.end())
        call = _FILE_PATH.sub(_joined, call)
        names = (one or other for one, other in _STRING.findall(call))
        found.wrote(next((name for name in names if _FILE.fullmatch(name)), None))
    return found


def read_shell(text: str) -> Findings:
    """What a shell script or Makefile writes by redirection."""
    found = Findings()
    for line in text[:_LONGEST].split("\n"):
        if not line.lstrip().startswith("#"):
            for one, other in _REDIRECT.findall(line[:2000]):
                found.wrote(one or other)
    return found


def called_programs(text: str) -> set[str]:
    """The words of a script or Makefile, among which programs may be."""
    return set(re.findall(r"(?<![\w./-])[A-Za-z][A-Za-z0-9+_-]*(?![\w./-])", text[:_LONGEST]))


def named_scripts(text: str, paths: Iterable[str]) -> list[str]:
    """The files of the repository that a script or Makefile names, in the order of `paths`."""
    words = set(re.findall(r"[A-Za-z0-9_./-]+", text[:_LONGEST]))
    plain = {word.removeprefix("./") for word in words}
    return [path for path in paths if path in plain]


def _arguments(text: str, at: int) -> str:
    """What stands between a call's brackets, as far as it is looked at."""
    depth, piece = 1, text[at : at + _CALL]
    for number, character in enumerate(piece):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return piece[:number]
    return piece


def _joined(match: re.Match[str]) -> str:
    parts = [part.strip() for part in match[1].split(",")]
    texts = [part[1:-1] if part[:1] in ("'", '"') else "*" for part in parts]
    return '"' + "/".join(texts) + '"'
