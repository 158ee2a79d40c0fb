"""What of a partition's attempts the provider has to be asked about: those whose outcome nobody knows, and those whose
receipts do not come.

NOTE: stored under x/<account>/<send hash> as [subject, send id, attempt, made at (ms), provider, second connector?,
likeness]. A key is there as long as the attempt is unknown, and is read without a walk over contacts or sends.
"""

from typing import Final, NamedTuple

from events import client_id
from events.callback import Provider
from projections import keyspace, send
from projections.keyspace import View

__all__ = ["HOPELESS", "MOST", "OVERDUE", "Overdue", "Unsettled", "overdue", "unsettled", "without_end"]

MOST: Final = 20_000  # unknown attempts of a partition that are looked for at once
OVERDUE: Final = 48 * 3_600_000  # ms without an end: then its receipts are lost; instasent.md, section 3
HOPELESS: Final = 7 * 24 * 3_600_000


class Unsettled(NamedTuple):
    """An attempt that nobody knows the outcome of; `made_at` in ms. `likeness` (events/likeness.py) is there where the
    provider's list bears no client ids."""

    account: str
    subject: str
    partition: int
    send_id: str
    attempt: int
    client_id: str
    made_at: int
    provider: Provider = "instasent"
    fallback: bool = False
    likeness: str | None = None


class Overdue(NamedTuple):
    """An accepted attempt whose end no receipt has told."""

    account: str
    subject: str
    partition: int
    send_id: str
    attempt: int
    client_id: str
    provider_id: str
    provider: Provider = "instasent"
    fallback: bool = False


def unsettled(view: View, partition: int, mac_key: bytes) -> list[Unsettled]:
    """The partition's unknown attempts, at most `MOST`. `mac_key` is that of the client ids."""
    found = []
    for key, value in view.scan(keyspace.UNSETTLED, MOST):
        account, _, hashed = key[len(keyspace.UNSETTLED) :].decode().partition("/")
        subject, send_id, number, made_at, provider, fallback, likeness = value
        name = client_id.make(mac_key, partition, hashed, number)
        found.append(
            Unsettled(account, subject, partition, send_id, number, name, made_at, provider, fallback, likeness)
        )
    return found


def overdue(
    view: View, partition: int, mac_key: bytes, now: int, after: bytes, limit: int
) -> tuple[list[Overdue], bytes]:
    """Of the next `limit` sends behind the cursor `after` (b"" to begin), those to ask about; and the next cursor, b""
    when all were walked."""
    pairs = view.after(after or keyspace.SENDS, keyspace.SENDS, limit)
    found = []
    for key, sent in pairs:
        attempt = without_end(sent, now)
        if attempt is not None and attempt.provider_id is not None:
            name = client_id.make(mac_key, partition, key[len(keyspace.SENDS) :].decode(), attempt.number)
            found.append(
                Overdue(
                    sent.subject.partition("/")[0], sent.subject, partition, sent.send_id, attempt.number, name,
                    attempt.provider_id, attempt.provider, attempt.fallback,
                )
            )  # fmt: skip
    return found, pairs[-1][0] if len(pairs) == limit else b""


def without_end(sent: send.State, now: int) -> send.Attempt | None:
    """The attempt that was accepted and has had no end for 48 hours, nor any news."""
    attempt = sent.attempts[-1] if sent.attempts else None
    if attempt is None or attempt.outcome != "accepted" or attempt.provider_id is None:
        return None
    if attempt.state in send.ENDS or attempt.state == "unknown":
        return None
    return attempt if OVERDUE <= now - sent.changed_at < HOPELESS else None
