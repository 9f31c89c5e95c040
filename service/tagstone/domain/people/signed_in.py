"""Who signed in, as a provider says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SignedIn:
    """A person as the provider `issuer` knows them: `subject` stays, `name` is for people and may change.

    `email` is their address, None where the provider does not vouch for one.
    """

    issuer: str
    subject: str
    name: str
    email: str | None = None
