"""The variables that a send gives to its template: values, or fields of the contact to take them from."""

import re
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from events.record import SEALED, Sealed, sealed_text
from events.shape import SCALAR_SCHEMA, VALUES, Name, Scalar, Shape, check_scalar, problem


class FieldRef(Shape):
    """A variable's value is that of the contact's custom field of this name."""

    field: Name


def _variables(variables: Any) -> dict[str, Scalar | FieldRef]:
    if type(variables) is not dict:
        raise problem("must be an object")
    if len(variables) > VALUES:
        raise problem(f"holds {len(variables)} variables, and a send may have {VALUES}")
    read: dict[str, Scalar | FieldRef] = {}
    for name, value in variables.items():
        if type(name) is not str or not 0 < len(name) <= 64 or not name.isprintable():
            raise problem("holds a name that is not 1 to 64 printable characters")
        try:
            if type(value) is FieldRef:
                read[name] = value
            elif type(value) is dict:
                if len(value) != 1 or type(value.get("field")) is not str:
                    raise problem('must be a value or {"field": "name of a custom field"}')
                read[name] = FieldRef(field=value["field"])
            else:
                read[name] = check_scalar(value)
        except ValueError as error:
            told = error.errors()[0]["msg"] if hasattr(error, "errors") else str(error)
            raise problem(f"{name!r} {told}") from None
    if type(sealed_text(variables)) is Sealed:  # it would be taken for that when the request is read from the journal
        raise problem(f"'sealed' alone must not begin with {SEALED}: so are values written that Recado has sealed")
    return read


def _written(variables: dict[str, Scalar | FieldRef]) -> dict[str, Any]:
    return {name: {"field": value.field} if type(value) is FieldRef else value for name, value in variables.items()}


_VARIABLES_SCHEMA: Final = {
    "type": "object",
    "maxProperties": VALUES,
    "propertyNames": {"minLength": 1, "maxLength": 64},
    "not": {
        "properties": {"sealed": {"type": "string", "pattern": f"^{re.escape(SEALED)}"}},
        "required": ["sealed"],
        "maxProperties": 1,
    },
    "additionalProperties": {
        "anyOf": [
            SCALAR_SCHEMA,
            {
                "type": "object",
                "properties": {"field": {"type": "string", "minLength": 1, "maxLength": 128}},
                "required": ["field"],
                "additionalProperties": False,
            },
        ]
    },
}

Variables = Annotated[
    dict[str, Scalar | FieldRef],
    PlainValidator(_variables),
    PlainSerializer(_written, return_type=dict[str, Any]),
    WithJsonSchema(_VARIABLES_SCHEMA),
]
