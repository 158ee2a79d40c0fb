"""An account whose privacy is `sealed`: what the engine decides is the same, what it writes says nothing of anyone."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.cipher import Cipher
from events.codec import encode_fact
from events.contact import ContactErased, PhoneChanged, SubscriptionChanged
from events.examples import SUBJECT
from events.opt_out import hash_number
from events.record import Sealed
from events.send import SendAttempted, SendSkipped
from projections import keyring, keyspace
from projections.keyring import Keyring, WrongSecret, key_key
from streams.roster import Decision
from streams.turn import AGAIN_AFTER
from tests.streams.one_partition import PHONE, OnePartition, folded, rebuilt, sealed_world
from tests.streams.test_roster import SUBJECTS, AnyStream

DAY = 86_400_000
EVA = "acme/eva"


def written(world: OnePartition) -> str:
    """Everything that goes to Kafka: journal, changelog, what is told to other partitions."""
    state = [keyspace.encode(key, value).decode() for key, value in world.view.values.items()]
    keys = [key.decode(errors="replace") for key in world.view.values]
    return "\n".join([*(encode_fact(fact).decode() for fact in world.facts), *state, *keys, *map(str, world.spread)])


def opened(world: OnePartition, subject: str = SUBJECT) -> Any:
    return world.keys.contact(world.view, subject, world.contact(subject))


class TestWhatIsWritten:
    def test_holds_no_number_text_or_custom_field(self) -> None:
        world = sealed_world()
        world.subscriber()
        world.update(city="Pontevedra", vip=True)
        call = world.attempt(text="Tu pedido {{n}} ha salido", variables={"n": "A-77123"})
        assert (call.to, call.text) == (PHONE, "Tu pedido A-77123 ha salido")
        world.receipt(call.client_id, "delivered", message="¿Cuándo llega?")
        world.request("later", not_before="2026-12-24T10:00:00Z", to={"alert": "+34600111222"}, text="Alarma")
        world.update(_mobilePhone="llámame al 5")
        everything = written(world)
        for personal in ("612345678", "Pontevedra", "pedido", "A-77123", "Cuándo", "600111222", "Alarma", "llámame"):
            assert personal not in everything
        assert "acme/ana" in everything  # subjects stay: who wants these hidden uses opaque contact ids

    def test_is_decided_as_for_an_open_account(self) -> None:
        worlds = OnePartition(), sealed_world()
        for world in worlds:
            world.subscriber()
            world.update(name="Ana")
            world.update(name="Ana", _mobilePhone="612 345 678")  # no news
            world.answer(world.attempt(text="Hola {{name}}", variables={"name": {"field": "name"}}), provider_id="p")
            world.request("skipped", text="{{name}}", variables={"name": {"field": "nothing"}})
        one, other = worlds
        assert [call.text for call in one.calls] == [call.text for call in other.calls]
        assert [fact.type for fact in one.facts] == [fact.type for fact in other.facts]
        assert one.contact() == opened(other)

    def test_a_switch_from_open_holds_for_what_is_written_from_then_on_and_back_likewise(self) -> None:
        world = sealed_world()
        world.configure(privacy="open")
        world.subscriber()
        world.configure(privacy="sealed")
        world.update(city="Vigo")
        call = world.attempt()
        world.configure(privacy="open")
        world.update(zip="36201")
        assert world.contact().phone == PHONE
        assert {name: type(value) for name, value in world.contact().fields.items()} == {"city": Sealed, "zip": str}
        assert opened(world).fields == {"city": "Vigo", "zip": "36201"}
        attempt = world.send(call).attempt(1)
        assert attempt is not None
        assert attempt.own  # a sealed number is known as the clear one that it is

    def test_an_opt_out_by_number_reaches_the_others_and_says_neither_number_nor_words(self) -> None:
        world = sealed_world()
        world.subscriber()
        world.subscriber(EVA)
        world.receipt(world.attempt().client_id, "delivered", message="BAJA")
        (told,) = world.spread
        assert told.data.number != hash_number("acme", PHONE)  # type: ignore[union-attr]  # which anyone could find
        assert told.data.number == hash_number("acme", PHONE, world.keys.numbers)  # type: ignore[union-attr]
        assert "BAJA" not in str(told)
        (changed,) = world.told()
        assert isinstance(changed, SubscriptionChanged)
        assert (changed.to, type(changed.by), type(changed.evidence)) == ("unsubscribed", Sealed, Sealed)


class TestErasing:
    def test_destroys_the_key_and_what_is_written_opens_no_more(self) -> None:
        world = sealed_world()
        world.subscriber()
        world.subscriber(EVA, "+34612345679")
        cipher, facts = world.keys.find(world.view, SUBJECT), list(world.facts)
        assert cipher is not None
        assert [type(data) for data in world.erase()] == [ContactErased]
        assert world.keys.find(world.view, SUBJECT) is None
        assert world.keys.changed[SUBJECT] is None
        assert "s1." not in keyspace.encode(b"c/", world.contact()).decode()
        (phone, *_) = [fact.data for fact in facts if isinstance(fact.data, PhoneChanged)]
        assert world.keys.open(world.view, SUBJECT, phone.to) is None
        assert opened(world, EVA).phone == "+34612345679"

    def test_a_send_that_waited_is_skipped_as_erased_even_if_the_contact_came_back(self) -> None:
        world = sealed_world()
        world.subscriber()
        world.request("waits", not_before="2026-11-23T08:00:00Z")
        world.request("alert", not_before="2026-11-23T08:00:00Z", to={"alert": "+34600111222"})
        world.erase()
        world.subscriber()
        skipped = [data for data in world.wait(DAY) if isinstance(data, SendSkipped)]
        assert sorted((data.send_id, data.reason) for data in skipped) == [("alert", "erased"), ("waits", "erased")]
        assert not world.calls
        world.attempt("now")  # the contact of today may be written to

    def test_a_contact_that_comes_back_has_another_key(self) -> None:
        world = sealed_world()
        world.subscriber()
        before = world.view.get(key_key(SUBJECT))
        world.erase()
        world.subscriber()
        assert world.view.get(key_key(SUBJECT)) not in (None, before)
        assert opened(world).phone == PHONE
        assert folded(rebuilt(world.facts, world)) == folded(world.view)

    def test_again_destroys_what_was_learnt_since(self) -> None:
        world = sealed_world()
        world.subscriber()
        call = world.attempt()
        world.erase()
        world.receipt(call.client_id, "delivered", message="BAJA")
        assert world.view.get(key_key(SUBJECT)) is not None
        assert world.erase() == []
        assert world.view.get(key_key(SUBJECT)) is None

    def test_is_told_again_once_the_broker_has_begun_a_new_file(self) -> None:
        world = sealed_world()
        world.subscriber()
        world.erase()
        world.keys.begin()
        world.wait(AGAIN_AFTER - 1)
        assert not world.keys.changed
        world.wait(1)
        assert world.keys.changed == {SUBJECT: None}
        assert not any(key.startswith(b"t/") for key in world.view.values)

    def test_leaves_statistics_and_the_receipts_that_come_later(self) -> None:
        world = sealed_world()
        world.subscriber()
        call = world.attempt()
        world.erase()
        world.answer(call, provider_id="p")
        world.receipt(call.client_id, "delivered")
        attempt = world.send(call).attempt(1)
        assert attempt is not None
        assert (attempt.outcome, attempt.state) == ("accepted", "delivered")


class TestKeys:
    def test_another_secret_stops_the_engine_and_decides_nothing(self) -> None:
        world = sealed_world()
        world.subscriber()
        world.keys = Keyring(b"x" * 32, b"n" * 32, lambda _: bytes(32))
        with pytest.raises(WrongSecret, match="RECADO_SECRET"):
            world.request()

    def test_a_wrapped_key_is_a_record_and_back(self) -> None:
        world = sealed_world()
        world.subscriber()
        wrapped = world.view.get(key_key(SUBJECT))
        value = keyring.written(wrapped)
        assert orjson.loads(value or b"").keys() == {"sealed"}
        assert keyring.read(value) == wrapped
        assert keyring.read(None) is None
        assert isinstance(Keyring(b"w" * 32).unwrap(SUBJECT, wrapped), Cipher)
        with pytest.raises(WrongSecret):
            Keyring(b"w" * 32).unwrap(EVA, wrapped)

    def test_open_accounts_make_none(self) -> None:
        world = sealed_world()
        world.configure(privacy="open")
        world.subscriber()
        world.erase()
        assert not world.keys.changed
        assert not any(key.startswith(keyring.KEYS) for key in world.view.values)


class SealedStream(AnyStream):
    """The laws of any stream, for a sealed account."""

    def made(self) -> OnePartition:
        return sealed_world()

    def rebuilt(self, facts: Any) -> Any:
        return rebuilt(facts, self.world)

    def phone(self, subject: str) -> str | None:
        phone: str | None = opened(self.world, subject).phone
        return phone

    def teardown(self) -> None:
        for subject in SUBJECTS:  # erased at the end: nothing can be opened, and all else is as it was
            self.world.erase(subject)
        facts = [fact for fact in self.world.facts if isinstance(fact.data, SendAttempted)]
        assert all(self.world.keys.open(self.world.view, fact.subject, fact.data.to) is None for fact in facts)  # type: ignore[union-attr]
        self.the_journal_alone_makes_the_state()
        super().teardown()


TestSealedStream = SealedStream.TestCase
TestSealedStream.settings = settings(max_examples=60, stateful_step_count=30)


@given(st.lists(st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(["set", "erase", "send"])), max_size=12))
def test_the_same_inputs_again_write_the_same_bytes(steps: list[tuple[str, str]]) -> None:
    def told() -> list[bytes]:
        world = sealed_world(7)
        for number, (subject, what) in enumerate(steps):
            decided: Decision | list[Any] = (
                world.erase(subject)
                if what == "erase"
                else world.update(subject, _mobilePhone=PHONE, n=number)
                if what == "set"
                else world.request(f"s{number}", subject=subject)
            )
            assert decided is not None
        return [encode_fact(fact) for fact in world.facts]

    assert told() == told()
