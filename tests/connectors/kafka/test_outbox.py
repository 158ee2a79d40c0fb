"""What is told about a sealed account's contacts is sealed on its way out, and nothing else is."""

import asyncio

import orjson

from connectors.kafka.appender import MemoryAppender
from connectors.kafka.outbox import Outbox
from events import inbox
from events.cipher import Cipher
from events.codec import encode_input
from events.examples import INPUTS
from events.topics import Role


class Inbox:
    """One seal for everybody."""

    async def seal(self, account: str) -> inbox.Seal:
        return inbox.made(b"m" * 32, account, 4, Cipher(b"i" * 32))


def test_only_contacts_of_sealed_accounts_are_sealed() -> None:
    appender = MemoryAppender()
    contact = next(event for event in INPUTS if event.contact)
    account = next(event for event in INPUTS if not event.contact and event.type.startswith("recado.template"))
    sealed: list[str] = []
    outbox = Outbox(appender, "recado.", 8, sealed=lambda: sealed, seals=Inbox())

    async def scenario() -> None:
        for _ in range(2):
            records = [
                outbox.record(Role.CONTACTS, contact.subject, encode_input(contact)),
                outbox.record(Role.ACCOUNTS, account.subject, encode_input(account)),
            ]
            await outbox.post(records)
            sealed.append(contact.account)

    asyncio.run(scenario())
    clear, of_account, hidden, of_account_again = (orjson.loads(record.value) for record in appender.records)
    assert clear == orjson.loads(encode_input(contact))
    assert {**hidden, "data": clear["data"]} == clear
    assert hidden["data"].keys() == {"sealed"}
    assert of_account == of_account_again == orjson.loads(encode_input(account))
