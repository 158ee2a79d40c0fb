"""Lines of events, judged before anything is sent."""

import io
import json
from functools import partial
from pathlib import Path

from hypothesis import given as forall
from hypothesis import strategies as st

from connectors.admission import Standards
from connectors.files.events import Event, Problem, read
from connectors.sealing import unseal
from connectors.tokens import PURPOSE, sealed
from events.account import AccountConfigured
from events.codec import decode_input
from events.shape import Class
from events.topics import Role
from projections.account import Directory

SECRET = b"s" * 32
SAMPLES = Path(__file__).parents[3] / "samples"


def judged(content: bytes, class_: Class | None = None) -> list[Event | Problem]:
    return list(read(io.BytesIO(content), class_))


def line(**attributes: object) -> bytes:
    event: dict[str, object] = {"specversion": "1.0", "id": "1", "source": "/test", "time": "2030-01-01T12:00:00Z"}
    event |= {"type": "recado.send.requested.v1", "subject": "acme/ana@example.com"}
    event |= {"data": {"to": "contact", "sender": "Acme", "text": "Hola"}}
    return json.dumps(event | attributes).encode() + b"\n"


def test_every_malformed_sample_is_a_problem_with_its_line_and_a_reason() -> None:
    found = judged((SAMPLES / "malformed.jsonl").read_bytes(), "transactional")
    problems = [problem for problem in found if isinstance(problem, Problem)]
    assert [problem.line for problem in problems] == list(range(1, 16))
    assert all(problem.reason and problem.detail for problem in problems)


def test_every_other_sample_is_an_event_whose_bytes_are_kept() -> None:
    for name, class_, role in (
        ("contact-updates", None, Role.CONTACTS),
        ("sends-transactional", "transactional", Role.TRANSACTIONAL),
        ("sends-newsletter", "newsletter", Role.NEWSLETTER),
    ):
        content = (SAMPLES / f"{name}.jsonl").read_bytes()
        found = judged(content, class_)  # type: ignore[arg-type]
        assert {event.role for event in found if isinstance(event, Event)} == {role}
        assert [event.value for event in found if isinstance(event, Event)] == content.splitlines()


def test_a_send_without_a_class_is_a_problem_where_none_is_given() -> None:
    (found,) = judged(line())
    assert isinstance(found, Problem)
    assert found.reason == "class"


def test_a_class_on_the_line_decides_its_topic() -> None:
    (found,) = judged(line(**{"class": "newsletter"}))
    assert isinstance(found, Event)
    assert (found.role, found.subject) == (Role.NEWSLETTER, "acme/ana@example.com")


def test_what_only_recado_writes_is_refused() -> None:
    data = {"provider": "instasent", "received_at": "2030-01-01T12:00:00Z"}
    (found,) = judged(line(type="recado.callback.received.v1", subject="acme", data=data))
    assert isinstance(found, Problem)
    assert found.reason == "topic"


def test_a_plain_token_is_sealed_on_its_way() -> None:
    token = "plain-secret"
    data = {"connector": {"provider": "instasent", "base_url": "http://127.0.0.1:1", "token": token}, "country": "ES"}
    content = line(type="recado.account.configured.v1", subject="acme", data=data)
    (found,) = read(io.BytesIO(content), None, partial(sealed, SECRET))
    assert isinstance(found, Event)
    assert token.encode() not in found.value
    event = decode_input(Role.ACCOUNTS, found.value)
    assert isinstance(event.data, AccountConfigured)
    assert event.data.model_fields_set == {"connector", "country"}
    assert event.data.connector is not None
    assert unseal(SECRET, PURPOSE, "acme", event.data.connector.sealed_token or "") == token
    (odd,) = read(io.BytesIO(content.replace(b"plain-secret", b"plain secret")), None, partial(sealed, SECRET))
    assert isinstance(odd, Problem)
    assert odd.detail.startswith("data.connector.token: must be printable ASCII")
    assert "plain secret" not in odd.detail


def test_without_a_secret_a_plain_token_never_gets_further_than_the_line() -> None:
    data = {"connector": {"provider": "instasent", "token": "plain-secret"}}
    (found,) = judged(line(type="recado.account.configured.v1", subject="acme", data=data))
    assert isinstance(found, Problem)
    assert "plain-secret" not in found.detail
    assert "account set" in found.detail


def saved(text: str, account: str = "acme", **data: object) -> bytes:
    said = {"template": "hello", "text": text, "variables": [], **data}
    return line(type="recado.template.saved.v1", subject=account, id=text[:20], data=said)


def of_account(**settings: object) -> bytes:
    return line(type="recado.account.configured.v1", subject="acme", id=str(settings), data=settings)


def judged_with(lines: list[bytes], directory: Directory) -> list[str]:
    """What is wrong with each line; "" for nothing."""
    found = read(io.BytesIO(b"".join(lines)), None, None, Standards(lambda: directory))
    return [one.detail if isinstance(one, Problem) else "" for one in found]


def test_a_template_is_judged_by_its_accounts_settings_as_a_put_judges_it() -> None:
    directory = Directory()
    directory.evolve(decode_input(Role.ACCOUNTS, of_account(text={"transliterate": "gsm"}, country="ES")), 0)
    long = [{"id": "x", "name": "x", "type": "text", "default": "x" * 1000}]
    emoji, much, fine, elsewhere = judged_with(
        [saved("Hola 😀"), saved("{{x}}" * 50, variables=long), saved("Está en camino"), saved("😀", "other")],
        directory,
    )
    assert emoji.startswith("data.text: the text holds U+1F600 grinning face, which GSM-7 cannot write")
    assert much.startswith("data.text: the text has 50000 characters with the variables' examples")
    assert (fine, elsewhere) == ("", "")


def test_a_template_is_judged_by_settings_that_the_same_file_makes_before_it() -> None:
    directory = Directory()
    directory.evolve(decode_input(Role.ACCOUNTS, of_account(text={"transliterate": "gsm"})), 0)
    emoji, free, gsm = saved("Hola 😀"), of_account(text={"transliterate": "keep"}), of_account(text=None, country="ES")
    assert [bool(wrong) for wrong in judged_with([emoji, free, emoji, gsm, emoji], directory)] == [
        True, False, False, False, False,
    ]  # fmt: skip
    strict = of_account(text={"transliterate": "gsm"})
    assert [bool(wrong) for wrong in judged_with([emoji, strict, emoji], Directory())] == [False, False, True]
    assert directory.account("acme") is not None
    assert judged_with([emoji], directory) != [""], "what a file says is not kept before it is published"


@forall(st.lists(st.binary(max_size=80), max_size=10))
def test_any_bytes_become_problems_one_a_line(parts: list[bytes]) -> None:
    content = b"\n".join(parts)
    found = judged(content)
    assert [problem.line for problem in found] == list(range(1, len(found) + 1))
    assert sum(problem.size for problem in found) == len(content)
