"""The style, the one script and the logo: with an ETag, and kept for a year by whoever asks for the version that is there."""

import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOLDER = Path(__file__).parent / "static"


@cache
def version(name: str) -> str:
    """The beginning of the file's checksum: another content, another address."""
    return hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:12]


class Static(StaticFiles):
    """The files of the folder `static`."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file; asked for by its version it never changes."""
        answer = await super().get_response(path, scope)
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("v")
        if answer.status_code < 400 and asked == [version(path)]:
            answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer
