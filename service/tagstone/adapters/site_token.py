"""A site's own token at one of the servers that it speaks to."""

from pathlib import Path

from tagstone.errors import Forbidden


def site_token(token: str | None, file: Path | None) -> str | None:
    """The token, else what is in the file, which is read anew each time since it may be renewed. Raises: Forbidden."""
    if token is not None or file is None:
        return token
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Forbidden(
            f"The token in {file} cannot be read: {type(error).__name__}.",
            remedy="Correct `token_file` in the settings, or the file's rights.",
        ) from None
