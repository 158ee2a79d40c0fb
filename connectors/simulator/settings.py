"""What a simulator is told: its settings, the faults it commits and the journeys its messages make.

Each model is read from JSON (the control paths under `/_sim`) as well as built in Python; an unknown field or a value
out of range is refused with pydantic's ValidationError, which names the field. Times are seconds, as in HTTP.
"""

from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Endpoint = Literal["sms", "bulk", "list", "message", "account"]

BeforeFault = Literal["drop_before", "stall_before", "status", "field_error", "redirect"]
AfterFault = Literal[
    "drop_after", "stall_after", "cut", "garbage", "no_id", "huge_body", "huge_headers", "status_after", "slow"
]
CallbackFault = Literal[
    "callback_lost",
    "callback_duplicated",
    "callback_reordered",
    "callback_late",
    "callback_before_answer",
    "callback_form_encoded",
]
Kind = BeforeFault | AfterFault | CallbackFault

AFTER: Final[frozenset[str]] = frozenset(get_args(AfterFault))
CALLBACK: Final[frozenset[str]] = frozenset(get_args(CallbackFault))

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Model):
    """One thing that goes wrong, for one destination (`to`) or all, by chance or always, a few times or for ever.

    Before accepting, so that nothing was sent: `drop_before`, `stall_before` (then the connection is dropped), `status`
    (answers `status` and `message`), `field_error` (`errors` names the field; one message of a batch, or a single one),
    `redirect` (307 to `location`). A `status` of 429 says in its headers that it ends in `seconds`.

    After accepting, so that it was sent whatever the client sees: `drop_after`, `stall_after`, `cut` (half an answer),
    `garbage` (201, not JSON), `no_id`, `huge_body` (10 MiB), `huge_headers`, `status_after` (a 500 that sent it),
    `slow` (the right answer, `seconds` late).

    Of a message's callbacks, and these may be combined: `callback_lost`, `callback_duplicated` (`copies` in all),
    `callback_reordered`, `callback_late` (by `seconds`), `callback_before_answer` (the first status, before the HTTP
    answer), `callback_form_encoded`.

    Without `endpoint` a fault is about sending, singly or by batch; one of a reading path (`list`, `message`,
    `account`) is ordered by name.
    """

    kind: Kind
    to: str | None = None
    endpoint: Endpoint | None = None
    probability: Probability = 1.0
    times: Annotated[int, Field(ge=1)] | None = None
    status: Annotated[int, Field(ge=200, le=599)] = 500
    message: str | None = None
    field: str = "to"
    seconds: Seconds = 30.0
    copies: Annotated[int, Field(ge=2, le=100)] = 2
    location: str = "/elsewhere"


class Step(_Model):
    """A status that a message reaches `after` seconds from the one before, with what its callback carries."""

    status: Annotated[str, Field(min_length=1, max_length=64)]
    after: Seconds = 0.05
    code: int = 0
    message: str | None = None
    client_id: bool = True  # False: the callback does not repeat the clientId
    event_at: bool = True  # False: nor says when


DELIVERED: Final = (Step(status="delivered"),)


class Journey(_Model):
    """The statuses of a destination's messages, or of all, by chance or always; the first that applies is taken."""

    steps: tuple[Step, ...]
    to: str | None = None
    probability: Probability = 1.0
    times: Annotated[int, Field(ge=1)] | None = None


class Token(_Model):
    """A project's token: where its callbacks go, and its balance in parts."""

    token: Annotated[str, Field(min_length=1, max_length=512)]
    callback_url: str | None = None
    available: float = 1_000_000_000
    revoked: bool = False


class Modes(_Model):
    """What Instasent does not document: each mode is one way in which it may turn out to behave."""

    repeated_client_id: Literal["accepted", "refused"] = "accepted"
    id_wrapper: Literal["entity", "top_level"] = "entity"
    field_error_status: Annotated[int, Field(ge=200, le=499)] = 400  # of a single message
    bulk_client_ids: bool = True  # entities repeat the clientId
    bulk_errors_named: bool = True  # errors repeat the clientId
    bulk_shuffled: bool = False
    bulk_no_funds: Literal["whole", "partial"] = (
        "whole"  # partial: accepts what the balance pays for, and still answers 402
    )
    callbacks_form_encoded: bool = False
    list_lag: Seconds = 0.0  # new messages show up in GET /sms this late
    list_client_ids: bool = True  # GET /sms and /sms/{id} repeat the clientId
    list_page: Annotated[int, Field(ge=1)] = 100  # the largest page of GET /sms


class Config(_Model):
    """A simulator's settings. `seed` decides every chance, whatever the order in which requests come."""

    seed: int = 0
    tokens: tuple[Token, ...] = ()
    accept_any_token: bool = False
    callback_url: str | None = None  # of tokens first seen in a request
    available: float = 1_000_000_000  # likewise
    price_per_part: Annotated[float, Field(ge=0)] = 1.0
    latency: Seconds = 0.0  # between accepting and answering
    rate_limit: Annotated[int, Field(ge=1)] = 600_000  # a window, token and endpoint; Instasent's example is 1,200
    rate_window: Annotated[float, Field(gt=0, le=3_600)] = 60.0
    max_body: Annotated[int, Field(ge=1_024)] = 1_048_576  # bytes; beyond it 413
    callback_timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    callback_retry: Annotated[float, Field(gt=0)] = 1.0  # the first pause; each next one is twice as long, at most 60 s
    callback_attempts: Annotated[int, Field(ge=1)] = 12
    modes: Modes = Modes()
    faults: tuple[Fault, ...] = ()
    journeys: tuple[Journey, ...] = ()
    journey: tuple[Step, ...] = DELIVERED  # where no entry of `journeys` applies
    ledger_file: Path | None = None

    @model_validator(mode="after")
    def _tokens_once(self) -> "Config":
        names = [token.token for token in self.tokens]
        if len(set(names)) != len(names):
            raise ValueError("the same token is given twice")
        return self
