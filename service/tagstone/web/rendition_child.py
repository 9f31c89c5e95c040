"""The process in which a stranger's PDF or notebook is read: `python -I -m tagstone.web.rendition_child KIND`.

The file comes in at standard input, the rendition goes out at standard output. Exit code 3: it cannot be read as that kind.
What it may use is little, and set before the first byte is read: a defect in a reader has nothing to work with.
"""

import os
import resource
import sys
from collections.abc import Callable

UNREADABLE = 3
CPU_SECONDS, MEMORY_BYTES, RESULT_BYTES = 20, 1 << 30, 8 << 20
_NOBODY = 65534


def main(kind: str) -> int:
    """Render standard input; return the exit code."""
    render = _renderer(kind)
    _lock_up()
    try:
        made = render(sys.stdin.buffer.read())
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return UNREADABLE
    sys.stdout.buffer.write(made)
    sys.stdout.buffer.flush()
    return 0


def _renderer(kind: str) -> Callable[[bytes], bytes]:
    """What renders this kind, with all that it needs loaded: nobody may not read every installation."""
    if kind == "pdf":
        from tagstone.web import pdf_page

        pdf_page.warm_up()
        return pdf_page.first_page
    from tagstone.web import notebook_page

    notebook_page.warm_up()
    return notebook_page.page


def _lock_up() -> None:
    """Bound memory, time and what is written; no new processes or files, no root."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, RESULT_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(limit, (value, value))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
