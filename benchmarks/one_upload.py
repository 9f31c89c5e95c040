"""One file to a draft of its own at a real InvenioRDM, through the adapter; says the seconds and the memory that it took.

Usage: python -m benchmarks.one_upload URL FILE, with the token in TOKEN.
"""

import json
import os
import sys
from pathlib import Path

from benchmarks.measure import peak_memory, seconds
from benchmarks.real_depository import account
from fakes import facts as recorded


def main(url: str, file: str) -> None:
    """Make a draft, send, look at the memory."""
    rdm, path = account(url, os.environ["TOKEN"]), Path(file)
    draft = rdm.depository.draft(recorded.metadata(), None, lost=False)
    with path.open("rb") as stream:
        took = seconds(lambda: rdm.files.upload(draft.id, path.name, stream, path.stat().st_size))
    rdm.depository.discard(draft.id)
    print(json.dumps({"seconds": took, "memory": peak_memory()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
