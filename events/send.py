"""Send requests and what became of them. Contract, sections 3 and 4."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from events.callback import Provider
from events.shape import Class, Data, Label, Moment, Name, Shape, Text, check_printable, problem
from events.variables import Variables

SEND_ID_CHARACTERS: Final = 64  # contract, section 3
SendId = Annotated[str, StringConstraints(min_length=1, max_length=SEND_ID_CHARACTERS), AfterValidator(check_printable)]
Labels = Annotated[list[Label], Field(max_length=32)]

ALERT_DIGITS: Final = 5  # no number has fewer with its country code: ITU-T E.164 and the national plans


def _check_alert(written: str) -> str:
    """A cut-off number is a mistake of whoever wrote the event, not of the account's data: it is refused outright."""
    digits = sum(character.isdecimal() for character in written)
    if 0 < digits < ALERT_DIGITS:
        raise problem(f"is no phone number: it has fewer than {ALERT_DIGITS} digits")
    return written


class Alert(Shape):
    """A fixed number that gets the SMS in place of the contact; as written: the decider judges it."""

    alert: Annotated[
        str, StringConstraints(max_length=64), AfterValidator(check_printable), AfterValidator(_check_alert)
    ]


def _addressee(value: object) -> str:
    return "contact" if isinstance(value, str) else "alert"


class SendRequested(Data):
    """An SMS is asked for. Only types and sizes are judged here: a bad sender or alert number is skipped with its own
    reason by the dispatch decider, so that the asker sees it in the journal."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["template"], "properties": {"template": {"type": "string"}, "text": {"type": "null"}}},
                {"required": ["text"], "properties": {"text": {"type": "string"}, "template": {"type": "null"}}},
            ]
        }
    )
    TYPE: ClassVar[str] = "recado.send.requested.v1"
    send_id: SendId | None = None
    to: Annotated[
        Annotated[Literal["contact"], Tag("contact")] | Annotated[Alert, Tag("alert")], Discriminator(_addressee)
    ]
    sender: Annotated[str, StringConstraints(max_length=256)]
    template: Name | None = None
    text: Text | None = None
    labels: Labels = Field(default_factory=list)
    variables: Variables = Field(default_factory=dict)
    not_before: Moment | None = None
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _one_text(self) -> "SendRequested":
        if (self.template is None) == (self.text is None):
            raise problem("give one of template and text: there are " + ("none" if self.text is None else "both"))
        return self


@dataclass(frozen=True, slots=True)
class SendSkipped:
    """The SMS will not go, and why: the reasons are those of the contract, section 5.

    `looked_at` is what the rules saw; `body`, here and below, a keyed digest of what was asked for, by which the same
    send id with another body is told as a `duplicate`. The fields behind it tell a person which request it was, when
    it was made and when it could have gone, ms; `labels` are those of the request alone.
    """

    TYPE: ClassVar[str] = "recado.send.skipped.v1"
    send_id: str
    class_: Class
    reason: str
    detail: str
    looked_at: Mapping[str, Any] = field(default_factory=dict)
    body: str = ""
    requested_at: int = field(default=0, metadata={"moment": True})
    sender: str | None = None
    template: str | None = None
    labels: list[str] = field(default_factory=list)
    alert: bool = False
    not_before: int | None = field(default=None, metadata={"moment": True})
    expires_at: int | None = field(default=None, metadata={"moment": True})


_PERSONAL: Final = ("to", "text", "variables")
"""What of a request is personal: the rest is the account's, and told of by statistics."""


@dataclass(frozen=True, slots=True)
class SendDeferred:
    """The SMS waits until a time, ms; `request` is the data of the request: the fact alone rebuilds the state.

    `looked_at` as in SendSkipped; of an attempt that was refused, and is decided anew later, the HTTP status of the
    `answer` (null where nothing was reached), or that the call was `withheld`: `circuit` says nothing of the provider
    then.
    """

    TYPE: ClassVar[str] = "recado.send.deferred.v1"
    send_id: str
    class_: Class
    until: int = field(metadata={"moment": True})
    reason: Literal["not_before", "quiet_hours", "rate", "circuit"]
    request: Mapping[str, Any] = field(metadata={"personal": _PERSONAL})
    requested_at: int = field(default=0, metadata={"moment": True})
    body: str = ""
    looked_at: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SendAttempted:
    """Permission for one call of the provider, by the worker that committed it and nobody after.

    `to` is E.164 with +; `text` is as handed over, variables filled; `parts` are SMS parts; `alert` says that `to` is a
    fixed number; `looked_at` are the values each rule of eligibility saw; `unsubscribe` is the code of the opt-out link
    in the text, `links` what the code of each short link in it stands for. `provider` is who is called, `fallback` says
    that it is the account's second connector.
    `day` is that of the account's time zone, 2026-11-23, on which the attempt counts; None where the send holds a place
    of that day already, as the attempt before was refused.
    """

    TYPE: ClassVar[str] = "recado.send.attempted.v1"
    send_id: str
    class_: Class
    attempt: int
    client_id: str
    to: str = field(metadata={"personal": True})
    sender: str
    template: str | None
    template_version: int | None
    labels: list[str]
    encoding: Literal["GSM-7", "UCS-2"]
    parts: int
    text: str = field(metadata={"personal": True})
    alert: bool
    request: Mapping[str, Any] = field(metadata={"personal": _PERSONAL})
    looked_at: Mapping[str, Any]
    requested_at: int = field(default=0, metadata={"moment": True})
    body: str = ""
    unsubscribe: str | None = None
    provider: Provider = "instasent"
    fallback: bool = False
    links: Mapping[str, str] = field(default_factory=dict, metadata={"personal": True})
    day: str | None = None


@dataclass(frozen=True, slots=True)
class SendAccepted:
    """The provider took the SMS; `provider_id` is its name for it, None where the answer that bore it was lost.

    `settled` says what settled it where neither an answer nor a receipt did: `{"evidence": "list"}`, or
    `{"evidence": "operator", "by": who, "because": why}`.
    """

    TYPE: ClassVar[str] = "recado.send.accepted.v1"
    send_id: str
    attempt: int
    provider_id: str | None
    settled: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SendRefused:
    """The provider surely did not take the SMS. `status` is the HTTP status, None where nothing was reached; `final`
    False means that the next attempt is decided anew. `settled` as in SendAccepted. `withheld` says that it was the
    worker that did not call, as it could no longer be sure that the send was its own: the provider was never asked."""

    TYPE: ClassVar[str] = "recado.send.refused.v1"
    send_id: str
    attempt: int
    status: int | None
    message: str | None = field(metadata={"personal": True})  # the provider's words may repeat number or text
    final: bool
    settled: Mapping[str, Any] | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class SendUnknown:
    """Nobody knows yet whether the SMS went; to be settled by evidence until `resolve_by`, ms."""

    TYPE: ClassVar[str] = "recado.send.unknown.v1"
    send_id: str
    attempt: int
    reason: Literal["timeout", "connection_lost", "server_error", "crash"]
    resolve_by: int = field(metadata={"moment": True})


@dataclass(frozen=True, slots=True)
class SendGivenUp:
    """No evidence came by `resolve_by`: nobody knows whether the SMS went."""

    TYPE: ClassVar[str] = "recado.send.given_up.v1"
    send_id: str
    attempt: int
