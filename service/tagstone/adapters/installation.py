"""What tells this installation from every other one that uses the same cluster."""

import os
import re
import secrets
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{16}")


def installation(home: Path) -> str:
    """The name of the installation in `home`, 16 hexadecimal digits; made when it is first asked for, and kept in `installation`."""
    path = home / "installation"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"installation.{secrets.token_hex(4)}")
    while True:
        found = path.read_text().strip() if path.exists() else ""
        if _NAME.fullmatch(found):
            return found
        partial.write_text(secrets.token_hex(8) + "\n")
        try:
            # Another process that was quicker has made the one that counts.
            os.link(partial, path)
        except FileExistsError:
            continue
        finally:
            partial.unlink()
