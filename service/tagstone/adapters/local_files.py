"""Inputs on this machine's disk.

A path below the repository's folder has to stay there, also through links: a link that somebody put into the repository
must not lead to a file that nobody named. An absolute path, or one that begins with `..`, names a file of the machine, any
that the worker's user may read: its sha256 stands in the manifest, so that nobody learns of a file by naming it.
Every folder on the way is opened by descriptor and without following links, after links were resolved once: what was
judged is what is read, even when somebody changes links meanwhile.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from tagstone.errors import Forbidden, Invalid, NotFound

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe must not wait for its other end.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def open_local(folder: str, path: str) -> Iterator[tuple[BinaryIO, int]]:
    """A plain file, open for reading, and its size in bytes; `folder` is the repository's, for a relative `path`.

    Raises:
        Forbidden: a relative path leaves the folder.
        NotFound, Invalid: there is no such file, or it is something else than a plain file.
    """
    try:
        real = _resolved(folder, path)
        with ExitStack() as stack:
            handle = os.open("/", _FOLDER)
            for part in real.strip("/").split("/")[:-1]:
                inner = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = inner
            stack.callback(os.close, handle)
            stream = stack.enter_context(os.fdopen(os.open(os.path.basename(real), _FILE, dir_fd=handle), "rb"))
            info = os.fstat(stream.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise Invalid(f"{path[:200]} is no plain file.", remedy="Name the file itself, not a folder or device.")
            yield stream, info.st_size
    except FileNotFoundError:
        raise NotFound(
            f"There is no file {path[:200]} here.",
            remedy="Correct the path in `inputs`: relative ones begin at the repository's folder.",
        ) from None
    except OSError as error:
        raise Invalid(f"{path[:200]} cannot be read: {error.strerror}.", remedy="Look at the file and its rights.") from None


def _resolved(folder: str, path: str) -> str:
    """The path with every link resolved. Raises: FileNotFoundError, Forbidden."""
    top = os.path.realpath(folder, strict=True)
    real = os.path.realpath(os.path.join(top, path), strict=True)
    named = os.path.normpath(path)
    if not os.path.isabs(path) and named.split(os.sep)[0] != ".." and os.path.commonpath([top, real]) != top:
        raise Forbidden(
            f"{path[:200]} is a link that leads out of the repository's folder.",
            remedy="Name the file itself if you mean it, or put it where everybody can fetch it.",
        )
    return real
