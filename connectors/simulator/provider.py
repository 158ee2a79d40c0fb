"""The provider that is simulated, apart from HTTP: tokens, balances, rates, acceptance, what becomes of a message."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from connectors.simulator.callbacks import Callback, Callbacks
from connectors.simulator.faults import FaultBook, JourneyBook
from connectors.simulator.ledger import Ledger
from connectors.simulator.messages import Mailbox, Message, measure, rendered, status_callback
from connectors.simulator.settings import Config, Fault, Step, Token

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(slots=True)
class Project:
    """What one token stands for."""

    callback_url: str | None
    available: float
    revoked: bool = False
    mailbox: Mailbox = field(default_factory=Mailbox)
    windows: dict[str, list[float]] = field(default_factory=dict)  # by endpoint: [end of the window, requests in it]


@dataclass(frozen=True, slots=True)
class Submission:
    """A message that was read and found well-formed."""

    client_id: str | None
    sender: str
    to: str
    text: str
    encoding: str
    parts: int
    key: str  # what chance depends on


class FieldErrors(Exception):
    """A message is refused for its fields; `errors` has the messages of each."""

    def __init__(self, errors: dict[str, list[str]], client_id: str | None = None) -> None:
        super().__init__("the message is refused")
        self.errors = errors
        self.client_id = client_id


class Provider:
    """The simulated provider. Nothing here awaits, so each call is one step whatever else goes on."""

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        """`clock` gives seconds since the epoch. Raises ValueError or OSError for a ledger file that cannot be used."""
        self.config = config
        self.modes = config.modes
        self.clock = clock
        self.ledger = Ledger(config.ledger_file)
        self.faults = FaultBook(config.seed, config.faults)
        self.journeys = JourneyBook(config.seed, config.journeys, config.journey)
        self.callbacks = Callbacks(
            self.ledger.callbacks,
            config.callback_timeout,
            config.callback_retry,
            config.callback_attempts,
            lambda fields: self.ledger.taken(fields, self.now()),
        )
        self.projects: dict[str, Project] = {}
        for token in config.tokens:
            self.set_token(token)

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * 1_000)

    def set_token(self, token: Token) -> None:
        """Add or change a token; what is not given anew keeps its value, its messages stay."""
        project = self.projects.get(token.token)
        if project is None:
            self.projects[token.token] = Project(token.callback_url, token.available, token.revoked)
            return
        given = token.model_fields_set
        if "callback_url" in given:
            project.callback_url = token.callback_url
        if "available" in given:
            project.available = token.available
        if "revoked" in given:
            project.revoked = token.revoked

    def project(self, token: str) -> Project | None:
        """The project of a token, None if there is none or it is revoked."""
        project = self.projects.get(token)
        if project is None and self.config.accept_any_token and token:
            project = self.projects[token] = Project(self.config.callback_url, self.config.available)
        return None if project is None or project.revoked else project

    def rate(self, project: Project, endpoint: str) -> tuple[int, float, bool]:
        """Count a request: what remains of its window, the window's end (seconds, epoch), and whether it may pass."""
        now = self.clock()
        window = project.windows.get(endpoint)
        if window is None or now >= window[0]:
            window = project.windows[endpoint] = [now + self.config.rate_window, 0]
        window[1] += 1
        remaining = self.config.rate_limit - int(window[1])
        return max(0, remaining), window[0], remaining >= 0

    def read(self, item: dict[str, Any]) -> Submission:
        """One message as it was sent to us. Raises FieldErrors."""
        errors: dict[str, list[str]] = {}
        client_id = item.get("clientId")
        if client_id is not None and (not isinstance(client_id, str) or not 1 <= len(client_id) <= 40):
            errors["clientId"] = ["This value is too long. It should have 40 characters or less."]
        sender = item.get("from")
        if not isinstance(sender, str) or not 1 <= len(sender) <= 11:
            errors["from"] = ["This value should have between 1 and 11 characters."]
        to = item.get("to")
        if not isinstance(to, str) or not _NUMBER.fullmatch(to):
            errors["to"] = ["This value is not a valid phone number."]
        text = item.get("text")
        if not isinstance(text, str) or not text:
            errors["text"] = ["This value should not be blank."]
        allowed = item.get("allowUnicode", False)
        if allowed not in (True, False, "true", "false", "1", "0", 1, 0):
            errors["allowUnicode"] = ["This value should be a boolean."]
        known = client_id if isinstance(client_id, str) else None
        if errors or not isinstance(sender, str) or not isinstance(to, str) or not isinstance(text, str):
            raise FieldErrors(errors, known)
        if known is not None and self.modes.repeated_client_id == "refused" and known in self.ledger.client_ids:
            raise FieldErrors({"clientId": ["This value is already used."]}, known)
        encoding, parts = measure(text)
        if encoding == "UCS-2" and allowed in (False, "false", "0", 0):
            self.ledger.unicode_not_allowed += 1
        return Submission(known, sender, to, text, encoding, parts, self.faults.key(known, to))

    def cost(self, submission: Submission) -> float:
        return submission.parts * self.config.price_per_part

    def accept(
        self, project: Project, submission: Submission, status_callback: str | None = None
    ) -> tuple[Message, Callback | None]:
        """Accept a message: ledger, balance, list, statuses to come. A callback returned is due before the answer.
        `status_callback` is given for a message by Twilio's API: where its callbacks go, "" for nowhere."""
        now = self.now()
        number = self.ledger.accept(submission.client_id, submission.to, submission.text, now)
        project.available -= self.cost(submission)
        message = Message(
            id=f"{self.config.seed & 0xFFFFFFFF:08x}{number:016x}"
            if status_callback is None
            else f"SM{self.config.seed & 0xFFFFFFFF:08x}{number:024x}",
            client_id=submission.client_id,
            sender=submission.sender,
            to=submission.to,
            text=submission.text,
            encoding=submission.encoding,
            parts=submission.parts,
            created_at=now,
            changed_at=now,
            status_callback=status_callback,
        )
        project.mailbox.add(message)
        return message, self._schedule(project, message, submission.key)

    def _schedule(self, project: Project, message: Message, key: str) -> Callback | None:
        faults = self.faults.callbacks(message.to, key)
        steps = self.journeys.steps(message.to, key)
        late = faults["callback_late"].seconds if "callback_late" in faults else 0.0
        times: list[float] = []
        for step in steps:
            times.append((times[-1] if times else 0.0) + step.after)
        reports = times[::-1] if "callback_reordered" in faults else times
        early: Callback | None = None
        for position, (step, at, report) in enumerate(zip(steps, times, reports, strict=True)):
            if position == 0 and "callback_before_answer" in faults:
                early = self._reach(project, message, step, faults, copies=1)
            elif late or report != at:
                self.callbacks.schedule(at, partial(self._change, message, step))
                self._report(project, message, step, faults, report + late)
            else:
                self.callbacks.schedule(at, partial(self._reach, project, message, step, faults))
        return early

    def _change(self, message: Message, step: Step) -> None:
        message.status, message.code, message.changed_at = step.status, step.code, self.now()

    def _report(self, project: Project, message: Message, step: Step, faults: dict[str, Fault], after: float) -> None:
        self.callbacks.schedule(after, partial(self._callback, project, message, step, faults))

    def _reach(
        self, project: Project, message: Message, step: Step, faults: dict[str, Fault], copies: int | None = None
    ) -> Callback | None:
        self._change(message, step)
        return self._callback(project, message, step, faults, copies)

    def _callback(
        self, project: Project, message: Message, step: Step, faults: dict[str, Fault], copies: int | None = None
    ) -> Callback | None:
        url = project.callback_url if message.status_callback is None else message.status_callback
        if not url:
            return None
        if "callback_lost" in faults:
            self.ledger.callbacks.lost += 1
            return None
        fields: dict[str, Any] = {"id": message.id, "clientId": message.client_id, "status": step.status}
        fields |= {"code": step.code, "eventAt": rendered(self.now()), "message": step.message}
        if not step.client_id or message.client_id is None:
            del fields["clientId"]
        if not step.event_at:
            del fields["eventAt"]
        if step.message is None:
            del fields["message"]
        form = self.modes.callbacks_form_encoded or "callback_form_encoded" in faults
        if message.status_callback is not None:
            fields, form = status_callback(message, step.status, step.code), True
        if copies is None:
            copies = faults["callback_duplicated"].copies if "callback_duplicated" in faults else 1
        for _ in range(copies - 1):
            self.callbacks.schedule(0.0, partial(Callback, url, fields, form))
        return Callback(url, fields, form)

    def inbound(self, project: Project, fields: dict[str, Any], *, form_encoded: bool) -> bool:
        """Post a callback of any content to a project's URL; False if it has none."""
        if project.callback_url is None:
            return False
        form = form_encoded or self.modes.callbacks_form_encoded
        self.callbacks.schedule(0.0, partial(Callback, project.callback_url, fields, form))
        return True
