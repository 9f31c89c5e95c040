"""What somebody probably meant."""

import difflib
from collections.abc import Iterable


def nearest_key(name: str, known: Iterable[str]) -> str:
    """The remedy for an unknown key: the nearest known one, else all of them."""
    keys = list(known)
    near = difflib.get_close_matches(name[:60], keys, 1, 0.6)
    if near:
        return f"Did you mean `{near[0]}`?"
    return "Known keys here: " + ", ".join(f"`{key}`" for key in keys[:40]) + ("." if len(keys) <= 40 else ", ….")


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The names most like `name`, the best first; the first 2,000 known ones are looked at."""
    names = [known_name for known_name, _ in zip(known, range(2000), strict=False)]
    return difflib.get_close_matches(name[:100], names, count, 0.5)
