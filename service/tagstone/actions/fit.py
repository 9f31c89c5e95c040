"""Making a publication fit the depository it goes to, as soon as it is known how large it gets."""

from dataclasses import replace

from tagstone.bundle.sizes import known_parts
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.deposits.packing import excess
from tagstone.domain.publications.record import Facts, ImageFacts
from tagstone.domain.runs.hardware import format_bytes

_LEFT_OUT = "The deposit names the image by digest and does not hold it: "


def fitted(facts: Facts, limits: Limits) -> Facts:
    """The facts of a bundle that a depository with these limits takes.

    Where the image is what is too much, and a registry keeps it for everybody, the bundle leaves it out and a warning says so.

    Raises:
        Invalid: it does not fit, and what to leave out.
    """
    whole = _with_image(replace(facts, limits=limits))
    error = excess(known_parts(whole), limits)
    if error is None:
        return whole
    if whole.image is not None and whole.image.registry:
        without = _without_image(whole, whole.image)
        error = excess(known_parts(without), limits)
        if error is None:
            return without
    raise error


def _with_image(facts: Facts) -> Facts:
    """As if nothing had been decided: the depository may be another one now."""
    warnings = tuple(warning for warning in facts.source.warnings if not warning.startswith(_LEFT_OUT))
    image = replace(facts.image, bundled=True) if facts.image else None
    return replace(facts, image=image, source=replace(facts.source, warnings=warnings))


def _without_image(facts: Facts, image: ImageFacts) -> Facts:
    size = sum(blob.size for blob in (image.image.config, *image.image.layers))
    warning = f"{_LEFT_OUT}with its {format_bytes(size)} it would not fit. It is kept at {image.address}."
    source = replace(facts.source, warnings=(*facts.source.warnings, warning))
    return replace(facts, image=replace(image, bundled=False), source=source)
