"""Where everything lives, found without anything that is slow to load: a completion has to come while a key is still warm."""

import os
import sys
from pathlib import Path

VARIABLE = "TAGSTONE_HOME"
SITE = Path(sys.prefix) / "etc" / "tagstone.env"
"""What an installation sets for everybody."""


def data_folder() -> Path:
    """The user's data folder: where everything lives unless something else is set."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "tagstone"


def home() -> Path:
    """What `Settings.home` will be: the environment's, the installation's, else the user's data folder."""
    said = os.environ.get(VARIABLE) or _of_site()
    return Path(said).expanduser().absolute() if said else data_folder()


def _of_site() -> str:
    try:
        lines = SITE.read_text("utf-8").splitlines()
    except OSError:
        return ""
    found = [line.partition("=")[2].strip().strip("'\"") for line in lines if line.split("=")[0].strip() == VARIABLE]
    return found[-1] if found else ""
