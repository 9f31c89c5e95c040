"""What TAGSTONE_* variables say, as nested values for a model: those of the site's file, and over them those of the environment.

Two underscores part a group from its field. Written by hand since the library for it takes a fifth of the time that
`tagstone check` may take to load (docs/adr/0026).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

_PREFIX = "TAGSTONE_"
_BETWEEN = "__"


class NotJson(ValueError):
    """A group, list or object as a whole is given as something other than JSON."""


def read(model: type[BaseModel], site: Path | None) -> dict[str, Any]:
    """The values for `model`; `site` is the installation's file. Variables of the environment that it does not know are others'; those of the site's file are passed on.

    Raises:
        NotJson: what has to be JSON is none.
    """
    here = {name: value for name, value in _named(os.environ).items() if name.partition(_BETWEEN)[0] in model.model_fields}
    return _of_group(model, _named(_of_site(site)) | here)


def _of_site(site: Path | None) -> Mapping[str, str | None]:
    if site is None or not site.is_file():
        return {}
    from dotenv import dotenv_values

    return dotenv_values(site, interpolate=False)


def _named(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Ours, by their names without the prefix, in lower case."""
    ours = {name.upper(): value for name, value in variables.items() if name.upper().startswith(_PREFIX)}
    return {name.removeprefix(_PREFIX).lower(): value for name, value in ours.items() if value is not None}


def _of_group(model: type[BaseModel], said: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name, (whole, within) in _parts(said).items():
        field = model.model_fields.get(name)
        found[name] = _value(field.annotation if field else str, whole, within)
    return found


def _parts(said: Mapping[str, str]) -> dict[str, tuple[str | None, dict[str, str]]]:
    """By first names: what is said of each as a whole, and of what is within it."""
    parts: dict[str, tuple[str | None, dict[str, str]]] = {}
    for name, value in said.items():
        first, inside, rest = name.partition(_BETWEEN)
        whole, within = parts.get(first, (None, {}))
        parts[first] = (whole, within | {rest: value}) if inside else (value, within)
    return parts


def _value(kind: Any, whole: str | None, within: Mapping[str, str]) -> Any:
    """A value of a kind that models have: a group, an object or list as JSON, else the text as it is."""
    kinds = [one for one in get_args(kind) if one is not NoneType] if NoneType in get_args(kind) else [kind]
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _object(whole) | _of_group(kind, within)
    if get_origin(kind) is dict:
        of = get_args(kind)[1]
        return _object(whole) | {name: _value(of, one, inner) for name, (one, inner) in _parts(within).items()}
    if within:
        return dict(within)
    return _json(whole) if get_origin(kind) in (list, set, tuple) else whole


def _object(whole: str | None) -> dict[str, Any]:
    value = {} if whole is None else _json(whole)
    if not isinstance(value, dict):
        raise NotJson
    return value


def _json(whole: str | None) -> Any:
    try:
        return json.loads(whole or "")
    except ValueError:
        raise NotJson from None
