"""Parts of addresses: what is no publication's id is no address, and the database is not asked."""

from typing import Annotated

from fastapi import Path, Query

PublicationId = Annotated[str, Path(pattern="^[pr][0-9a-f]{16}$")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
