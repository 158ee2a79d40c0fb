"""What a chaos run publishes: seeded, and written as an upstream system writes it, without Recado's own codec.

The feed comes in waves. All of a wave is durable before the next one begins, so an unsubscribe of an earlier wave lies
before a newsletter of a later one; each event's `source` names its wave.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple

import orjson

from events import instant
from events.partition import partition_of
from events.topics import Role

ACCOUNT: Final = "chaos"
CAPPED: Final = "chaos-capped"  # an account with a limit a day and one a contact
SOURCE: Final = "/chaos/wave/"  # and the wave's number, from 0
COUNTER: Final = "n"  # the custom field by which each update must leave a fact
TEMPLATE: Final = "order-shipped"
TEMPLATE_TEXT: Final = "Hola {{name}}, tu pedido {{order}} llega hoy"
VARIABLES: Final = (
    {"id": "name", "name": "First name", "type": "text", "default": "cliente"},
    {"id": "order", "name": "Order number", "type": "number"},
)
SETTINGS: Final[Mapping[str, Any]] = {"country": "ES", "default_subscription": "none"}


def capped(per_day: int) -> Mapping[str, Any]:
    """The settings of the account that may send so many SMS a day."""
    return {**SETTINGS, "limits": {"per_day": per_day}, "caps": {"newsletter": [{"sends": 2, "days": 7}]}}


_CITIES: Final = ("Madrid", "Sevilla", "València", "A Coruña", "Donostia", "Palma")
_NAMES: Final = ("Ana", "Íñigo", "Lucía", "Noah", "Zoë", "Martí")
_SHARED: Final = 0.05  # of the numbers, had by another contact already
_REPEATED: Final = 0.05  # of all records, published again as they are
_MALFORMED: Final = 0.02
_SETTINGS: Final = 0.005  # new versions of the template
_CANCELLED: Final = 0.002
_MISPLACED: Final = 0.06  # in a wrong partition, half of them without a key


class Item(NamedTuple):
    """One record to publish. `partition` None: where the producer's own hash of the key puts it."""

    role: Role
    wave: int
    key: bytes | None
    value: bytes
    partition: int | None
    sound: bool  # False: it must end as a dead letter


@dataclass(slots=True)
class Feed:
    """A seeded generator. `contacts` is how many there are, `partitions` those of the topics, `start` the time of the
    first event, ms: later ones are a millisecond apart. `capped` is the share of contacts that the account CAPPED has;
    where it is not 0, some of what was asked for is cancelled, too."""

    seed: int
    contacts: int
    partitions: int
    start: int
    capped: float = 0.0
    updates: int = 0  # the counter: updates made so far
    _made: int = 0
    _known: set[str] = field(default_factory=set)
    _kept: list[Item] = field(default_factory=list)  # some that may be repeated
    _asked: dict[str, dict[str, Any]] = field(default_factory=dict)  # the last request of a contact with a send_id
    _written: list[str] = field(default_factory=list)  # numbers
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def wave(self, number: int, size: int) -> Iterator[Item]:
        """`size` records. A contact's first record is an update that makes it known."""
        for _ in range(size):
            yield self._item(number)

    def _item(self, wave: int) -> Item:
        random = self._random
        chance = random.random()
        if chance < _REPEATED and self._kept:
            return random.choice(self._kept)._replace(wave=wave)
        if chance < _REPEATED + _MALFORMED:
            return self._malformed(wave)
        if chance < _REPEATED + _MALFORMED + _SETTINGS and wave:
            return self._template(wave)
        if self.capped and chance < _REPEATED + _MALFORMED + _SETTINGS + _CANCELLED and wave:
            return self._cancelled(wave)
        number = int(self.contacts * random.random() ** 1.5)  # some are written about more often
        subject = f"{CAPPED if number % 1000 < 1000 * self.capped else ACCOUNT}/c{number:05d}"
        if subject not in self._known:
            self._known.add(subject)
            role, type_, data = Role.CONTACTS, "recado.contact.updated.v1", self._introduction()
        else:
            role, type_, data = self._event(subject)
        item = self._placed(role, wave, subject, self._envelope(wave, type_, subject, data))
        if random.random() < 0.2:
            self._kept.append(item)
        return item

    def _event(self, subject: str) -> tuple[Role, str, dict[str, Any]]:
        chance = self._random.random()
        if chance < 0.55:
            return Role.CONTACTS, "recado.contact.updated.v1", self._update()
        if chance < 0.565:
            return Role.CONTACTS, "recado.contact.erased.v1", {"reason": "asked for it"}
        role = Role.TRANSACTIONAL if chance < 0.78 else Role.NEWSLETTER
        return role, "recado.send.requested.v1", self._request(subject)

    def _envelope(self, wave: int, type_: str, subject: str, data: Mapping[str, Any]) -> bytes:
        self._made += 1
        document: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{self.seed:x}-{self._made}",
            "source": f"{SOURCE}{wave}",
            "type": type_,
            "subject": subject,
            "time": instant.render(self.start + self._made),
            "data": data,
        }
        if self._random.random() < 0.1:
            document["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        return orjson.dumps(document)

    def _placed(self, role: Role, wave: int, subject: str, value: bytes) -> Item:
        random, key = self._random, subject.encode()
        if self.partitions == 1 or random.random() >= _MISPLACED:
            return Item(role, wave, key, value, None, sound=True)
        wrong = (partition_of(key, self.partitions) + random.randrange(1, self.partitions)) % self.partitions
        return Item(role, wave, key if random.random() < 0.5 else None, value, wrong, sound=True)

    def _template(self, wave: int) -> Item:
        text = f"{TEMPLATE_TEXT} ({self._made})"
        data = {"template": TEMPLATE, "text": text, "variables": VARIABLES, "labels": ["orders"]}
        value = self._envelope(wave, "recado.template.saved.v1", ACCOUNT, data)
        return Item(Role.ACCOUNTS, wave, ACCOUNT.encode(), value, 0, sound=True)

    def _cancelled(self, wave: int) -> Item:
        """What has a label and waits at this moment is not to go any more, of either account."""
        account = self._random.choice((ACCOUNT, CAPPED))
        data = {"label": "sale", "before": instant.render(self.start + self._made)}
        value = self._envelope(wave, "recado.send.cancelled.v1", account, data)
        return Item(Role.ACCOUNTS, wave, account.encode(), value, 0, sound=True)

    # --- contacts -------------------------------------------------------------------------------------------------

    def _introduction(self) -> dict[str, Any]:
        random = self._random
        fields: dict[str, Any] = {"_mobilePhone": self._phone(), "name": random.choice(_NAMES)}
        if random.random() < 0.75:
            fields["_smsSubscriptionStatus"] = "subscribed"
        return {"via": "import", "fields": self._counted(fields), "evidence": "a form on the web"}

    def _update(self) -> dict[str, Any]:
        random = self._random
        fields: dict[str, Any] = {}
        if random.random() < 0.2:
            written = random.choice([None, "12", "six hundred", "", "+34 912 345 678"])
            fields["_mobilePhone"] = self._phone() if random.random() < 0.8 else written
        if random.random() < 0.12:
            fields["_mobilePhoneStatus"] = random.choice(["active", "active", "active", "paused", "bounced", None])
        if random.random() < 0.3:
            words = ["subscribed", "subscribed", "unsubscribed", "unsubscribed", "none", None]
            fields["_smsSubscriptionStatus"] = random.choice(words)
        if random.random() < 0.4:
            fields["city"] = random.choice([*_CITIES, None])
        if random.random() < 0.1:
            fields["name"] = random.choice([*_NAMES, None])
        return {"via": random.choice(["edit", "import", "workflow", "tag"]), "fields": self._counted(fields)}

    def _counted(self, fields: dict[str, Any]) -> dict[str, Any]:
        self.updates += 1
        return {**fields, COUNTER: self.updates}

    def _phone(self) -> str:
        """A mobile number of Spain, in one of the forms in which people write it; now and then one of France, or one
        that another contact has as well."""
        random = self._random
        if random.random() < _SHARED and self._written:
            return random.choice(self._written)
        digits = f"6{random.randrange(10_000_000, 99_999_999)}"
        forms = [
            digits, f"+34{digits}", f"0034 {digits}", f"+34 {digits[:3]} {digits[3:6]} {digits[6:]}",
            f"({digits[:3]}) {digits[3:5]}-{digits[5:7]}-{digits[7:]}", f"\u200e+34\u00a0{digits[:3]}.{digits[3:]}",
            f"+33 6 12 34 {digits[1:3]} {digits[3:5]}",
        ]  # fmt: skip
        self._written.append(random.choice(forms))
        return self._written[-1]

    # --- sends ----------------------------------------------------------------------------------------------------

    def _request(self, subject: str) -> dict[str, Any]:
        random = self._random
        asked = self._asked.get(subject)
        if asked is not None and random.random() < 0.08:  # asked for again: in the same words, or in others
            return asked if random.random() < 0.5 else {**asked, "labels": ["again"]}
        request: dict[str, Any] = {"to": "contact", "sender": "Chaos"}
        if random.random() < 0.1:
            request["to"] = {"alert": f"+346{random.randrange(10**8):08d}" if random.random() < 0.8 else "not a number"}
        if random.random() < 0.03:
            request["sender"] = "No!"
        if random.random() < 0.6:
            name = TEMPLATE if random.random() < 0.97 else "never-saved"
            request |= {"template": name, "variables": {"order": self._made, "name": {"field": "name"}}}
        else:
            request |= {"text": random.choice(["Oferta de hoy", "Tu código: 1234", "Señal 🎉 {{name}}"])}
        if random.random() < 0.3:
            request["labels"] = random.choice([["orders"], ["orders", "sale"]])
        if random.random() < 0.02:
            request["expires_at"] = instant.render(self.start - 1)
        if random.random() < 0.5:
            request["send_id"] = f"s-{self.seed:x}-{self._made}"
            self._asked[subject] = request
        return request

    # --- what nobody can read -------------------------------------------------------------------------------------

    def _malformed(self, wave: int) -> Item:
        random = self._random
        subject = f"{ACCOUNT}/c{random.randrange(self.contacts):05d}"
        good = orjson.loads(self._envelope(wave, "recado.contact.updated.v1", subject, {"via": "edit", "fields": {}}))
        bad = random.choice([
            b"", b"{", b"\xff\xfe", b"[]", b'"text"', orjson.dumps({**good, "subject": "no account"}),
            orjson.dumps({**good, "type": "recado.contact.updated.v9"}), orjson.dumps({**good, "time": "yesterday"}),
            orjson.dumps({**good, "data": {"via": "edit", "fields": {"_unheardOf": 1}}}),
            orjson.dumps({**good, "data": {"via": "guess", "fields": {}}}),
        ])  # fmt: skip
        role = random.choice([Role.CONTACTS, Role.TRANSACTIONAL, Role.NEWSLETTER, Role.ACCOUNTS])
        partition = 0 if role is Role.ACCOUNTS else random.randrange(self.partitions)
        return Item(role, wave, random.choice([None, subject.encode()]), bad, partition, sound=False)
