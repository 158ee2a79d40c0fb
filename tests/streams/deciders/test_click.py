"""Short links in what is sent, and what follows when one is opened."""

from events.link import LinkOpened
from events.message import LinkClicked
from events.send import SendAttempted
from events.topics import Role
from tests.streams.one_partition import OnePartition, folded, rebuilt, said

URL = "https://shop.example.com/orders/1234"


def world(**settings: object) -> OnePartition:
    one = OnePartition()
    one.configure(link_domain="go.example.com", **settings)
    one.subscriber()
    return one


def attempted(one: OnePartition, **data: object) -> SendAttempted:
    (fact,) = said(one.request(**data))  # type: ignore[arg-type]
    assert isinstance(fact, SendAttempted)
    return fact


def opened(one: OnePartition, send_id: str = "s", contact: str = "ana@example.com") -> list[object]:
    data = LinkOpened(contact=contact, send_id=send_id, url=URL, automated=False)
    return list(said(one.take(data, Role.CALLBACKS, "acme")))


def test_an_account_with_a_domain_sends_short_links_and_the_fact_says_what_they_stand_for() -> None:
    fact = attempted(world(), text="Tu pedido: {{url}}", variables={"url": URL})
    ((code, url),) = fact.links.items()
    assert (fact.text, url) == (f"Tu pedido: https://go.example.com/l/{code}", URL)


def test_the_opt_out_link_is_not_made_a_short_link() -> None:
    fact = attempted(world(), text="{{unsubscribe}}")
    assert (fact.text, fact.links) == (f"https://go.example.com/u/{fact.unsubscribe}", {})


def test_without_a_domain_or_where_values_are_sealed_the_text_stays_as_written() -> None:
    plain = OnePartition()
    plain.subscriber()
    assert attempted(plain, text=URL).text == URL
    assert attempted(plain, text=URL, send_id="t").links == {}


def test_an_opened_link_of_a_send_that_was_attempted_is_a_click() -> None:
    one = world()
    attempted(one, text=URL)
    assert opened(one) == [LinkClicked("s", URL, one.now, False)]
    assert one.facts[-1].subject == "acme/ana@example.com"


def test_a_link_of_no_known_send_leaves_no_fact() -> None:
    one = world()
    assert opened(one) == []
    assert opened(one, contact="leo") == []


def test_a_click_is_read_once_and_the_journal_alone_rebuilds_that() -> None:
    one = world()
    attempted(one, text=URL)
    opened(one)
    event, role, _ = one.inputs[-1]
    assert one.handle(event, role).outcome == "repeated"
    assert folded(rebuilt(one.facts)) == folded(one.view)
    again = OnePartition(view=rebuilt(one.facts), accounts=one.accounts)
    assert again.handle(event, role).outcome == "repeated"
