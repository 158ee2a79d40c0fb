"""What the provider answered to one attempt; written by Recado's sender into its internal topic of answers."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from events.shape import Data, Note, problem


class AnswerReceived(Data):
    """One attempt ended. accepted: `provider_id`, where it could be read. refused: `status`, `message`, `final`.
    unknown: `reason`."""

    TYPE: ClassVar[str] = "recado.answer.received.v1"
    send_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    attempt: Annotated[int, Field(ge=1)]
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    outcome: Literal["accepted", "refused", "unknown"]
    provider_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    message: Note | None = None
    final: bool | None = None
    reason: Literal["timeout", "connection_lost", "server_error", "crash"] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "AnswerReceived":
        if self.outcome == "refused" and self.final is None:
            raise problem("a refusal says whether it is final")
        if self.outcome == "unknown" and self.reason is None:
            raise problem("an unknown outcome says its reason")
        return self
