"""Tokens of projects, sealed with keys of the site (Fernet: AES-CBC with an HMAC)."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tagstone.errors import Forbidden

_REMEDY = "Set {} to a JSON list of keys; `tagstone accounts key` makes one."


def new_key() -> str:
    """A new key, from the system's source of randomness."""
    return Fernet.generate_key().decode()


class FernetVault:
    """Seals with the first of `keys`, unseals with any of them; without keys it refuses both. `variable` is where they are set."""

    def __init__(self, keys: list[str], variable: str = "TAGSTONE_SECRET_KEYS") -> None:
        self._keys = keys
        self._variable = variable
        self._remedy = _REMEDY.format(variable)

    def seal(self, secret: str) -> str:
        """The secret as it may rest in a database. Raises: Forbidden when no key is set."""
        return self._fernet().encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """The secret again. Raises: Forbidden when no key is set, or when it was sealed with another."""
        try:
            return self._fernet().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Forbidden("A token was sealed with a key that is not set here.", remedy=self._remedy) from None

    def _fernet(self) -> MultiFernet:
        if not self._keys:
            raise Forbidden("No key is set to seal tokens with.", remedy=self._remedy)
        try:
            return MultiFernet([Fernet(key) for key in self._keys])
        except ValueError:
            raise Forbidden(f"A key in {self._variable} is no Fernet key.", remedy=self._remedy) from None
