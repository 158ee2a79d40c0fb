"""Views for analysts: times as timestamps (UTC), one row a thing, names that need no manual.

| view | one row is | good for |
|---|---|---|
| v_messages | one send | what was sent to whom, when, in how many parts, and how it ended |
| v_contacts | one contact | phone with its region and type, statuses, custom fields as JSON |
| v_consent | a change of a contact's subscription | who agreed to what when, how, and in which words |
| v_shared_phones | a number that several contacts of an account have | who is written to twice |
| v_outcomes | a day, account, class, template, outcome, reason and state | how many sends, parts and deliveries |
| v_facts | one fact | the whole history; `body` is the event as it stands in the journal, JSON |
"""

from sqlalchemy import Connection, text

_MESSAGES = """
CREATE VIEW v_messages AS
SELECT account, contact, send_id, class, outcome, state, reason, alert, labels, template, template_version, sender,
       recipient, text, encoding, parts, attempt, client_id, provider_id, provider_status, code, bounce, clicks,
       {requested_at} AS requested_at, {deferred_until} AS deferred_until, {attempted_at} AS attempted_at,
       {accepted_at} AS accepted_at, {delivered_at} AS delivered_at, {updated_at} AS updated_at,
       (delivered_at - attempted_at) / 1000.0 AS seconds_to_delivery
FROM messages
"""

_CONTACTS = """
CREATE VIEW v_contacts AS
SELECT account, contact, phone, phone_region, phone_type, phone_status, subscription, fields, erased, sequence AS facts,
       {first_at} AS first_at, {updated_at} AS updated_at
FROM contacts
"""

_CONSENT = """
CREATE VIEW v_consent AS
SELECT subject, sequence, {time} AS time, {data_from} AS from_subscription, {data_to} AS to_subscription,
       {data_via} AS via, {data_evidence} AS evidence, {data_by} AS by_contact, {causationsource} AS source
FROM facts
WHERE type = 'recado.subscription.changed.v1'
"""

_SHARED_PHONES = """
CREATE VIEW v_shared_phones AS
SELECT account, phone, COUNT(*) AS contacts
FROM contacts
WHERE phone IS NOT NULL
GROUP BY account, phone
HAVING COUNT(*) > 1
"""

_OUTCOMES = """
CREATE VIEW v_outcomes AS
SELECT {requested_day} AS day, account, class, template, outcome, reason, state, COUNT(*) AS sends,
       SUM(CASE WHEN outcome = 'skipped' THEN 0 ELSE COALESCE(parts, 0) END) AS parts,
       SUM(CASE WHEN delivered_at IS NULL THEN 0 ELSE 1 END) AS delivered
FROM messages
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

_FACTS = """
CREATE VIEW v_facts AS
SELECT subject, sequence, type, {time} AS time, send_id, partition, "offset", body
FROM facts
"""

NAMES = ("v_messages", "v_contacts", "v_consent", "v_shared_phones", "v_outcomes", "v_facts")

_IN_BODY = {
    "data_from": "data.from",
    "data_to": "data.to",
    "data_via": "data.via",
    "data_evidence": "data.evidence",
    "data_by": "data.by",
    "causationsource": "causationsource",
}


class _Sqlite(dict[str, str]):
    """Milliseconds as `2026-11-23 07:00:00.123`: SQLite has no timestamp type."""

    def __missing__(self, name: str) -> str:
        if name.endswith("_day"):
            return f"date({name.removesuffix('_day')}_at / 1000, 'unixepoch')"
        if name in _IN_BODY:
            return f"json_extract(body, '$.{_IN_BODY[name]}')"
        return f"strftime('%Y-%m-%d %H:%M:%f', {name} / 1000.0, 'unixepoch')"


class _Postgresql(dict[str, str]):
    """Milliseconds as `timestamptz`; days as UTC has them, whatever the session's time zone."""

    def __missing__(self, name: str) -> str:
        if name.endswith("_day"):
            return f"(to_timestamp({name.removesuffix('_day')}_at / 1000.0) AT TIME ZONE 'UTC')::date"
        if name in _IN_BODY:
            return f"body::jsonb #>> '{{{_IN_BODY[name].replace('.', ',')}}}'"
        return f"to_timestamp({name} / 1000.0)"


def create(connection: Connection) -> None:
    """Make the views, in the caller's transaction."""
    times = _Postgresql() if connection.dialect.name == "postgresql" else _Sqlite()
    for statement in (_MESSAGES, _CONTACTS, _CONSENT, _SHARED_PHONES, _OUTCOMES, _FACTS):
        connection.execute(text(statement.format_map(times)))


def drop(connection: Connection) -> None:
    for name in NAMES:
        connection.execute(text(f"DROP VIEW IF EXISTS {name}"))
