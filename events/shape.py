"""The shapes that the data of several events share: texts with bounds, scalars, moments, the strict base model."""

import math
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from events import instant
from events.record import Sealed, sealed_text

Scalar = str | int | float | bool | None
Class = Literal["transactional", "newsletter"]

VALUE_BYTES: Final = 1024  # UTF-8 bytes of one custom field or variable: contract, section 3
VALUES: Final = 64  # custom fields of a contact, variables of a send: contract, section 3
INTEGERS: Final = range(-(2**63), 2**63)  # what orjson, SQL and Kafka's clients in any language keep exactly
WIRE: Final = {"wire": True}
"""Validation context: the values come from JSON, where a time is RFC 3339 and never a number."""


def problem(message: str) -> PydanticCustomError:
    """An error of validation whose message names the rule and never the value."""
    return PydanticCustomError("recado", "{message}", {"message": message})


def check_printable(text: str) -> str:
    """Printable in Unicode's sense: no control or format characters, no line ends, no lone surrogates."""
    if not text.isprintable():
        raise problem("may hold printable characters only")
    return text


def check_storable(text: str) -> str:
    """Free text may hold line ends and tabs, but no NUL (PostgreSQL cannot store it) and no lone surrogate."""
    if "\x00" in text:
        raise problem("may not hold the character U+0000")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise problem("holds half of a surrogate pair, which is no character") from None
    return text


def check_scalar(value: Any) -> Scalar:
    """A JSON scalar: text of at most 1 KiB in UTF-8, a 64-bit whole number, a finite number, true, false or null."""
    kind = type(value)
    if kind is str:
        if len(value) * 4 > VALUE_BYTES and len(value.encode("utf-8", "surrogatepass")) > VALUE_BYTES:
            raise problem(f"is longer than {VALUE_BYTES} bytes in UTF-8")
        return check_storable(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is int:
        if value not in INTEGERS:
            raise problem("is a whole number beyond 64 bits: write it as text")
        return value  # type: ignore[no-any-return]
    if kind is float:
        # A whole number beyond 64 bits reaches us as a rounded float: refused rather than kept wrong.
        if not math.isfinite(value) or abs(value) >= 2.0**63:
            raise problem("is a number beyond 64 bits: write it as text")
        return value  # type: ignore[no-any-return]
    raise problem("must be text, a number, true, false or null, not a list or an object")


def _moment(value: Any, info: ValidationInfo) -> int:
    if isinstance(value, str):
        try:
            return instant.parse(value)
        except ValueError as error:
            raise problem(str(error)) from None
    if type(value) is not int or info.mode == "json" or (info.context or {}).get("wire"):
        raise problem("must be an RFC 3339 time in a text, such as 2026-11-23T07:00:00Z")
    if not 0 <= value <= instant.MAXIMUM:
        raise problem("lies outside the years 1970 to 9999")
    return value


SCALAR_SCHEMA: Final = {"type": ["string", "number", "boolean", "null"], "maxLength": VALUE_BYTES}
Moment = Annotated[
    int,
    BeforeValidator(_moment),
    PlainSerializer(instant.render, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]
"""Milliseconds since the epoch, UTC; in JSON an RFC 3339 text."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(check_printable)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(check_printable)]
Note = Annotated[str, StringConstraints(max_length=1000), AfterValidator(check_storable)]
"""A sentence for people: a reason, a piece of evidence; at most 1,000 characters."""


def _note_or_sealed(value: Any, handler: Any) -> Any:
    sealed = sealed_text(value)
    return sealed if type(sealed) is Sealed else handler(value)


SealableNote = Annotated[
    Note,
    WrapValidator(_note_or_sealed),
    PlainSerializer(lambda value: {"sealed": str(value)} if type(value) is Sealed else value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": 1000},
                {"type": "object", "properties": {"sealed": {"type": "string"}}, "required": ["sealed"]},
            ]
        }
    ),
]
"""A Note that Recado itself may have sealed."""
Text = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(check_storable)]
"""The text of an SMS or a template, before any variable is filled; at most 10,000 characters."""
AnyScalar = Annotated[Scalar, BeforeValidator(check_scalar), WithJsonSchema({**SCALAR_SCHEMA})]


class Shape(BaseModel):
    """Strict, frozen, closed: a bool is no number, an unknown field is refused, a value never shows in an error."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
    )


class Data(Shape):
    """The `data` of one input event. NOTE: field names are the storage format; a new shape is a new TYPE, `.v2`."""

    TYPE: ClassVar[str]

    def as_json(self) -> dict[str, Any]:
        """What was set, as JSON-able values: times in RFC 3339, an absent field absent."""
        return self.model_dump(mode="json", exclude_unset=True)

    @classmethod
    def of_json(cls, values: Any) -> Self:
        """The inverse of `as_json`. Raises pydantic's ValidationError."""
        return cls.model_validate(values, context=WIRE)
