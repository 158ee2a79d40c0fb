"""The laws that hold for any stream of inputs, and the bounds of a partition's state."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from events import client_id
from events.codec import decode_fact, encode_fact
from events.envelope import INPUTS
from events.examples import SEVEN
from events.fact import Fact
from events.opt_out import hash_number
from events.send import SendAttempted
from projections import keyspace
from projections.keyspace import MemoryView
from streams import roster
from streams.turn import AGAIN
from tests.streams.one_partition import KEY, PARTITION, OnePartition, folded, rebuilt

SUBJECTS = ("acme/ana", "acme/eva")
DAY = 86_400_000
PHONES = st.sampled_from(["612345678", "+34612345679", "+34912345678", "nobody", None])
WHOM = st.sampled_from(SUBJECTS)
IDS = st.sampled_from(["s1", "s2", "s3"])
WORDS = st.sampled_from(["sent", "delivered", "failed", "rejected", "expired", "unknown", "stop", "new word"])
ANSWERS = st.sampled_from(
    [
        ("accepted", {"provider_id": "p"}),
        ("refused", {"status": 400, "final": True}),
        ("refused", {"status": 429, "final": False}),
        ("unknown", {"reason": "timeout"}),
    ]
)


class AnyStream(RuleBasedStateMachine):
    """Whatever comes in, in whatever order, at whatever time."""

    def made(self) -> OnePartition:
        return OnePartition()

    def rebuilt(self, facts: list[Fact]) -> MemoryView:
        return rebuilt(facts)

    def phone(self, subject: str) -> str | None:
        return self.world.contact(subject).phone

    @initialize()
    def begin(self) -> None:
        self.world = self.made()
        self.world.configure(
            bounces={"hard_in_a_row": 2},
            resend_unknown=["transactional"],
            caps={"transactional": [{"sends": 2, "days": 1}, {"sends": 4, "days": 7}]},
            quiet_hours={"newsletter": {"from": "23:00", "to": "07:30"}},
        )
        self.world.save("t", "Hola {{name}} {{n}} {{unsubscribe}}", labels=["x"], variables=[
            {"id": "name", "name": "n", "type": "text"}, {"id": "n", "name": "n", "type": "number"}])  # fmt: skip

    @rule(
        whom=WHOM, phone=PHONES, status=st.sampled_from(["active", "bounced", "paused", None]),
        subscription=st.sampled_from(["subscribed", "unsubscribed", "none", None]), name=st.sampled_from(["A", None]),
        only=st.sets(st.integers(0, 3), min_size=1), ago=st.integers(0, 3), moved=st.booleans(),
    )  # fmt: skip
    def update(
        self, whom: str, phone: Any, status: Any, subscription: Any, name: Any, only: set[int], ago: int, moved: bool
    ) -> None:
        fields = {
            "_mobilePhone": phone,
            "_mobilePhoneStatus": status,
            "_smsSubscriptionStatus": subscription,
            "name": name,
        }
        chosen = {key: value for at, (key, value) in enumerate(fields.items()) if at in only}
        self.world.update(whom, time=self.world.now - ago, moved=moved, **chosen)

    @rule(whom=WHOM)
    def erase(self, whom: str) -> None:
        self.world.erase(whom)

    @rule(
        whom=WHOM, send_id=IDS, class_=st.sampled_from(["transactional", "newsletter"]), n=st.sampled_from([1, "x"]),
        alert=st.booleans(), later=st.integers(0, 2),
    )  # fmt: skip
    def request(self, whom: str, send_id: str, class_: Any, n: Any, alert: bool, later: int) -> None:
        data: dict[str, Any] = {"template": "t", "variables": {"name": {"field": "name"}, "n": n}}
        if alert:
            data["to"] = {"alert": "+34612345679"}
        if later:
            data["not_before"] = f"2026-11-2{3 + later}T07:00:00Z"
        self.world.request(send_id, class_, whom, **data)

    @rule(at=st.integers(0, 9), answer=ANSWERS)
    def answer(self, at: int, answer: tuple[str, dict[str, Any]]) -> None:
        if self.world.calls:
            self.world.answer(self.world.calls[at % len(self.world.calls)], answer[0], **answer[1])

    @rule(at=st.integers(0, 9), word=WORDS, text=st.sampled_from([None, "baja", "alta", "hola"]), ago=st.integers(0, 9))
    def receipt(self, at: int, word: str, text: Any, ago: int) -> None:
        if self.world.calls:
            call = self.world.calls[at % len(self.world.calls)]
            self.world.receipt(call.client_id, word, message=text, event_at=self.world.now - ago)

    @rule(at=st.integers(0, 9), word=WORDS)
    def listed(self, at: int, word: str) -> None:
        if self.world.calls:
            self.world.listed(self.world.calls[at % len(self.world.calls)], word)

    @rule(at=st.integers(0, 9), outcome=st.sampled_from(["accepted", "refused"]), again=st.booleans())
    def settle(self, at: int, outcome: str, again: bool) -> None:
        if self.world.calls:
            call = self.world.calls[at % len(self.world.calls)]
            self.world.settle(call, outcome, again=again, attempt=call.attempt)

    @rule(at=st.integers(0, 9))
    def press(self, at: int) -> None:
        if codes := [fact.data.unsubscribe for fact in self.world.facts if isinstance(fact.data, SendAttempted)]:
            code = codes[at % len(codes)]
            if code is not None:
                self.world.press(code)

    @rule()
    def hear_of_opt_outs_by_number(self) -> None:
        self.world.told()

    @rule(whom=WHOM, send_id=IDS, attempt=st.integers(1, 3), word=WORDS)
    def early_receipt(self, whom: str, send_id: str, attempt: int, word: str) -> None:
        hashed = client_id.send_hash(whom, send_id)
        self.world.receipt(client_id.make(KEY, PARTITION, hashed, attempt), word)

    @rule(ms=st.sampled_from([1, 1000, 900_000, DAY, 4 * DAY]))
    def wait(self, ms: int) -> None:
        self.world.wait(ms)

    @rule()
    def take_over(self) -> None:
        for key, _ in self.world.view.scan(keyspace.OPEN, 100):
            self.world.facts.extend(roster.abandon(self.world.view, key[2:].decode(), self.world.now).facts)

    @invariant()
    def the_journal_alone_makes_the_state(self) -> None:
        written = [decode_fact(encode_fact(fact)) for fact in self.world.facts]
        assert folded(self.rebuilt(written)) == folded(self.world.view)

    @invariant()
    def what_is_stored_is_what_was_decided_with(self) -> None:
        for key, value in self.world.view.values.items():
            assert keyspace.decode(key, keyspace.encode(key, value)) == value

    @invariant()
    def contacts_are_found_by_the_number_that_they_have(self) -> None:
        owners = {
            keyspace.number_key(hash_number("acme", phone, self.world.keys.numbers), key[2:].decode())
            for key, _ in self.world.view.scan(keyspace.CONTACTS, 100)
            if (phone := self.phone(key[2:].decode()))
        }
        assert {key for key, _ in self.world.view.scan(b"n/", 100)} == owners

    @invariant()
    def a_contact_s_facts_are_numbered_without_gap(self) -> None:
        for subject in SUBJECTS:
            sequences = [fact.sequence for fact in self.world.facts if fact.subject == subject]
            assert sequences == list(range(1, len(sequences) + 1))

    @invariant()
    def no_attempt_is_permitted_twice(self) -> None:
        attempted = [fact.data.client_id for fact in self.world.facts if isinstance(fact.data, SendAttempted)]
        called = [call.client_id for call in self.world.calls]
        assert len(set(attempted)) == len(attempted)
        assert len(set(called)) == len(called)
        assert set(called) <= set(attempted)

    @invariant()
    def timers_and_open_attempts_are_those_of_the_sends(self) -> None:
        sends = {key[2:].decode(): value for key, value in self.world.view.scan(keyspace.SENDS, 100)}
        for class_, prefix in keyspace.TIMERS.items():
            timers = {keyspace.timer(key) for key, _ in self.world.view.scan(prefix, 100)}
            timers = {(due, name) for due, name in timers if not name.startswith(AGAIN)}
            assert timers == {(s.due, hashed) for hashed, s in sends.items() if s.due and s.class_ == class_}
        opened = {key[2:].decode() for key, _ in self.world.view.scan(keyspace.OPEN, 100)}
        assert opened == {hashed for hashed, state in sends.items() if state.phase == "open"}
        unknown = {key.rpartition(b"/")[2].decode() for key, _ in self.world.view.scan(keyspace.UNSETTLED, 100)}
        assert unknown == {hashed for hashed, state in sends.items() if state.phase == "unknown"}

    def teardown(self) -> None:
        """The same inputs again yield nothing and change nothing."""
        before, facts = dict(self.world.view.values), len(self.world.facts)
        for event, role, moved in self.world.inputs:
            decision = self.world.handle(event, role, moved)
            assert (decision.outcome, decision.calls) == ("repeated", ())
        assert len(self.world.facts) == facts
        assert self.world.view.values == before


TestAnyStream = AnyStream.TestCase
TestAnyStream.settings = settings(max_examples=80, stateful_step_count=30)


def test_every_input_of_a_partition_has_a_decider() -> None:
    of_accounts = {"AccountConfigured", "TemplateSaved", "SendCancelled"}
    assert {data.__name__ for data in roster.ROSTER} == {data.__name__ for data in INPUTS} - of_accounts


FIELDS: dict[str, Any] = {
    "_mobilePhone": "612345678", "_mobilePhoneStatus": "paused", "_smsSubscriptionStatus": "subscribed", "a": 1,
    "b": "x",
}  # fmt: skip


@given(st.permutations(sorted(FIELDS)))
def test_the_order_of_unrelated_fields_does_not_matter(order: list[str]) -> None:
    """Neither within an update nor, but for a new number's own effect on its status, over several."""
    one, other, apart = OnePartition(), OnePartition(), OnePartition()
    one.update(**FIELDS)
    other.update(**{name: FIELDS[name] for name in order})
    assert one.contact() == other.contact()
    assert one.facts == other.facts
    order.remove("_mobilePhone")
    for name in ("_mobilePhone", *order):
        apart.update(**{name: FIELDS[name]})
    told = one.contact()
    same = apart.contact()
    assert (same.phone, same.phone_status, same.subscription) == (told.phone, told.phone_status, told.subscription)
    assert same.fields == told.fields


def test_a_fact_names_its_cause_and_its_time() -> None:
    world = OnePartition()
    world.update("acme/ana", time=SEVEN - 5, city="Vigo")
    (fact,) = world.facts
    assert (fact.subject, fact.causation_id, fact.causation_source, fact.time) == ("acme/ana", "e0", "/test", SEVEN - 5)
    world.request(subject="acme/ana", time=SEVEN - 5)
    assert world.facts[-1].time == world.now == SEVEN


def test_facts_of_a_timer_have_the_same_ids_whenever_they_are_decided() -> None:
    worlds = [OnePartition(), OnePartition()]
    for late, world in enumerate(worlds):
        world.subscriber()
        world.abandon(world.attempt())
        world.now += 100 * late
        world.wait(4 * DAY)
    one, other = ([fact.id for fact in world.facts] for world in worlds)
    assert one == other


def test_ids_and_finished_sends_are_forgotten_in_small_steps_and_nothing_else() -> None:
    world = OnePartition()
    world.subscriber()
    done = [world.attempt(f"s{n}") for n in range(5)]
    for call in done:
        world.answer(call, provider_id="p")
    still_open = world.attempt("open")
    world.receipt(client_id.make(KEY, PARTITION, "a" * 16, 1), "sent")
    before = world.contact()
    assert _swept(world, world.now + 36 * DAY) == _swept(world, world.now + 36 * DAY)
    assert world.send(done[0]).phase == "accepted"
    steps = _swept(world, world.now + 38 * DAY)
    assert steps > 3
    assert {key[:2] for key in world.view.values} == {b"c/", b"n/", b"s/", b"o/", b"h/"}
    assert world.send(done[0]).phase == "new"
    assert world.send(still_open).phase == "open"
    assert world.contact() == before


def _swept(world: OnePartition, now: int) -> int:
    cursor, steps = b"", 0
    while True:
        cursor = roster.sweep(world.view, now, cursor, limit=4)
        steps += 1
        if not cursor:
            return steps
