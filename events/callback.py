"""What the provider tells by itself: receipts and replies, as the ingress wrote them down. instasent.md, section 3."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from events.shape import Data, Moment, check_storable

Provider = Literal["instasent", "twilio"]

_Word = Annotated[str, StringConstraints(max_length=256), AfterValidator(check_storable)]
_Body = Annotated[str, StringConstraints(max_length=65_536), AfterValidator(check_storable)]
_Raw = Annotated[str, StringConstraints(max_length=131_072), AfterValidator(check_storable)]  # 64 KiB, or their base64


class CallbackReceived(Data):
    """One callback. `message` is inbound text. `raw` keeps a body that could not be read, in which case all else but
    the time of receipt is None; the ingress caps bodies at 64 KiB."""

    TYPE: ClassVar[str] = "recado.callback.received.v1"
    provider: Provider
    received_at: Moment
    client_id: _Word | None = None
    provider_id: _Word | None = None
    status: _Word | None = None
    code: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    event_at: Moment | None = None
    message: _Body | None = None
    raw: _Raw | None = None
