"""Whether a delivery comes from who knows the hook's secret (Standard Webhooks, https://www.standardwebhooks.com, or GitLab's token)."""

import hmac
from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook

from tagstone.errors import Forbidden

_REMEDY = "Give the hook the token that `tagstone register` set up, or register the project again."


def check(headers: Mapping[str, str], body: bytes, signing: str | None, secret: str | None) -> None:
    """Refuse what was not sent by the hook's forge within the last minutes; `headers` are by lower-case names.

    A hook may have both kinds of token while it moves from one to the other; a signature that is there has to be right.

    Raises:
        Forbidden: the signature or token is missing, wrong or old, or the hook has none.
    """
    if signing is not None and "webhook-signature" in headers:
        _check_signature(headers, body, signing)
    elif secret is not None and "x-gitlab-token" in headers:
        if not hmac.compare_digest(headers["x-gitlab-token"].encode(), secret.encode()):
            raise Forbidden("The delivery's token is not the hook's.", remedy=_REMEDY)
    else:
        raise Forbidden("The delivery is neither signed nor has it a token that this hook has.", remedy=_REMEDY)


def _check_signature(headers: Mapping[str, str], body: bytes, signing: str) -> None:
    try:
        Webhook(signing).verify(body, dict(headers), json_parse=False)
    except Exception:  # noqa: BLE001 - the library lets errors of texts and base64 out as they come: all mean the same
        raise Forbidden("The delivery's signature is missing, wrong, or too old.", remedy=_REMEDY) from None
