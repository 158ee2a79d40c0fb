"""The questions asked of the read model, on SQLite and PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from connectors.readmodel import answers, export, queries
from connectors.readmodel.queries import Filter
from connectors.readmodel.statistics import Asked, statistics
from events import instant
from events.contact import ContactErased, FieldsChanged, PhoneChanged, PhoneStatusChanged, SubscriptionChanged
from events.examples import FACTS
from events.fact import FactData
from events.message import InboundReceived, MessageStateChanged
from events.send import SendAccepted, SendAttempted, SendSkipped
from tests.connectors.readmodel.journals import NOON, Journal, write_all

ANA = "acme/ana@example.com"
BOB = "acme/bob@example.com"
ATTEMPTED = next(fact.data for fact in FACTS if isinstance(fact.data, SendAttempted))


def attempted(send_id: str, **changes: object) -> SendAttempted:
    return replace(ATTEMPTED, send_id=send_id, requested_at=0, **changes)  # type: ignore[arg-type]


def receipt(send_id: str, to: str) -> MessageStateChanged:
    return MessageStateChanged(send_id, 1, "accepted", to, to, 0, NOON, None)


@pytest.fixture
def history(engine: Engine) -> Engine:
    """Ana's SMS, a fact a second: an order delivered at 2, a campaign delivered at 5, one failed at 8, one only taken
    at 10, an alert delivered at 13, one skipped at 14; Bob's order under the same id as Ana's."""
    journal = Journal()
    campaign = {"class_": "newsletter", "template": "black-friday", "labels": ["offers", "november"]}
    journal.add(ANA, attempted("order"), SendAccepted("order", 1, "p1"), receipt("order", "delivered"))
    journal.add(ANA, attempted("bf", **campaign), SendAccepted("bf", 1, "p2"), receipt("bf", "delivered"))
    journal.add(ANA, attempted("lost", **campaign), SendAccepted("lost", 1, "p3"), receipt("lost", "failed"))
    journal.add(ANA, attempted("late"), SendAccepted("late", 1, "p4"))
    journal.add(ANA, attempted("alert", alert=True), SendAccepted("alert", 1, "p5"), receipt("alert", "delivered"))
    journal.add(ANA, SendSkipped("no", "newsletter", "not_subscribed", ""))
    journal.add(BOB, attempted("order"))
    write_all(engine, journal.slices())
    return engine


@pytest.mark.parametrize(
    ("asked", "count", "last"),
    [
        (Filter(), 2, "bf"),
        (Filter(state="accepted"), 3, "late"),
        (Filter(class_="transactional"), 1, "order"),
        (Filter(class_="transactional", state="accepted"), 2, "late"),
        (Filter(template="black-friday"), 1, "bf"),
        (Filter(template="black-friday", class_="transactional"), 0, None),
        (Filter(labels=("nothing", "november")), 1, "bf"),
        (Filter(labels=("offers", "november", "orders")), 2, "bf"),
        (Filter(labels=("nothing",)), 0, None),
        (Filter(since=NOON + 3000), 1, "bf"),
        (Filter(since=NOON + 5000), 1, "bf"),
        (Filter(since=NOON + 5001), 0, None),
        (Filter(until=NOON + 5000), 1, "order"),
        (Filter(until=NOON + 5001), 2, "bf"),
        (Filter(since=NOON + 10_000, state="accepted"), 1, "late"),
    ],
)
def test_has_received_sms(history: Engine, asked: Filter, count: int, last: str | None) -> None:
    answer = queries.has_received_sms(history, ANA, asked)
    assert (answer.received, answer.count, answer.last and answer.last["send_id"]) == (count > 0, count, last)


@pytest.mark.parametrize(("at_least", "received"), [(1, True), (2, True), (3, False)])
def test_has_received_sms_so_many_times(history: Engine, at_least: int, received: bool) -> None:
    answer = queries.has_received_sms(history, ANA, Filter(at_least=at_least))
    assert (answer.received, answer.count) == (received, 2)


def test_a_contact_of_whom_nothing_is_known_has_received_nothing(history: Engine) -> None:
    assert answers.received(queries.has_received_sms(history, "acme/nobody", Filter())) == {
        "received": False,
        "count": 0,
        "last": None,
    }


def test_messages_come_newest_first_and_page_by_page(history: Engine) -> None:
    first = queries.messages(history, ANA, limit=4)
    rest = queries.messages(history, ANA, limit=4, before=first[-1]["first_sequence"])
    assert [row["send_id"] for row in first] == ["no", "alert", "late", "lost"]
    assert [row["send_id"] for row in rest] == ["bf", "order"]


def test_a_decision_record_has_all_facts_of_that_send_and_no_other(history: Engine) -> None:
    (record,) = queries.sends(history, "bf", account="acme")
    told = answers.send(record)
    assert [fact["type"] for fact in told["facts"]] == [
        "recado.send.attempted.v1",
        "recado.send.accepted.v1",
        "recado.message.state_changed.v1",
    ]
    assert told["facts"][0]["data"]["looked_at"] == ATTEMPTED.looked_at
    assert [step["sequence"] for step in told["steps"]] == [4, 4, 5, 6]  # the asking, and what followed
    assert (told["account"], told["contact"], told["outcome"], told["state"], told["labels"]) == (
        "acme",
        "ana@example.com",
        "accepted",
        "delivered",
        ["offers", "november"],
    )


def test_a_decision_record_tells_what_a_receipt_did_to_the_contact(engine: Engine) -> None:
    journal = Journal()
    journal.add(ANA, attempted("order"), SendAccepted("order", 1, "p1"), FieldsChanged({"city": "Vigo"}, []))
    journal.add(ANA, InboundReceived("BAJA", "stop", "order", 1))
    journal.add(ANA, SubscriptionChanged("subscribed", "unsubscribed", "keyword", "BAJA"), same_cause=True)
    journal.add(ANA, FieldsChanged({"city": "Lugo"}, []))
    write_all(engine, journal.slices())
    (record,) = queries.sends(engine, "order")
    assert [fact.sequence for fact in record.facts] == [1, 2, 4, 5]
    assert answers.send(record)["steps"][-1]["what"] == "Subscription: unsubscribed (by keyword)."


def test_a_skipped_send_shows_what_was_asked_for(engine: Engine) -> None:
    journal = Journal()
    skipped = SendSkipped("no", "newsletter", "no_phone", "", {}, "", NOON - 5, "Acme", "bf", ["november"], False)
    journal.add(ANA, skipped)
    write_all(engine, journal.slices())
    (row,) = queries.messages(engine, ANA)
    told = answers.message(row)
    assert (told["sender"], told["template"], told["labels"]) == ("Acme", "bf", ["november"])
    assert told["requested_at"] == "2026-11-23T11:59:59.995Z"


def test_a_send_id_that_two_contacts_use_asks_for_the_contact(history: Engine) -> None:
    assert len(queries.sends(history, "order")) == 2
    (record,) = queries.sends(history, "order", "acme", "bob@example.com")
    assert record.row["outcome"] == "attempted"
    assert queries.sends(history, "order", "zeta") == []


def test_outcomes_are_counted_by_class_outcome_reason_and_state(history: Engine) -> None:
    assert [tuple(one) for one in queries.outcomes(history, "acme")] == [
        ("newsletter", "accepted", None, "delivered", 1),
        ("newsletter", "accepted", None, "failed", 1),
        ("newsletter", "skipped", "not_subscribed", None, 1),
        ("transactional", "accepted", None, "accepted", 1),
        ("transactional", "accepted", None, "delivered", 2),
        ("transactional", "attempted", None, None, 1),
    ]
    assert queries.outcomes(history, "zeta") == []


def test_the_latest_facts_end_with_the_newest(history: Engine) -> None:
    assert [(fact.subject, fact.sequence) for fact in queries.latest(history, 3)] == [(ANA, 14), (ANA, 15), (BOB, 1)]


def test_a_contact_now_and_at_any_time(engine: Engine) -> None:
    journal = Journal()
    journal.add(
        ANA, PhoneChanged(None, "+34612345678", "edit"), SubscriptionChanged("none", "subscribed", "edit", None)
    )
    journal.add(ANA, FieldsChanged({"first_name": "Ana", "vip": True}, []), attempted("s"))
    write_all(engine, journal.slices())
    assert queries.contact(engine, ANA, at=NOON - 1) is None
    first = queries.contact(engine, ANA, at=NOON)
    assert first is not None
    assert (first.state.phone, first.state.subscription, first.sequence) == ("+34612345678", None, 1)
    now = queries.contact(engine, ANA)
    assert now is not None
    assert now == queries.contact(engine, ANA, at=NOON + 10_000)
    assert answers.contact(now) == {
        "account": "acme",
        "contact": "ana@example.com",
        "phone": "+34612345678",
        "phone_region": "ES",
        "phone_type": "mobile",
        "same_phone": [],
        "phone_status": None,
        "subscription": "subscribed",
        "consent": answers.consent(journal.facts[1]),
        "fields": {
            "_mobilePhone": "+34612345678",
            "_mobilePhoneStatus": None,
            "_smsSubscriptionStatus": "subscribed",
            "first_name": "Ana",
            "vip": True,
        },
        "erased": False,
        "sequence": 4,
        "updated_at": "2026-11-23T12:00:02.000Z",
    }
    assert queries.contact(engine, "acme/nobody") is None


def test_a_past_state_holds_what_had_happened_by_then_by_the_producers_own_times(engine: Engine) -> None:
    journal = Journal()
    journal.add(ANA, FieldsChanged({"n": 1, "later": True}, []), at=NOON + 9)
    journal.add(ANA, FieldsChanged({"n": 2}, []), at=NOON)
    write_all(engine, journal.slices())
    then = queries.contact(engine, ANA, at=NOON + 5)
    assert then is not None
    assert (then.sequence, then.state.fields) == (2, {"n": 2})


def test_what_an_erasure_took_is_not_shown_for_the_time_before_it(engine: Engine) -> None:
    journal = Journal()
    journal.add(ANA, PhoneChanged(None, "+34612345678", "edit"), FieldsChanged({"first_name": "Ana"}, []))
    journal.add(ANA, attempted("s"), ContactErased("asked"))
    write_all(engine, journal.slices())
    before, now = queries.contact(engine, ANA, at=NOON + 2000), queries.contact(engine, ANA)
    assert before is not None
    assert now is not None
    assert (before.state.phone, before.state.fields, now.state.erased) == (None, {}, True)
    assert "612345678" not in repr(queries.sends(engine, "s"))


SAID: st.SearchStrategy[FactData] = st.one_of(
    st.builds(lambda name, value: FieldsChanged({name: value}, []), st.sampled_from("abc"), st.integers(0, 9)),
    st.builds(PhoneChanged, st.none(), st.sampled_from(["+34612345678", "+34612345679", None]), st.just("edit")),
    st.builds(PhoneStatusChanged, st.none(), st.sampled_from(["active", "bounced", "paused"]), st.just("edit")),
    st.builds(
        SubscriptionChanged, st.just("none"), st.sampled_from(["subscribed", "unsubscribed", "none"]), st.just("tag"),
        st.text(max_size=5),
    ),
)  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(
    ages=st.lists(st.integers(0, 50), min_size=1, max_size=12),
    said=st.lists(SAID, min_size=12, max_size=12),
    asked=st.integers(-1, 60),
)
def test_the_state_at_a_time_is_what_a_reader_saw_then(
    empty: Callable[[], Engine], ages: list[int], said: list[FactData], asked: int
) -> None:
    """Write the facts up to a time and ask now; write all and ask for that time: the same."""
    journal = Journal()
    for age, fact in zip(sorted(ages), said, strict=False):
        journal.add(ANA, fact, at=NOON + age)
    seen = sum(1 for age in ages if age <= asked)
    engine = empty()
    write_all(engine, journal.slices([seen])[: 1 if seen else 0])
    then = queries.contact(engine, ANA)
    write_all(engine, journal.slices())
    assert queries.contact(engine, ANA, at=NOON + asked) == then
    ledger = export.export(engine, ANA)
    assert ledger is not None
    changes = [change for change in export.consent(ledger.facts) if change["time"] <= instant.render(NOON + asked)]
    consented = then.state.subscription if then is not None else None
    assert (changes[-1]["to"] if changes else None) == consented
    assert (changes[-1] if changes else None) == answers.consent(then.consent if then is not None else None)


def test_analysts_read_the_views(history: Engine) -> None:
    with history.connect() as connection:
        delivered = connection.execute(
            text("SELECT send_id, attempted_at, seconds_to_delivery FROM v_messages WHERE state = 'delivered'")
        ).all()
        day = connection.execute(
            text("SELECT day, template, sends, parts, delivered FROM v_outcomes WHERE state = 'failed'")
        ).one()
        facts = connection.execute(text("SELECT COUNT(*) FROM v_facts")).scalar_one()
        people = connection.execute(text("SELECT contact, facts FROM v_contacts ORDER BY contact")).all()
    assert {row.send_id: float(row.seconds_to_delivery) for row in delivered} == {"order": 2.0, "bf": 2.0, "alert": 2.0}
    first = next(row.attempted_at for row in delivered if row.send_id == "order")
    shown = first if isinstance(first, datetime) else datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert shown == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert (str(day.day), day.template, day.sends, day.parts, day.delivered) == ("2026-11-23", "black-friday", 1, 1, 0)
    assert facts == 16
    assert [tuple(row) for row in people] == [("ana@example.com", 15), ("bob@example.com", 1)]


def test_contacts_with_one_number_see_each_other(engine: Engine) -> None:
    journal = Journal()
    for subject in (ANA, BOB, "other/eva@example.com"):
        journal.add(subject, PhoneChanged(None, "+34612345678", "edit"))
    journal.add("acme/tom@example.com", PhoneChanged(None, "+34912345678", "edit"))
    write_all(engine, journal.slices())
    ana, tom = queries.contact(engine, ANA), queries.contact(engine, "acme/tom@example.com")
    assert ana is not None
    assert tom is not None
    assert (ana.same_phone, tom.same_phone) == (("bob@example.com",), ())
    shown = answers.contact(ana)
    assert (shown["phone_region"], shown["phone_type"], shown["same_phone"]) == ("ES", "mobile", ["bob@example.com"])
    assert answers.contact(tom)["phone_type"] == "fixed_line"
    with engine.connect() as connection:
        kinds = connection.execute(text("SELECT contact, phone_region, phone_type FROM v_contacts ORDER BY 1")).all()
        assert ("tom@example.com", "ES", "fixed_line") in [tuple(row) for row in kinds]
        shared = connection.execute(text("SELECT account, phone, contacts FROM v_shared_phones")).all()
        assert [tuple(row) for row in shared] == [("acme", "+34612345678", 2)]


def test_a_number_that_is_gone_leaves_no_region_behind(engine: Engine) -> None:
    journal = Journal()
    journal.add(ANA, PhoneChanged(None, "+34612345678", "edit"))
    write_all(engine, journal.slices())
    journal.add(ANA, FieldsChanged({"city": "Vigo"}, []), PhoneChanged("+34612345678", None, "edit"))
    write_all(engine, journal.slices())
    with engine.connect() as connection:
        assert tuple(connection.execute(text("SELECT phone_region, phone_type FROM v_contacts")).one()) == (None, None)


@pytest.mark.parametrize(
    ("groups", "rows"),
    [
        ((), [((), 7)]),
        (("class",), [(("newsletter",), 3), (("transactional",), 4)]),
        (("label",), [((None,), 1), (("november",), 2), (("offers",), 2), (("express",), 4), (("orders",), 4)]),
        (("day",), [((str(NOON - NOON % 86_400_000),), 7)]),
        (
            ("template", "state"),
            [
                ((None, None), 1),
                (("black-friday", "delivered"), 1),
                (("black-friday", "failed"), 1),
                (("order-shipped", None), 1),
                (("order-shipped", "accepted"), 1),
                (("order-shipped", "delivered"), 2),
            ],
        ),
    ],
)
def test_statistics_sum_up_an_accounts_sends(history: Engine, groups: tuple[str, ...], rows: object) -> None:
    found = statistics(history, Asked("acme", groups=groups))
    assert sorted(((one.values, one.sends) for one in found), key=repr) == sorted(rows, key=repr)  # type: ignore[call-overload]


def test_statistics_tell_what_became_of_sends_and_what_they_took(history: Engine) -> None:
    (all_,) = statistics(history, Asked("acme"))
    assert all_.outcomes == {
        "deferred": 0, "skipped": 1, "attempted": 1, "accepted": 5, "refused": 0, "unknown": 0, "given_up": 0,
    }  # fmt: skip
    assert all_.states == {"delivered": 3, "failed": 1, "expired": 0, "canceled": 0}
    assert (all_.parts, all_.clicks) == (6 * ATTEMPTED.parts, 0)
    (none,) = statistics(history, Asked("zeta"))
    assert (none.sends, none.parts, sum(none.outcomes.values())) == (0, 0, 0)
    assert statistics(history, Asked("zeta", groups=("class",))) == []


def test_statistics_count_what_was_asked_for_in_a_time(history: Engine) -> None:
    for since, until, sends in ((NOON + 3000, None, 6), (None, NOON + 3000, 1), (NOON + 3000, NOON + 3001, 1)):
        (found,) = statistics(history, Asked("acme", since, until))
        assert found.sends == sends, (since, until)
