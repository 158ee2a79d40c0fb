"""An answer over a sealed account is opened as a whole, what its consent rests on too."""

import pytest
from sqlalchemy import Engine

from connectors.readmodel import answers, database, keys, queries
from connectors.readmodel.keys import Unsealer
from events import privacy
from events.contact import FieldsChanged, PhoneChanged, SubscriptionChanged
from events.fact import FactData
from projections.keyring import Keyring, key_key
from projections.keyspace import MemoryView
from tests.connectors.readmodel.journals import NOON, Journal, write_all

ANA = "acme/ana@example.com"
KEYS = Keyring(b"w" * 32, b"n" * 32, lambda _: b"k" * 32)
TICKED = SubscriptionChanged("none", "subscribed", "edit", "ticked the box of +34612345678", "eva@example.com")


def _sealed(engine: Engine, *said: FactData) -> str:
    """These facts of Ana, sealed, in the read model; her wrapped key."""
    view = MemoryView()
    cipher = KEYS.make(view, ANA)
    journal = Journal()
    journal.add(ANA, *(privacy.sealed(one, cipher, ANA) for one in said))
    write_all(engine, journal.slices())
    return str(view.get(key_key(ANA)))


@pytest.mark.parametrize(
    "others", [(), (PhoneChanged(None, "+34612345678", "edit"), FieldsChanged({"city": "Vigo"}, []))]
)
@pytest.mark.parametrize("at", [None, NOON + 60_000])
def test_what_a_consent_rests_on_is_read_with_the_key_and_is_null_without(
    engine: Engine, others: tuple[FactData, ...], at: int | None
) -> None:
    wrapped = _sealed(engine, *others, TICKED)
    unsealer = Unsealer(engine, lambda: KEYS)
    found = queries.contact(engine, ANA, at)
    assert found is not None
    without = answers.contact(unsealer.opened(found))["consent"]
    with database.writing(engine) as connection:
        keys.write(connection, [(ANA, wrapped)])
    opened = answers.contact(unsealer.opened(found))["consent"]
    assert (opened["evidence"], opened["by"]) == ("ticked the box of +34612345678", "eva@example.com")
    assert (without["evidence"], without["by"]) == (None, None)
    assert without | {"evidence": opened["evidence"], "by": opened["by"]} == opened
