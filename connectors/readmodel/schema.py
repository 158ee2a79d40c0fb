"""Tables of the read model, in SQLAlchemy Core: SQLite on one machine, PostgreSQL beyond.

Everything here can be thrown away and written again from the journal (`recado rebuild`). Times are int milliseconds
since the epoch, UTC; the views of views.py show them as timestamps. `subject` is `account/contact`.
NOTE: a change to a table or a view makes the next VERSION; there are no migrations, a rebuild is the migration.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

VERSION: Final = 4

metadata: Final = MetaData()

schema_version: Final = Table(
    "recado_schema",
    metadata,
    Column("version", Integer, primary_key=True),
)

offsets: Final = Table(
    "offsets",
    metadata,
    Column("topic", String, nullable=False),
    Column("partition", Integer, nullable=False),
    # The next offset to read: moved in the transaction that writes the rows, and nowhere else.
    Column("next_offset", BigInteger, nullable=False),
    PrimaryKeyConstraint("topic", "partition"),
)

keys: Final = Table(
    "keys",
    metadata,
    Column("subject", String, primary_key=True),
    # Under RECADO_SECRET: the database alone opens nothing. Gone with the contact's erasure.
    Column("wrapped", Text, nullable=False),
)

facts: Final = Table(
    "facts",
    metadata,
    Column("subject", String, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", String, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("send_id", String),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    # The journal's own bytes as text, so that a past state is folded from what the engine wrote.
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("subject", "sequence"),
    Index("facts_time", "time"),
)

contacts: Final = Table(
    "contacts",
    metadata,
    Column("subject", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("phone", String),
    Column("phone_region", String),  # ISO 3166-1 alpha-2; 001 for numbers of no country
    Column("phone_type", String),  # mobile, fixed_line, fixed_line_or_mobile, voip, ...: libphonenumber's names
    Column("phone_status", String),
    Column("subscription", String),  # null: nothing was said, the account's default counts
    Column("fields", Text, nullable=False),  # the custom fields, a JSON object
    Column("erased", Boolean, nullable=False),
    Column("sequence", BigInteger, nullable=False),  # of the last fact folded
    Column("first_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # The state as projections.keyspace encodes it: what the next batch is folded onto. Which attempt a receipt tells of
    # is not looked up here, so its count of bounces is not the engine's; what follows from the count is a fact anyway.
    Column("state", Text, nullable=False),
    Index("contacts_account", "account", "contact"),
    Index("contacts_phone", "account", "phone"),
)

messages: Final = Table(
    "messages",
    metadata,
    Column("subject", String, nullable=False),
    Column("send_id", String, nullable=False),
    Column("account", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("class", String, nullable=False, key="class_"),
    Column("outcome", String, nullable=False),  # deferred skipped attempted accepted refused unknown given_up
    Column("state", String),  # what receipts say: accepted sent delivered failed expired canceled unknown
    Column("reason", String),  # of a skip, a deferral or an unknown outcome
    Column("detail", Text),
    Column("alert", Boolean, nullable=False),  # went to an alert number, not to the contact
    Column("labels", Text, nullable=False),  # a JSON array; a row each in message_labels
    Column("template", String),
    Column("template_version", BigInteger),
    Column("sender", String),
    Column("recipient", String),  # E.164 with "+"
    Column("text", Text),  # as sent, variables filled
    Column("encoding", String),
    Column("parts", Integer),
    Column("attempt", Integer, nullable=False),  # the latest; 0 while none was made
    Column("client_id", String),
    Column("provider_id", String),
    Column("provider_status", String),
    Column("code", String),
    Column("bounce", String),
    Column("clicks", Integer, nullable=False),
    Column("requested_at", BigInteger, nullable=False),  # the request's own time
    Column("deferred_until", BigInteger),
    Column("attempted_at", BigInteger),
    Column("accepted_at", BigInteger),
    Column("delivered_at", BigInteger),  # when the receipt was read; the provider's own time is event_at
    Column("event_at", BigInteger),  # of the last receipt, as the provider says
    Column("updated_at", BigInteger, nullable=False),
    Column("first_sequence", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("subject", "send_id"),
    Index("messages_send", "send_id"),
    Index("messages_account", "account", "requested_at"),
)

links: Final = Table(
    "links",
    metadata,
    Column("code", String, primary_key=True),  # of a short link, as it stands in the SMS
    Column("subject", String, nullable=False),
    Column("send_id", String, nullable=False),
    Column("url", Text, nullable=False),  # what it leads to
    Index("links_subject", "subject"),
)

message_labels: Final = Table(
    "message_labels",
    metadata,
    Column("subject", String, nullable=False),
    Column("send_id", String, nullable=False),
    Column("label", String, nullable=False),
    PrimaryKeyConstraint("subject", "send_id", "label"),
)
