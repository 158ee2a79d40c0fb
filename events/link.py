"""A short link of an SMS was opened."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, StringConstraints

from events.send import SendId
from events.shape import Data, Name, check_printable


class LinkOpened(Data):
    """Somebody, or something, opened a short link; the event's time is that of the opening, its subject the account.
    Written by the ingress only, into the partition of the contact. `automated`: by a scanner rather than a person."""

    TYPE: ClassVar[str] = "recado.link.opened.v1"
    contact: Name
    send_id: SendId
    url: Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(check_printable)]
    automated: bool
