"""Traffic that goes on for ever: contact updates and sends of made-up customers. Pure: a seed decides all."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence

from events.codec import encode_input
from events.contact import SUBSCRIPTION, ContactUpdated
from events.envelope import Input
from events.send import SendRequested
from events.shape import Scalar
from events.topics import Role
from events.variables import FieldRef

_CITIES = ("Madrid", "Valencia", "Bilbao", "Vigo", "Sevilla", "Gijón", "Córdoba", "A Coruña")
_SOURCE = "/demo/traffic"


def traffic(account: str, contacts: Sequence[str], seed: int) -> Generator[tuple[Role, str, bytes], int, None]:
    """Endless (topic, subject, event): of ten, six updates, three transactional sends and one newsletter.

    The time of each event is sent to the generator: `send(now)`, ms; prime it with `next`.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up traffic, no secret
    now = yield Role.CONTACTS, "", b""
    number = 0
    while True:
        number += 1
        subject = f"{account}/{chance.choice(contacts)}"
        role, data = _event(chance, number)
        event = Input.of(data, id=f"traffic-{seed:x}-{number}", source=_SOURCE, subject=subject, time=now)
        now = yield role, subject, encode_input(event)


def _event(chance: random.Random, number: int) -> tuple[Role, ContactUpdated | SendRequested]:
    kind = chance.randrange(10)
    if kind < 4:
        return Role.CONTACTS, ContactUpdated(via="tag", fields={"city": chance.choice(_CITIES)})
    if kind < 5:
        status = chance.choice(("subscribed", "subscribed", "unsubscribed"))
        return Role.CONTACTS, ContactUpdated(via="edit", fields={SUBSCRIPTION: status}, evidence="demo: account page")
    if kind < 6:
        return Role.CONTACTS, ContactUpdated(via="workflow", fields={"last_order": 20_000 + number})
    if kind < 9:
        variables: dict[str, Scalar | FieldRef] = {
            "name": FieldRef(field="first_name"),
            "order": 20_000 + number,
            "total": chance.randrange(500, 30_000) / 100,
        }
        return Role.TRANSACTIONAL, SendRequested(
            to="contact", sender="AcmeShop", template="order-shipped", variables={**variables, "day": "2030-01-07"}
        )
    return Role.NEWSLETTER, SendRequested(
        to="contact", sender="AcmeShop", template="black-friday", variables={"name": FieldRef(field="first_name")}
    )
