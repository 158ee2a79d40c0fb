"""What others prove themselves with to Recado: derived from RECADO_SECRET, so that nothing is stored or looked up.

Each account has a secret in its callback URL and an API key. Both are 192 bits of HMAC-SHA256 over what they are for,
the account and a generation: a leaked one is retired by the account's next generation. Checks take the same time for
any input.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

API_KEY_PREFIX: Final = "rk_"  # recognisable to people and to secret scanners
CALLBACK_PREFIX: Final = "cb_"
TAG_PREFIX: Final = "tag"
TAG_KEY_CHARACTERS: Final = 2048
_BYTES: Final = 24  # NOTE: 32 characters of base64 without padding


def api_key(secret: bytes, account: str, generation: int = 1) -> str:
    """The account's API key: `rk_` and 32 URL-safe characters."""
    return API_KEY_PREFIX + _derived(secret, "api-key", account, generation)


def callback_secret(secret: bytes, account: str, generation: int = 1) -> str:
    """What the account's callback URL ends with: `cb_` and 32 URL-safe characters."""
    return CALLBACK_PREFIX + _derived(secret, "callback", account, generation)


def is_api_key(secret: bytes, account: str, presented: str, generation: int = 1) -> bool:
    """Whether `presented` (any text from outside) is the account's API key. Constant time."""
    return _same(api_key(secret, account, generation), presented)


def is_callback_secret(secret: bytes, account: str, presented: str, generation: int = 1) -> bool:
    """Whether `presented` (any text from outside) is the secret of the account's callback URL. Constant time."""
    return _same(callback_secret(secret, account, generation), presented)


def tag_key(secret: bytes, account: str, origins: Sequence[str], generation: int = 1) -> str:
    """A public key of the account's tag, good on pages of these origins only, which it carries itself:
    `tag.<account>.<origins in base64>.<MAC>`. Origins are as browsers send them, `https://shop.example`."""
    named = base64.urlsafe_b64encode(" ".join(origins).encode("ascii")).decode("ascii").rstrip("=")
    body = f"{TAG_PREFIX}.{account}.{named}"
    mac = base64.urlsafe_b64encode(_mac(secret, "tag", body, str(generation))[:15]).decode("ascii")
    return f"{body}.{mac}"


def read_tag_key(secret: bytes, presented: str, generation: int = 1) -> tuple[str, frozenset[str]] | None:
    """The account and the origins of a tag key that is ours; None for any other text. Constant time."""
    if len(presented) > TAG_KEY_CHARACTERS:
        return None
    body, _, _ = presented.rpartition(".")
    prefix, _, rest = body.partition(".")
    account, _, named = rest.partition(".")
    mac = base64.urlsafe_b64encode(_mac(secret, "tag", body, str(generation))[:15]).decode("ascii")
    if prefix != TAG_PREFIX or not _same(f"{body}.{mac}", presented):
        return None
    return account, frozenset(base64.urlsafe_b64decode(named + "=" * (-len(named) % 4)).decode("ascii").split(" "))


def mac_key(secret: bytes) -> bytes:
    """The 32 bytes that sign client ids (events/client_id.py)."""
    return _mac(secret, "client-id")


def link_key(secret: bytes) -> bytes:
    """The 32 bytes that sign the codes of short links and opt-out pages."""
    return _mac(secret, "link")


def wrapping_key(secret: bytes) -> bytes:
    """The 32 bytes under which contacts' keys are kept (projections/keyring.py)."""
    return _mac(secret, "contact-keys")


def number_key(secret: bytes) -> bytes:
    """The 32 bytes of the hashes that stand for numbers (events/opt_out.py)."""
    return _mac(secret, "numbers")


def _derived(secret: bytes, purpose: str, account: str, generation: int) -> str:
    return base64.urlsafe_b64encode(_mac(secret, purpose, account, str(generation))[:_BYTES]).decode("ascii")


def _mac(secret: bytes, *words: str) -> bytes:
    # Lengths in front: no two lists of words make the same message.
    message = b"".join(
        len(word).to_bytes(2, "big") + word for word in (w.encode("utf-8", "surrogatepass") for w in ("recado", *words))
    )
    return hmac.new(secret, message, hashlib.sha256).digest()


def _same(expected: str, presented: str) -> bool:
    return hmac.compare_digest(expected.encode("utf-8"), presented.encode("utf-8", "surrogatepass"))
