"""YAML as authors write it: read strictly, with the line of every value, and all faults at once.

Only the JSON part of YAML 1.2's core schema is taken: no tags, anchors or aliases (a few bytes of them can ask for
gigabytes), no duplicated keys, no dates; `yes` and `no` are texts.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from tagstone.domain.reading.faults import Fault

MAX_BYTES = 2**20
MAX_DEPTH = 20
MAX_VALUES = 20_000
Path = tuple[str | int, ...]

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,3})?")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NULLS = ("", "~", "null", "Null", "NULL")
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Place:
    """Where a value stands (`line` from 1; a mapping's entry is where its key is) and, for a scalar, its text as written."""

    line: int
    text: str = ""


@dataclass
class Document:
    """A YAML text as plain values: dictionaries with text keys, tuples, texts, numbers, truths, None."""

    value: object = None
    places: dict[Path, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: Path) -> int | None:
        """The line of a value, or of the nearest thing around it that is there; None for the whole document."""
        for length in range(len(path), 0, -1):
            place = self.places.get(path[:length])
            if place:
                return place.line
        return None

    def text(self, path: Path) -> str:
        """A scalar as it was written, such as `1.10` where the value is the number 1.1."""
        return self.places[path].text


def decode(data: bytes, file: str) -> tuple[str, tuple[Fault, ...]]:
    """A file's bytes as text, with a fault (and the empty text) for anything but UTF-8."""
    if len(data) > MAX_BYTES:
        return "", (_too_large(file),)
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", (Fault(file, "The file is not UTF-8.", "Save it in the encoding UTF-8.", line),)


def read_yaml(text: str, file: str) -> Document:
    """Read one document; whatever the text, faults in the answer are all that comes of it."""
    document = Document()
    if len(text) > MAX_BYTES:
        document.faults.append(_too_large(file))
        return document
    strange = _UNPRINTABLE.search(text.removeprefix("\ufeff"))
    if strange:
        line = text.count("\n", 0, strange.start()) + 1
        what = f"The character U+{ord(strange[0]):04X} cannot stand in YAML."
        document.faults.append(Fault(file, what, "Remove it; an editor that shows invisible characters finds it.", line))
        return document
    try:
        _Reader(text.removeprefix("\ufeff"), file, document).read()
    except _GivenUp:
        pass
    except yaml.YAMLError as error:
        document.faults.append(_syntax_fault(error, file, text))
    return document


def _too_large(file: str) -> Fault:
    return Fault(file, "The file is larger than 1 MiB.", "Keep data out of it; it only describes.")


def _syntax_fault(error: yaml.YAMLError, file: str, text: str) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else None
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    lines = text.splitlines()
    written = lines[line - 1] if line and line <= len(lines) else ""
    if "\t" in written:
        return Fault(file, "A tab stands where YAML wants spaces.", "Indent with spaces only.", line)
    remedy = "Look at the indentation, quotes and brackets here and in the line above."
    if re.search(r":\s+.*:\s", written):
        remedy = "Put the text after the colon in quotes: it has a colon of its own."
    return Fault(file, f"This is not YAML: {problem}.", remedy, line)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _GivenUp(Exception):
    """A limit was passed; its fault is noted and reading ends."""


class _Reader:
    """Turns parser events into values; the events come one by one, so that limits end the work early."""

    def __init__(self, text: str, file: str, document: Document) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._file = file
        self._document = document
        self._count = 0

    def read(self) -> None:
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fault(event, "A second document begins.", "Keep one; remove the line `---`.")
                    return
            elif isinstance(event, yaml.NodeEvent):
                self._document.value = self._value(event, ())

    def _fault(self, event: yaml.Event, message: str, remedy: str) -> None:
        self._document.faults.append(Fault(self._file, message, remedy, _line(event)))

    def _value(self, event: yaml.Event, path: Path) -> object:
        self._count += 1
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            self._fault(event, "The file is nested too deeply or has too many values.", "Make it simpler.")
            raise _GivenUp
        self._document.places.setdefault(path, Place(_line(event), getattr(event, "value", "")))
        if isinstance(event, yaml.AliasEvent):
            self._fault(
                event, f"`*{str(event.anchor)[:60]}` is an alias.", "Write the value itself, or put the text in quotes."
            )
            return None
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            raise _GivenUp
        if event.anchor is not None:
            # One message and no more: nine lines of anchors can stand for a billion values.
            self._fault(event, f"`&{event.anchor[:60]}` is an anchor.", "Remove it, or put the text in quotes.")
            raise _GivenUp
        if event.tag is not None:
            self._fault(event, f"`{event.tag[:80]}` is a tag.", "Remove it, or put the text in quotes.")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        return self._sequence(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _sequence(self, path: Path) -> tuple[object, ...]:
        items: list[object] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._value(event, (*path, len(items))))
        return tuple(items)

    def _mapping(self, path: Path) -> dict[str, object]:
        values: dict[str, object] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                self._fault(event, "A key is not a plain word.", "Write a word, a colon, and the value.")
                raise _GivenUp
            self._value(event, (*path, "", 0))
            self._entry(event, values, path)
        return values

    def _entry(self, key: yaml.ScalarEvent, values: dict[str, object], path: Path) -> None:
        name, line = key.value, _line(key)
        value = next(self._events)
        if name in values:
            first = self._document.places[(*path, name)].line
            self._fault(key, f"`{name[:60]}` is there twice (first in line {first}).", "Keep one of the two.")
            self._value(value, (*path, f"{name} again"))
            return
        text = value.value if isinstance(value, yaml.ScalarEvent) else ""
        self._document.places[(*path, name)] = Place(line, text)
        values[name] = self._value(value, (*path, name))

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        text: str = event.value
        if _UNPRINTABLE.search(text):
            self._fault(event, "A control character is written with a backslash.", "Remove it.")
            return _UNPRINTABLE.sub("", text)
        if not event.implicit[0] or event.style:
            return text
        if text in _NULLS:
            return None
        if text in _TRUTHS:
            return _TRUTHS[text]
        if _INT.fullmatch(text):
            return int(text)
        number = float(text) if _FLOAT.fullmatch(text) else math.inf
        return number if math.isfinite(number) else text
