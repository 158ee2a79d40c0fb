"""One partition as the engine drives it, without the engine: inputs in, facts and calls out, the clock set by hand."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from events import opt_out
from events.account import AccountConfigured, SendCancelled, TemplateSaved
from events.answer import AnswerReceived, SendSettled
from events.callback import CallbackReceived
from events.contact import ContactErasure, ContactUpdated
from events.envelope import Input, InputData
from events.examples import SEVEN, SUBJECT
from events.fact import Fact, FactData
from events.opt_out import OptOutRequested
from events.send import SendRequested
from events.shape import Class
from events.topics import SENDS_OF, Role
from projections import contact, journal, keyring, keyspace, send
from projections.account import Directory
from projections.keyring import NO_KEYS, Keyring
from projections.keyspace import MemoryView
from projections.send import Call
from streams import roster, waiting
from streams.allowance import Ledger
from streams.deciders.request import Links
from streams.leave import FREE, Gate
from streams.roster import Decision
from streams.turn import AGAIN

PARTITION = 3
KEY = b"k" * 32
LINKS = Links(b"l" * 32, "https://go.example.com")
PHONE = "+34612345678"
SETTINGS: dict[str, Any] = {"country": "ES", "connector": {"provider": "instasent", "token": {"sealed": "v1.x"}}}


@dataclass
class OnePartition:
    """`inputs` are all that came in, `facts` and `calls` all that came out."""

    now: int = SEVEN
    view: MemoryView = field(default_factory=MemoryView)
    accounts: Directory = field(default_factory=Directory)
    inputs: list[tuple[Input, Role, bool]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    spread: list[Input] = field(default_factory=list)
    gate: Gate = FREE
    keys: Keyring = NO_KEYS

    def __post_init__(self) -> None:
        self.ledger = Ledger(1, lambda: {PARTITION: self.view})
        self.configure(**SETTINGS)

    def configure(self, **settings: Any) -> None:
        self._settings(AccountConfigured.of_json(settings))

    def save(self, template: str, text: str, **rest: Any) -> None:
        self._settings(TemplateSaved.of_json({"template": template, "text": text, **rest}))

    def cancel(self, **data: Any) -> None:
        self._settings(SendCancelled.of_json(data))

    def _settings(self, data: InputData) -> None:
        version = self.accounts.version
        self.accounts.evolve(Input.of(data, id=f"a{version}", source="/c", subject="acme", time=self.now), version)

    def take(
        self, data: InputData, role: Role, subject: str = SUBJECT, time: int | None = None, moved: bool = False
    ) -> Decision:
        event = Input.of(
            data, id=f"e{len(self.inputs)}", source="/test", subject=subject, time=self.now if time is None else time
        )
        self.inputs.append((event, role, moved))
        return self.handle(event, role, moved)

    def handle(self, event: Input, role: Role, moved: bool = False) -> Decision:
        """Also an event that was handled before."""
        decision = roster.handle(
            event,
            role,
            self.view,
            self.accounts,
            self.now,
            PARTITION,
            KEY,
            moved=moved,
            links=LINKS,
            gate=self.gate,
            allowance=self.ledger.of(PARTITION),
            keys=self.keys,
        )
        return self._kept(decision)

    def _kept(self, decision: Decision) -> Decision:
        self.facts.extend(decision.facts)
        self.calls.extend(decision.calls)
        self.spread.extend(decision.spread)
        return decision

    def update(
        self, subject: str = SUBJECT, via: str = "edit", time: int | None = None, moved: bool = False, **fields: Any
    ) -> list[FactData]:
        data = ContactUpdated.of_json({"via": via, "fields": fields})
        return said(self.take(data, Role.CONTACTS, subject, time, moved))

    def subscriber(self, subject: str = SUBJECT, phone: str = PHONE) -> None:
        """A contact to whom anything may be sent."""
        self.update(subject, _mobilePhone=phone, _smsSubscriptionStatus="subscribed")

    def erase(self, subject: str = SUBJECT, time: int | None = None) -> list[FactData]:
        return said(self.take(ContactErasure(reason="asked"), Role.CONTACTS, subject, time))

    def request(
        self, send_id: str = "s", class_: Class = "transactional", subject: str = SUBJECT, time: int | None = None,
        **data: Any,
    ) -> Decision:  # fmt: skip
        said = {"to": "contact", "sender": "Acme", "send_id": send_id, **data}
        if "template" not in said:
            said.setdefault("text", "Hola")
        return self.take(SendRequested.of_json(said), SENDS_OF[class_], subject, time)

    def attempt(self, send_id: str = "s", subject: str = SUBJECT, **data: Any) -> Call:
        """A send that must lead to a call."""
        (call,) = self.request(send_id, subject=subject, **data).calls
        return call

    def answer(self, call: Call, outcome: str = "accepted", **data: Any) -> list[FactData]:
        said_ = {"send_id": call.send_id, "attempt": call.attempt, "client_id": call.client_id, "outcome": outcome}
        return said(self.take(AnswerReceived.of_json(said_ | data), Role.ANSWERS, call.subject))

    def settle(self, call: Call, outcome: str, **data: Any) -> Decision:
        """An operator's word."""
        said_ = {"send_id": call.send_id, "outcome": outcome, "by": "ana", "because": "the dashboard shows it"}
        return self.take(SendSettled.of_json(said_ | data), Role.ANSWERS, call.subject)

    def listed(self, call: Call, status: str | None = "sent", **report: Any) -> list[FactData]:
        """What a sweep of the provider's list found."""
        heard = {"provider": "instasent", "status": status, **report}
        return self.answer(call, provider_id=f"p-{call.client_id}", report=heard)

    def receipt(self, client_id: str | None, status: str | None = None, account: str = "acme", **data: Any) -> Decision:
        heard = {"provider": "instasent", "client_id": client_id, "provider_id": f"p-{client_id}", "status": status}
        callback = CallbackReceived.model_validate({"received_at": self.now, **heard, **data})
        return self.take(callback, Role.CALLBACKS, account)

    def press(self, code: str) -> Decision:
        """The button of the opt-out page."""
        return self.take(OptOutRequested(code=code), Role.CALLBACKS, opt_out.ACCOUNT)

    def told(self) -> list[FactData]:
        """What this partition hears of opt-outs by number: all that it said itself and did not hear yet."""
        heard, self.spread = self.spread, []
        for event in heard:
            self.inputs.append((event, Role.NUMBERS, False))
        return [fact for event in heard for fact in said(self.handle(event, Role.NUMBERS))]

    def wait(self, ms: int) -> list[FactData]:
        """Let time pass; timers fire one by one, each at its time."""
        until, before = self.now + ms, len(self.facts)
        while (due := waiting.next_due(self.view)) is not None and due <= until:
            self.now = max(due, self.now)
            due_ = waiting.due(
                self.view,
                self.accounts,
                self.now,
                PARTITION,
                KEY,
                1,
                LINKS,
                self.gate,
                self.keys,
                allowance=self.ledger.of(PARTITION),
            )
            for decision in due_:
                self._kept(decision)
        self.now = until
        return [fact.data for fact in self.facts[before:]]

    def recall(self, slice_: int = 1_000) -> list[FactData]:
        """Cancellations are heeded: all timers are walked, so many at a time."""
        before, after = len(self.facts), b""
        while True:
            timers, after = waiting.walk(self.view, after, slice_)
            for timer in timers:
                self.facts += waiting.recall(self.view, self.accounts, self.now, timer, self.keys)
            if not after:
                return [fact.data for fact in self.facts[before:]]

    def abandon(self, call: Call) -> list[FactData]:
        return said(self._kept(roster.abandon(self.view, call.send_hash, self.now)))

    def contact(self, subject: str = SUBJECT) -> contact.State:
        state: contact.State = self.view.get(keyspace.contact_key(subject)) or contact.initial
        return state

    def send(self, call: Call) -> send.State:
        state: send.State = self.view.get(keyspace.send_key(call.send_hash)) or send.initial
        return state


def said(decision: Decision) -> list[FactData]:
    """The facts of a decision without their envelopes."""
    return [fact.data for fact in decision.facts]


def rebuilt(facts: list[Fact], beside: OnePartition | None = None) -> MemoryView:
    """The state that the journal makes, alone or with the contacts' keys that there are now."""
    view, keys = MemoryView(), NO_KEYS
    if beside is not None:
        keys = beside.keys
        view.values |= {key: value for key, value in beside.view.values.items() if key.startswith(keyring.KEYS)}
    for fact in facts:
        journal.apply(view, fact, keys=keys)
    return view


def folded(view: MemoryView) -> dict[bytes, Any]:
    """What the journal must be able to rebuild."""
    prefixes = (b"c/", b"s/", b"o/", b"h/", b"d/", b"t/", b"w/", b"u/", b"n/", b"x/")
    kept = {key: value for key, value in view.values.items() if key[:2] in prefixes}
    return {key: value for key, value in kept.items() if key[:1] != b"t" or key[16:17] != AGAIN.encode()}


def sealed_world(seed: int = 0) -> OnePartition:
    """A partition of an account whose privacy is `sealed`, with keys that a seed draws."""
    drawn = Random(seed)
    world = OnePartition(keys=Keyring(b"w" * 32, b"n" * 32, lambda _: drawn.randbytes(32)))
    world.configure(privacy="sealed")
    return world
