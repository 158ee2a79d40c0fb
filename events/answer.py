"""What the provider answered to one attempt, what its own list says of it, and what an operator says of one whose
outcome nobody knows; all in the internal topic of answers."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from events.callback import Provider
from events.shape import Data, Moment, Name, SealableNote, Shape, check_storable, problem


class Report(Shape):
    """How a message stands by the provider's own list; its words are those of its receipts."""

    provider: Provider
    status: Annotated[str, StringConstraints(max_length=256), AfterValidator(check_storable)] | None = None
    code: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    event_at: Moment | None = None


class AnswerReceived(Data):
    """One attempt ended. accepted: `provider_id`, where it could be read. refused: `status`, `message`, `final`, and
    `retry_at`, where the worker knew when the provider takes the next; `withheld` says that no call was made. unknown:
    `reason`. `report` says that it was found in the provider's list: it is accepted then, since whatever a provider
    lists, it took."""

    TYPE: ClassVar[str] = "recado.answer.received.v1"
    send_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    attempt: Annotated[int, Field(ge=1)]
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    outcome: Literal["accepted", "refused", "unknown"]
    provider_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    message: SealableNote | None = None
    final: bool | None = None
    reason: Literal["timeout", "connection_lost", "server_error", "crash"] | None = None
    report: Report | None = None
    retry_at: Moment | None = None
    withheld: bool = False

    @model_validator(mode="after")
    def _whole(self) -> "AnswerReceived":
        if self.outcome == "refused" and self.final is None:
            raise problem("a refusal says whether it is final")
        if self.outcome == "unknown" and self.reason is None:
            raise problem("an unknown outcome says its reason")
        if self.withheld and (self.outcome != "refused" or self.final):
            raise problem("what was never asked of the provider is refused, and not for good")
        if self.report is not None and self.outcome != "accepted":
            raise problem("what the provider lists was accepted")
        return self


class SendSettled(Data):
    """An operator's word about an attempt whose outcome nobody knows: `by` whom, and `because` of what.

    `attempt` absent means the latest. `again` asks for another attempt after one that is settled as refused: it is made
    only where the contract allows it (streams/deciders/settlement.py).
    """

    TYPE: ClassVar[str] = "recado.send.settled.v1"
    send_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    attempt: Annotated[int, Field(ge=1)] | None = None
    outcome: Literal["accepted", "refused"]
    again: bool = False
    by: Name
    because: Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(check_storable)]
