"""Makes every hostile file: `python tests/assets/hostile/make.py` writes those that live in Git, equal bytes each time.

What is large, sparse or no file at all (devices, pipes) cannot live in Git: tests make it with the same modules.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from assets.hostile import archives, texts

HERE = Path(__file__).parent
FAMILIES: dict[str, tuple[dict[str, bytes], str]] = {
    "manifests": (texts.MANIFESTS, ".yml"),
    "requirements": (texts.REQUIREMENTS, ".txt"),
    "locks": (texts.LOCKS, ".lock"),
    "layers": (archives.layers(), ".tar"),
}


def files() -> Iterator[tuple[str, bytes]]:
    """Every file that lives in Git: its path below this folder, and its bytes."""
    for family, (made, end) in FAMILIES.items():
        for name, data in made.items():
            yield f"{family}/{name}{end}", data


def main(folder: Path) -> None:
    """Write all files below a folder."""
    for path, data in files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
