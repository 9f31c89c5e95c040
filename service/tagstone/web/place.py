"""Where people reach this server."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Place:
    """Where people reach this server: its URL, and whether it hands out images under `/v2/`."""

    url: str
    serves_images: bool

    @property
    def root(self) -> str:
        """The path under which the server is reached, empty for a host of its own."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def image_host(self) -> str | None:
        """What engines pull from; None where there is nothing: `/v2/` must stand at the root of a host."""
        return urlsplit(self.url).netloc if self.serves_images and not self.root else None

    @property
    def encrypted(self) -> bool:
        """False where engines have to be told that there is no TLS."""
        return urlsplit(self.url).scheme == "https"
