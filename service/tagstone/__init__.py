"""Every tag, set in stone: code, data and image of a tagged commit published as one citable, re-runnable record."""

__version__ = "0.1.0"
