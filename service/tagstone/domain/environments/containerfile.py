"""Containerfiles: read, and rewritten so that every base stands in our registry by digest.

The format: https://docs.docker.com/reference/dockerfile/ (heredocs are refused: neither Docker's build API nor the
buildah of Debian 12 reads them). Our own small reader, because PyPI's dockerfile-parse knows neither flags nor heredocs.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tagstone.domain.reading.faults import Fault, raise_faults

EPOCH = 315532800
"""The time of every build, in seconds: 1980-01-01, the first that zip archives (wheels) can say."""

_DIRECTIVE = re.compile(r"#\s*([a-z]+)\s*=\s*(.*?)\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"(?:^|\s)\d*<<-?\s*([\"']?)([A-Za-z_][A-Za-z0-9_.]*)\1")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})")
_PLACE = re.compile(r"^(FROM |COPY --from=)\{base:(\d+)\}", re.MULTILINE)
_TIME = f"ARG SOURCE_DATE_EPOCH={EPOCH}"
_NOT_CARRIED = {
    "VOLUME": "a run has one workspace, and what it writes elsewhere is not kept",
    "HEALTHCHECK": "the image specification has no such thing",
    "ONBUILD": "nothing is built on it",
}
_HEREDOC_KEYWORDS = ("RUN", "COPY", "ADD")


@dataclass(frozen=True)
class Instruction:
    """One instruction: `rest` is what follows keyword and flags with lines joined, `text` is all of it as written."""

    line: int
    keyword: str
    flags: tuple[tuple[str, str], ...]
    rest: str
    text: str

    def flag(self, name: str) -> str | None:
        """The value of `--name=value`, None when it is not there."""
        return dict(self.flags).get(name)


@dataclass(frozen=True)
class Parsed:
    """A Containerfile that was read: its instructions in order and the character that continues lines."""

    file: str
    instructions: tuple[Instruction, ...]
    escape: str = "\\"


@dataclass(frozen=True)
class Rewritten:
    """A Containerfile whose bases are `{base:N}`: N counts `written`; `layers_on` is the final stage's (None: scratch).

    `sources` are the paths and patterns that it copies out of the context, None when that cannot be told.
    """

    text: str
    written: tuple[str, ...]
    layers_on: int | None
    sources: tuple[tuple[int, str], ...] | None


def parse(text: str, file: str = "Containerfile") -> Parsed:
    """Read a Containerfile.

    Raises:
        Invalid: it has no FROM, or uses heredocs; every fault is listed.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    escape = _escape(lines)
    faults: list[Fault] = []
    instructions = []
    for number, physical in _logical(lines, escape, faults, file):
        instructions.append(_instruction(number, physical, escape))
    if not faults and not any(one.keyword == "FROM" for one in instructions):
        faults.append(Fault(file, "It has no FROM.", "Begin with FROM and a base, such as FROM debian:bookworm."))
    raise_faults(faults, "The Containerfile cannot be used")
    return Parsed(file, tuple(instructions), escape)


def not_carried(parsed: Parsed) -> list[Fault]:
    """Warnings for what no image of ours has: engines differ in it, or would make places that no limit holds for."""
    return [
        Fault(
            parsed.file,
            f"{one.keyword} is not carried into the image: {why}.",
            "Nothing, unless you rely on it.",
            one.line,
            warning=True,
        )
        for one in parsed.instructions
        if (why := _NOT_CARRIED.get(one.keyword))
    ]


def rewrite(parsed: Parsed, architecture: str = "amd64") -> Rewritten:
    """Put places for pinned bases and the time of the build into a Containerfile.

    Raises:
        Invalid: it fetches what nobody can pin (ADD of an address, bases that only the build knows); all faults are listed.
    """
    writer = _Rewriter(parsed.file, architecture)
    for instruction in parsed.instructions:
        writer.take(instruction)
    raise_faults(writer.faults, "The Containerfile cannot be used")
    head = [] if parsed.escape == "\\" else [f"# escape={parsed.escape}"]
    sources = None if writer.whole_tree else tuple(writer.sources)
    return Rewritten("\n".join([*head, *writer.lines]) + "\n", tuple(writer.written), writer.stands_on(), sources)


def render(text: str, bases: Sequence[str], extra: Sequence[str] = ()) -> str:
    """The Containerfile for an engine: references in place of `{base:N}`, and `extra` lines after every FROM."""
    known = {str(number): reference for number, reference in enumerate(bases)}
    filled = _PLACE.sub(lambda match: match[1] + known[match[2]] if match[2] in known else match[0], text)
    return re.sub(f"^{_TIME}$", lambda match: "\n".join([*extra, match[0]]), filled, flags=re.MULTILINE)


def _escape(lines: Sequence[str]) -> str:
    for line in lines:
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape" and match[2] in ("\\", "`"):
            return match[2]
    return "\\"


def _logical(lines: Sequence[str], escape: str, faults: list[Fault], file: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each instruction's first line (from 1) and its lines; comments and empty lines are left out."""
    number = 0
    while number < len(lines):
        first = number + 1
        taken: list[str] = []
        while number < len(lines):
            line = lines[number]
            number += 1
            if not line.strip() or line.lstrip().startswith("#"):
                if not taken:
                    break
                continue
            taken.append(line.rstrip())
            if not taken[-1].endswith(escape):
                break
        if not taken:
            continue
        heredoc = _heredoc(" ".join(taken))
        if heredoc is None:
            yield first, taken
            continue
        faults.append(
            Fault(
                file,
                "Heredocs (<<) are not read by every builder.",
                "Put the lines into a file and COPY it, or join them with &&.",
                first,
            )
        )
        while number < len(lines) and lines[number].strip() != heredoc:
            number += 1
        number += 1


def _heredoc(text: str) -> str | None:
    if text.split(None, 1)[0].upper() not in _HEREDOC_KEYWORDS:
        return None
    match = _HEREDOC.search(text)
    return match[2] if match else None


def _instruction(number: int, physical: Sequence[str], escape: str) -> Instruction:
    joined = " ".join(line.removesuffix(escape).strip() for line in physical).strip()
    keyword, _, rest = joined.partition(" ")
    flags = []
    rest = rest.strip()
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        name, _, value = flag[2:].partition("=")
        flags.append((name, value))
        rest = rest.strip()
    return Instruction(number, keyword.upper(), tuple(flags), rest, "\n".join(physical))


@dataclass
class _Rewriter:
    """What was seen so far while a Containerfile is rewritten from top to bottom."""

    file: str
    architecture: str
    lines: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    sources: list[tuple[int, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    whole_tree: bool = False
    arguments: dict[str, str] = field(default_factory=dict)
    # Each stage's name (or its number) and the base it stands on in the end.
    stages: dict[str, int | None] = field(default_factory=dict)
    stage_bases: list[int | None] = field(default_factory=list)

    def take(self, one: Instruction) -> None:
        """Rewrite one instruction."""
        if one.keyword == "FROM":
            self._from(one)
        elif one.keyword == "ARG" and not self.stage_bases:
            self._argument(one)
        elif one.keyword in ("COPY", "ADD"):
            self._copy(one)
        else:
            if one.keyword == "RUN":
                self._mounts(one)
            self.lines.append(one.text)

    def stands_on(self) -> int | None:
        """The base under the final stage."""
        return self.stage_bases[-1]

    def _fault(self, one: Instruction, message: str, remedy: str) -> None:
        self.faults.append(Fault(self.file, message, remedy, one.line))

    def _argument(self, one: Instruction) -> None:
        name, equals, value = one.rest.partition("=")
        if equals:
            self.arguments[name.strip()] = self._expand(value.strip().strip("\"'"), one)
        self.lines.append(one.text)

    def _from(self, one: Instruction) -> None:
        words = one.rest.split()
        if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
            self._fault(one, "This FROM cannot be read.", "Write FROM image, or FROM image AS name.")
            self.stage_bases.append(None)
            return
        platform = one.flag("platform") or ""
        if platform and "$" not in platform and platform.split("/")[1:2] != [self.architecture]:
            self._fault(
                one,
                f"It asks for platform {platform}.",
                f"Images are built for linux/{self.architecture}: leave --platform out.",
            )
        image, name = self._expand(words[0], one), words[2].lower() if len(words) == 3 else ""
        if image.lower() in self.stages:
            place, place_base = image, self.stages[image.lower()]
        elif image == "scratch":
            place, place_base = image, None
        else:
            place_base = self._base(image)
            place = f"{{base:{place_base}}}"
        self.lines += [f"FROM {place}" + (f" AS {name}" if name else ""), _TIME]
        self.stages[name or f"\0{len(self.stage_bases)}"] = place_base
        self.stage_bases.append(place_base)

    def _base(self, image: str) -> int:
        if image not in self.written:
            self.written.append(image)
        return self.written.index(image)

    def _copy(self, one: Instruction) -> None:
        origin = one.flag("from")
        if origin is None:
            self._context(one)
            self.lines.append(one.text)
            return
        if one.keyword == "ADD" or "$" in origin:
            self._fault(
                one, f"{one.keyword} --from={origin} cannot be pinned.", "Use COPY --from with a stage's name or an image."
            )
        elif self._is_stage(origin):
            self.lines.append(one.text)
        else:
            flags = "".join(f" --{name}={value}" for name, value in one.flags if name != "from")
            self.lines.append(f"COPY --from={{base:{self._base(origin)}}}{flags} {one.rest}")

    def _is_stage(self, origin: str) -> bool:
        return origin.lower() in self.stages or (origin.isdecimal() and int(origin) < len(self.stage_bases))

    def _context(self, one: Instruction) -> None:
        words = _words(one.rest)
        if words is None:
            self.whole_tree = True
            return
        for source in words[:-1]:
            if "://" in source or source.startswith("git@"):
                self._fault(
                    one,
                    f"{one.keyword} fetches {source[:100]}, whose content may change.",
                    "Put the file into the repository, or fetch it in a RUN that compares its checksum.",
                )
            elif any(mark in source for mark in "$[]\\\"'"):
                self.whole_tree = True
            else:
                self.sources.append((one.line, source))

    def _mounts(self, one: Instruction) -> None:
        for name, value in one.flags:
            if name != "mount":
                continue
            self.whole_tree = True
            parts = dict(part.partition("=")[::2] for part in value.split(","))
            origin = parts.get("from")
            if origin is not None and not self._is_stage(origin):
                self._fault(
                    one, f"RUN --mount takes {origin} from outside.", "Name a stage: FROM image AS name, then from=name."
                )

    def _expand(self, text: str, one: Instruction) -> str:
        def value(match: re.Match[str]) -> str:
            name, sign, other = match[1] or match[2], match[3], match[4]
            known = self.arguments.get(name, "")
            if sign == "+":
                return str(other) if known else ""
            if not known and sign != "-":
                self._fault(one, f"${name} has no value here.", f"Write ARG {name}=value before the first FROM.")
            return known or other or ""

        return _VARIABLE.sub(value, text)


def _words(rest: str) -> list[str] | None:
    """The words of COPY or ADD, in either form; None when they cannot be told."""
    if not rest.startswith("["):
        words = rest.split()
        return words if len(words) > 1 else None
    try:
        listed = json.loads(rest)
    except ValueError:
        return None
    return listed if isinstance(listed, list) and all(isinstance(word, str) for word in listed) else None
