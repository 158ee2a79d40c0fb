"""What an SMS looks like from outside: its number and its text as one short hash. A provider whose list bears no client
id is asked by it."""

from hashlib import blake2b


def likeness(to: str, text: str) -> str:
    """16 hex digits that stand for a text to a number (E.164)."""
    return blake2b(f"{to}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
