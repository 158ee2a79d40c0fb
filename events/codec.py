"""Bytes to events and back: the only code that knows how an event lies in Kafka.

`decode_input` judges what strangers wrote, `decode_fact` what Recado wrote. Neither raises anything but Undecodable, on
any bytes whatever.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import orjson
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from events import envelope, instant
from events.envelope import NO_EXTENSIONS, Input, Undecodable, split_subject
from events.fact import DATA, SOURCE, Fact, FactData
from events.inbound import INBOUND, refuse_type
from events.record import Record, Sealed
from events.refusal import explain, of_envelope, shown
from events.send import SEND_ID_CHARACTERS, SendRequested
from events.shape import WIRE, Class
from events.topics import CLASS_OF, SENDS_OF, Role

_CLASSES: Final = get_args(Class)

Opener = Callable[[str, str], Any]
"""The data that a sealed text stands for, for an event of this subject. Raises Undecodable."""
_LARGEST_SEALED: Final = 3 * envelope.LIMIT // 2  # base64 makes 4 bytes of 3


def decode_input(role: Role, value: bytes | None, opener: Opener | None = None) -> Input:
    """One record of an inbound topic. Raises Undecodable, what `opener` raises, and nothing else.

    Measured: 5 microseconds for a contact update, 9 for a send request. orjson with the envelope checked by hand costs
    the same as one pydantic model over the bytes, and can tell what is wrong with the envelope in our own words.
    """
    return _decode(role, _envelope(value, envelope.LIMIT if opener is None else _LARGEST_SEALED), opener)


def decode_unrouted(value: bytes | None, class_: Class | None = None) -> tuple[Role, Input]:
    """An event that names no topic, over HTTP or on a publisher's line: the topic that its type, and for a send its
    class, belongs to, and the event. `class_` is the class that the publisher gave for all.

    Raises Undecodable; reason `class` where a send's class is given nowhere, or in two ways; reason `topic` for a type
    that Recado alone may write.
    """
    document = _envelope(value)
    type_ = document.get("type")
    inbound = INBOUND.get(type_) if type(type_) is str else None
    if inbound is None:
        role = Role.CONTACTS  # any: the envelope or the type will be refused there
    elif inbound.internal:
        raise Undecodable("topic", f"events of the type {type_} are written by Recado itself and by nobody else")
    elif type_ == SendRequested.TYPE:
        role = SENDS_OF[_class(document, class_)]
    else:
        (role,) = inbound.roles
    return role, _decode(role, document)


def _envelope(value: bytes | None, limit: int = envelope.LIMIT) -> dict[str, Any]:
    if value is None:
        raise Undecodable("not_json", "the record has no value, and an event is a JSON object")
    if len(value) > limit or (len(value) > envelope.LIMIT and b'"sealed":"i1.' not in value):
        raise Undecodable("too_large", f"{len(value):,} bytes, and an event may have {envelope.LIMIT:,} (256 KiB)")
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Undecodable("not_json", f"not JSON in UTF-8: {error}") from None
    if type(document) is not dict:
        raise Undecodable("envelope", "the JSON is no object, and an event is one: CloudEvents 1.0, structured mode")
    return document


def _decode(role: Role, document: dict[str, Any], opener: Opener | None = None) -> Input:
    try:
        id_, source, type_, subject, time, data, version = (
            document["id"], document["source"], document["type"], document["subject"], document["time"],
            document["data"], document["specversion"],
        )  # fmt: skip
    except KeyError:
        raise of_envelope(document) from None
    if not (
        type(id_) is type(source) is type(type_) is type(subject) is type(time) is str
        and 0 < len(id_) <= envelope.ID_CHARACTERS
        and 0 < len(source) <= envelope.SOURCE_CHARACTERS
        and 0 < len(type_) <= envelope.TYPE_CHARACTERS
        and subject
        and id_.isprintable()
        and source.isprintable()
        and version == "1.0"
        and data is not None
    ):
        raise of_envelope(document)
    inbound = INBOUND.get(type_)
    if inbound is None or role not in inbound.roles:
        refuse_type(type_, role, inbound)
    try:
        time_ms = instant.parse(time)
    except ValueError as error:
        raise Undecodable("envelope", f"time {shown(time)} {error}") from None
    account, contact = split_subject(subject)
    if inbound.of_account is not (contact == ""):
        wanted = "an account alone" if inbound.of_account else "account/contact"
        raise Undecodable("subject", f"subject: for the type {type_} it is {wanted}")
    said = document.get("class")  # null is as good as absent: CloudEvents' JSON format, section 2.2
    extensions: Mapping[str, object] = NO_EXTENSIONS
    if said is not None:
        extensions = {"class": said}
        if role in CLASS_OF:
            _check_class(said, CLASS_OF[role])
    if opener is not None and type(data) is dict and len(data) == 1 and type(text := data.get("sealed")) is str:
        data = opener(subject, text)
    try:
        read = inbound.validate(data, context=WIRE)
    except ValidationError as error:
        raise Undecodable("schema", explain(error)) from None
    except RecursionError:
        raise Undecodable("schema", "data: nested too deeply") from None
    if type(read) is SendRequested and read.send_id is None and len(id_) > SEND_ID_CHARACTERS:
        rule = f"absent, and the event's id, which stands for it, has more than {SEND_ID_CHARACTERS} characters"
        raise Undecodable("schema", f"data.send_id: {rule}")
    return Input(id_, source, type_, subject, account, contact, time_ms, read, extensions)


def encode_input(event: Input) -> bytes:
    """The event as it lies in Kafka; what was not set in the data stays absent, so that a patch stays a patch.

    Raises ValueError for an account's connector whose token is not sealed: no plain secret reaches Kafka.
    """
    try:
        data = event.data.model_dump_json(exclude_unset=True)
    except PydanticSerializationError:
        raise ValueError("the connector's token is not sealed: seal it before the event is encoded") from None
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": event.subject,
            "time": instant.render(event.time),
            **event.extensions,
            "data": orjson.Fragment(data),
        }
    )


_RECORDS: Final[Mapping[str, Record[FactData]]] = {of.TYPE: Record[FactData](of) for of in DATA}
# PASSTHROUGH: else orjson writes a Sealed as the plain str that it also is. NEWLINE: it is cut off again, and what is
# left is a copy that fits; orjson's own bytes keep a buffer of 4 KiB each, and a batch holds thousands of facts.
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_APPEND_NEWLINE


def _default(value: object) -> object:
    if type(value) is Sealed:
        return {"sealed": str(value)}
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"a fact cannot hold a {type(value).__name__}")


def encode_fact(fact: Fact) -> bytes:
    """The fact as it lies in the journal. Raises orjson.JSONEncodeError for a value that JSON cannot hold (a bug)."""
    data = fact.data
    type_ = data.TYPE
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": fact.id,
            "source": SOURCE,
            "type": type_,
            "subject": fact.subject,
            "time": instant.render(fact.time),
            "sequence": fact.sequence,
            "causationid": fact.causation_id,
            "causationsource": fact.causation_source,
            "data": _RECORDS[type_].encode(data),
        },
        _default,
        _OPTIONS,
    )[:-1]


def decode_fact(value: bytes) -> Fact:
    """A record of the journal. Raises Undecodable, which of a record that Recado wrote means: another version of it."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Undecodable("not_json", f"not JSON in UTF-8: {error}") from None
    if type(document) is not dict:
        raise Undecodable("envelope", "the JSON is no object, and a fact is one")
    get = document.get
    type_, subject, time, sequence, cause, source, data = (
        get("type"), get("subject"), get("time"), get("sequence"), get("causationid"), get("causationsource"),
        get("data"),
    )  # fmt: skip
    if not (
        type(type_) is type(subject) is type(time) is type(cause) is type(source) is str
        and type(sequence) is int
        and sequence > 0
        and type(data) is dict
    ):
        raise Undecodable("envelope", "an attribute of the fact is missing or of the wrong type")
    record = _RECORDS.get(type_)
    if record is None:
        raise Undecodable("type_unknown", f"type {shown(type_)} is no fact that this Recado knows")
    try:
        return Fact(subject, sequence, instant.parse(time), cause, source, record.decode(data))
    except ValueError as error:
        raise Undecodable("schema", f"{type_}: {error}") from None


def _class(document: dict[str, Any], given: Class | None) -> Class:
    said = document.get("class")
    if said is None:
        said = given
    if said is None:
        raise Undecodable("class", "a send needs the attribute class, transactional or newsletter, as no topic says it")
    if type(said) is not str or said not in _CLASSES:
        raise Undecodable("class", f"class {shown(said)} is neither transactional nor newsletter")
    if given is not None:
        _check_class(said, given)
    return said  # type: ignore[return-value]  # a member of _CLASSES


def _check_class(said: object, class_: Class) -> None:
    if said != class_:
        raise Undecodable("class", f"the attribute class says {shown(said)}, the topic says {class_}")
