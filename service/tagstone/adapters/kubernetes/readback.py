"""What a server made of what it was sent: older ones drop fields that they do not know, and others may change them, all in silence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagstone.domain.runs.quantity import parse_quantity
from tagstone.errors import Invalid

DISPENSABLE = ("spec.podFailurePolicy", "spec.ttlSecondsAfterFinished")
"""Fields that a server may not know: we apply the same rules to failures ourselves, and remove Jobs ourselves."""

_ADDED = ("tolerations", "volumes", "volumeMounts", "env", "containers", "initContainers", "imagePullSecrets")
"""Lists that clusters add to on their own, such as tolerations of nodes that are not ready; what we sent has to be among them."""


def differences(sent: Any, kept: Any, path: str = "") -> tuple[str, ...]:
    """The paths of all that was sent and is not there, or is there with another value; what was added is no difference."""
    return tuple(_differences(sent, kept, path))


def essential(found: Sequence[str]) -> tuple[str, ...]:
    """Those of the differences that a run cannot do without."""
    return tuple(path for path in found if not path.startswith(DISPENSABLE))


def _differences(sent: Any, kept: Any, path: str) -> Iterator[str]:
    if isinstance(sent, Mapping):
        if not isinstance(kept, Mapping):
            if sent:
                yield path
            return
        for name, value in sent.items():
            yield from _differences(value, kept.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(sent, list):
        yield from _of_list(sent, kept if isinstance(kept, list) else [], path)
    elif not _equal(sent, kept):
        yield path


def _of_list(sent: list[Any], kept: list[Any], path: str) -> Iterator[str]:
    """Named parts are compared by their names, other lists as a whole: the order of words in a command means something."""
    if path.rpartition(".")[2] in _ADDED:
        for one in sent:
            name = one.get("name") or one.get("mountPath") or one.get("key") or ""
            others = [other for other in kept if not differences(_identity(one), other)]
            if not others:
                yield f"{path}[{name}]"
            else:
                yield from _differences(one, others[0], f"{path}[{name}]")
    elif len(sent) != len(kept):
        yield path
    else:
        for number, (one, other) in enumerate(zip(sent, kept, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")


def _identity(one: Mapping[str, Any]) -> dict[str, Any]:
    """By what a part of a list is found again."""
    if "mountPath" in one:
        return {"mountPath": one["mountPath"]}
    return {"name": one["name"]} if "name" in one else dict(one)


def _equal(sent: Any, kept: Any) -> bool:
    """Equal as the server understands it: it writes amounts in its own way, and leaves out empty texts.

    A false that is left out is none: of a token to be mounted, to say nothing means yes.
    """
    if sent == kept or (kept is None and sent == ""):
        return True
    if not isinstance(sent, str) or not isinstance(kept, str):
        return False
    try:
        return abs(parse_quantity(sent) - parse_quantity(kept)) < 1e-6
    except Invalid:
        return False
