"""Pydantic's findings as faults: the line, the nearest key, and what to write instead."""

import json
import re
import shlex
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tagstone.domain.reading.faults import Fault
from tagstone.domain.reading.nearest import nearest_key
from tagstone.domain.reading.yaml_text import Document

_PLAIN = re.compile(r"-{0,2}(?!(?:true|false|null)$)[A-Za-z_][\w./-]*", re.IGNORECASE)
_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping (`key: value` lines)",
    "model_type": "a mapping (`key: value` lines)",
    "tuple_type": "a list",
}


def model_faults(error: ValidationError, model: type[BaseModel], document: Document, file: str) -> list[Fault]:
    """One fault for each finding, with the line of the value it is about."""
    return [_fault(details, model, document, file) for details in error.errors(include_url=False)]


def _fault(details: ErrorDetails, model: type[BaseModel], document: Document, file: str) -> Fault:
    path = _as_written(details["loc"], document.value)
    message, remedy = _sentences(details, ".".join(str(part)[:60] for part in path), model)
    return Fault(file, message, remedy, document.line(path))


def _as_written(path: tuple[int | str, ...], value: object) -> tuple[int | str, ...]:
    """The path without the parts that only our reading put in, such as the `path` of a glob that is written alone."""
    written: list[int | str] = []
    for part in path:
        if part == "[key]" or not isinstance(value, tuple if isinstance(part, int) else dict):
            continue
        written.append(part)
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, tuple):
            value = value[int(part)]
    return tuple(written)


def _sentences(details: ErrorDetails, name: str, model: type[BaseModel]) -> tuple[str, str]:
    kind, path, value = details["type"], details["loc"], details["input"]
    context = details.get("ctx", {})
    if kind == "tagstone":
        return (f"`{name}`: " if name else "") + str(context["message"]), str(context["remedy"])
    if kind == "extra_forbidden":
        return f"`{name}` is no key of this file.", nearest_key(str(path[-1]), _keys(_model_at(model, path[:-1])))
    if kind == "missing":
        return f"`{name}` is missing.", _example(_model_at(model, path[:-1]), str(path[-1]))
    if kind == "too_short":
        return f"`{name}` is empty.", _example(_model_at(model, path[:-1]), str(path[-1]))
    if kind in _WANTED:
        return f"`{name}` must be {_WANTED[kind]}, not {_kind(value)}.", _conversion(kind, value, name)
    return f"`{name}`: {details['msg']}.", "Write a value in these limits."


def _conversion(kind: str, value: object, name: str) -> str:
    key = name.rpartition(".")[2]
    if kind == "tuple_type" and isinstance(value, str):
        return f"Write a list: `{key}: [{', '.join(_words(value))}]`."
    if kind == "string_type" and isinstance(value, int | float):
        return f'Put it in quotes, such as "{value}".' if not isinstance(value, bool) else "Put it in quotes."
    return f"Write `{key}` as {_WANTED[kind]}."


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text[:200])
    except ValueError:
        words = text[:200].split()
    return [word if _PLAIN.fullmatch(word) else json.dumps(word, ensure_ascii=False) for word in words]


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:60]!r}"
    return "a list" if isinstance(value, tuple) else "a mapping"


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _example(model: type[BaseModel], key: str) -> str:
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            shown = f", such as `{key}: {_flow(field.examples[0])}`" if field.examples else ""
            return f"Add `{key}`{shown}. {field.description}"
    return f"Add `{key}`."


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return str(value)


def _model_at(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that describes the mapping at `path`."""
    for part in path:
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
                model = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
                break
    return model
