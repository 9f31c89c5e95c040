"""What is brought out of a run's workspace, entry by entry."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["file", "link", "double", "special", "untaken", "near-file", "near-folder", "near-link"]


@dataclass(frozen=True)
class Brought:
    """An entry of a workspace. `path` is relative to it, as its file system has it; `size` in bytes; `sha256` of a file's.

    Only a `file` comes with its bytes, under its `number`. Of others it is told what they are, so that they can be refused for it: links,
    files with several names, devices and pipes, and files `untaken` because a limit was passed. What is `near` is there where a pattern
    found nothing.
    """

    path: str
    kind: Kind
    size: int
    sha256: str
    number: int
