"""The demo's arithmetic and words, over facts made here."""

import io

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st
from rich.console import Console

from connectors.kafka.counts import Counts
from events import contact, message, send
from events.codec import decode_input
from events.fact import Fact, FactData
from events.topics import Role
from streams.cli.demo.checks import Published, checks, settled
from streams.cli.demo.tally import Tally
from streams.cli.demo.traffic import traffic
from streams.cli.demo.view import Picture, Process, line, render
from streams.cli.demo.words import mask, sentence

ANA = "acme/ana@example.com"
NUMBER = "+34612345678"


def attempted(send_id: str, attempt: int = 1) -> send.SendAttempted:
    return send.SendAttempted(
        send_id,
        "transactional",
        attempt,
        f"0-{attempt}-{send_id}",
        NUMBER,
        "Acme",
        None,
        None,
        [],
        "GSM-7",
        1,
        "Hola",
        False,
        {},
        {},
    )


def tallied(*facts: FactData) -> Tally:
    tally = Tally()
    for sequence, data in enumerate(facts, 1):
        tally.fold(Fact(ANA, sequence, 0, "cause", "/test", data))
    return tally


def counted(**roles: dict[str, int]) -> Counts:
    import orjson

    counts = Counts()
    counts.take(0, b"p/counts", orjson.dumps({name.replace("_", "."): count for name, count in roles.items()}))
    return counts


LEDGER = {"accepted": 1, "second_sends": 0, "callbacks_pending": 0, "callbacks_taken": 1}
ALL_WELL = {
    "sends_transactional": {"read": 2, "applied": 2},
    "callbacks": {"read": 1, "applied": 1},
    "answers": {"read": 1, "applied": 1},
}
SENT = (
    attempted("one"),
    send.SendAccepted("one", 1, "p-1"),
    send.SendSkipped("two", "transactional", "no_phone", ""),
    message.MessageStateChanged("one", 1, "accepted", "delivered", "delivered", 0, None, None),
)


def published(n: int) -> Published:
    found = Published()
    found.add(Role.TRANSACTIONAL, n)
    found.sends |= {(ANA, name) for name in ("one", "two", "three")[:n]}
    return found


def test_when_all_has_settled_every_sum_holds() -> None:
    tally, counts = tallied(*SENT), counted(**ALL_WELL)
    assert settled(published(2), counts, tally, LEDGER) is None
    assert [check.words for check in checks(published(2), counts, tally, LEDGER) if not check.holds] == []


def test_a_send_without_an_outcome_is_awaited_and_then_missed() -> None:
    tally, counts = tallied(*SENT[:2]), counted(**ALL_WELL)
    assert settled(published(2), counts, tally, LEDGER) == "1 sends have no outcome yet"
    (failing,) = [check.words for check in checks(published(2), counts, tally, LEDGER) if not check.holds]
    assert failing == "sends: 2 = 0 skipped + 0 deferred + 1 accepted + 0 refused + 0 unknown"


def test_an_sms_that_the_provider_took_and_no_fact_tells_of_is_seen() -> None:
    ledger = LEDGER | {"accepted": 2}
    failing = [
        check.words for check in checks(published(2), counted(**ALL_WELL), tallied(*SENT), ledger) if not check.holds
    ]
    assert failing == ["the provider accepted 2 SMS = 1 facts say accepted"]


def test_a_client_id_accepted_twice_is_seen() -> None:
    ledger = LEDGER | {"second_sends": 1}
    failing = [
        check.words for check in checks(published(2), counted(**ALL_WELL), tallied(*SENT), ledger) if not check.holds
    ]
    assert failing == ["1 SMS were accepted twice"]


def test_a_record_read_and_not_accounted_for_is_seen() -> None:
    counts = counted(**ALL_WELL, contacts={"read": 3, "applied": 1, "dead": 1})
    failing = [check.words for check in checks(published(2), counts, tallied(*SENT), LEDGER) if not check.holds]
    assert failing == ["contacts: 3 read = 1 applied + 0 unchanged + 0 repeated + 0 moved + 1 dead"]


def test_callbacks_still_to_come_are_awaited() -> None:
    waits = settled(published(2), counted(**ALL_WELL), tallied(*SENT), LEDGER | {"callbacks_pending": 4})
    assert waits == "4 callbacks are still to be made"


def test_a_refused_attempt_that_may_be_tried_again_has_no_outcome_until_the_next() -> None:
    again = (attempted("one"), send.SendRefused("one", 1, 429, None, final=False))
    assert tallied(*again).settled() == 0
    assert tallied(*again, attempted("one", 2), send.SendAccepted("one", 2, None)).settled() == 1


def test_a_gap_in_a_contacts_sequence_is_counted() -> None:
    tally = tallied(*SENT)
    tally.fold(Fact(ANA, 9, 0, "cause", "/test", contact.ContactErased("asked")))
    assert tally.gaps == 1


@forall(st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True))
def test_a_masked_number_keeps_five_characters(number: str) -> None:
    assert mask(number) == f"{number[:3]} {'•' * (len(number) - 5)}{number[-2:]}"


def test_no_sentence_holds_a_number_or_a_text() -> None:
    facts: tuple[FactData, ...] = (
        *SENT,
        contact.PhoneChanged(None, NUMBER, "edit"),
        contact.PhoneRefused(NUMBER, "impossible", NUMBER),
        message.InboundReceived("my secret text", None),
        send.SendRefused("one", 1, 400, f"{NUMBER} is wrong", final=True),
    )
    for data in facts:
        words = sentence(Fact(ANA, 1, 0, "cause", "/test", data))
        assert NUMBER not in words
        assert "Hola" not in words
        assert "secret" not in words


def test_the_view_fits_eighty_columns_and_says_what_runs() -> None:
    out = io.StringIO()
    picture = Picture("demo", "playing", tallied(*SENT), counted(**ALL_WELL), {Role.CONTACTS: 7}, [1.0, 5.0])
    picture.processes = [Process("worker", "running", 42, 1)]
    Console(file=out, width=80).print(render(picture))
    shown = out.getvalue()
    assert all(len(row) <= 80 for row in shown.splitlines())
    assert "worker 42 (restarted 1×)" in shown
    assert "skipped no phone" in shown
    assert line(picture) == "playing: 4 records decided, 7 waiting, 4 facts; sends: 1 accepted, 1 skipped"


REASONS = (
    "not_subscribed", "phone_bounced", "phone_paused", "no_phone", "not_mobile", "alert_invalid", "expired",
    "sender_invalid", "template_unknown", "text_empty", "text_too_long", "account_unknown", "erased", "stopped",
)  # fmt: skip


def _busy() -> Picture:
    """A picture with all that a demo may come to show."""
    tally = Tally()
    for number, reason in enumerate(REASONS):
        skipped = send.SendSkipped(f"skipped-{number}", "newsletter", reason, "")
        tally.fold(Fact(f"acme/contact{number:04}@a-rather-long-domain.example.com", 1, 0, "c", "/test", skipped))
    for number, state in enumerate(("accepted", "sent", "delivered", "failed", "expired", "canceled")):
        changed = message.MessageStateChanged(f"sent-{number}", 1, "accepted", state, state, 0, None, None)
        tally.fold(Fact(f"acme/{number}", 1, 0, "c", "/test", changed))
    counts = counted(**{role: {"read": 1_234_567, "applied": 1_234_567, "dead": 12_345} for role in ALL_WELL})
    picture = Picture(
        "http://127.0.0.1:8080  Kafka 127.0.0.1:45123", "waiting for the last receipts, 134 s", tally, counts
    )
    picture.lag, picture.rates = dict.fromkeys(Role, 12_345), [float(n) for n in range(30)]
    names = ("simulator", "readmodel", "worker", "http")
    picture.processes = [Process(name, "running", 4_194_300 + n, n) for n, name in enumerate(names)]
    picture.notices = [
        f"worker ended unasked (killed by SIGKILL); it is started again in {n} s (log: /tmp/x)" for n in range(4)
    ]
    picture.footer = "data in /tmp/recado-demo-abcdefgh, logs in /tmp/recado-demo-abcdefgh/logs. Ctrl-C ends the demo."
    return picture


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 25), (100, 30), (132, 43), (200, 60)])
def test_the_view_is_never_higher_or_wider_than_the_terminal(width: int, height: int) -> None:
    for picture in (_busy(), Picture("demo", "starting", Tally(), Counts())):
        out = io.StringIO()
        Console(file=out, width=width, height=height).print(render(picture))
        rows = out.getvalue().splitlines()
        assert len(rows) < height, "\n".join(rows)
        assert max(map(len, rows)) <= width


def test_a_small_terminal_shows_every_topic_what_runs_and_how_to_end_it() -> None:
    out = io.StringIO()
    Console(file=out, width=80, height=24).print(render(_busy()))
    shown = out.getvalue()
    for word in ("contacts", "sends.transactional", "callbacks", "worker 4194302", "Ctrl-C ends the demo", "last of"):
        assert word in shown
    assert "others" in shown  # sends that there was no line for


def test_traffic_is_the_same_for_the_same_seed_and_every_event_can_be_read() -> None:
    def some(seed: int) -> list[tuple[Role, str, bytes]]:
        generator = traffic("acme", ["ana@example.com", "leo@example.com"], seed)
        next(generator)
        return [generator.send(1_900_000_000_000 + n) for n in range(200)]

    assert some(7) == some(7) != some(8)
    for role, subject, value in some(7):
        assert decode_input(role, value).subject == subject
