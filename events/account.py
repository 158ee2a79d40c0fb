"""What is said about an account: its settings, its templates, its cancellations. Contract, section 3."""

import re
import unicodedata
from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_serializer, model_validator

from events.callback import Provider
from events.contact import Subscription
from events.currency import CURRENCIES
from events.send import Labels, SendId
from events.shape import AnyScalar, Class, Data, Label, Moment, Name, Shape, Text, check_printable, problem

INSTASENT_URL: Final = "https://api.instasent.com/transactional/v1"  # instasent.md, section 1
TWILIO_URL: Final = "https://api.twilio.com"
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _country(code: str) -> str:
    if code not in SUPPORTED_REGIONS:
        raise problem("is no country of ISO 3166-1, such as ES")
    return code


def _currency(code: str) -> str:
    if code not in CURRENCIES:
        raise problem("is no currency of ISO 4217, such as EUR")
    return code


def _timezone(name: str) -> str:
    if name not in _timezones():
        raise problem("is no IANA time zone, such as Europe/Madrid")
    return name


def _named(host: str) -> bool:
    """Can a host be asked for: parts of 1 to 63 characters between its dots, 253 in all, as DNS has them [RFC 1035,
    2.3.4; RFC 3490, 3.1]? A dot at its end is nothing. A resolver does not only fail on others: Python's raises."""
    labels = unicodedata.normalize("NFKC", host).replace("\u3002", ".").removesuffix(".").split(".")
    lengths = [len(label) if label.isascii() else len("xn--") + len(label.encode("punycode")) for label in labels]
    return all(1 <= length <= 63 for length in lengths) and sum(lengths) + len(lengths) - 1 <= 253


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        usable = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
        usable = usable and not (parts.username or parts.password or parts.query or parts.fragment or " " in text)
    except ValueError:  # urlsplit's word for a broken IPv6 address or port
        host, usable = "", False
    if not usable:
        raise problem("must be an http or https address without user, query or fragment")
    if not _named(host):
        raise problem("must name a host with 1 to 63 characters between its dots, 253 in all")
    return text.rstrip("/")


def _domain(text: str) -> str:
    host, _, port = text.partition(":")
    if _HOST.fullmatch(text) is None or not _named(host) or not 1 <= int(port or 80) <= 65_535:
        raise problem("must be a host name, such as go.example.com")
    return text


Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), AfterValidator(_country)]
Timezone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_timezone)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(_currency)]
Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$")]
Url = Annotated[str, StringConstraints(max_length=512), AfterValidator(check_printable), AfterValidator(_url)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Keyword = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(check_printable)]


class SealedToken(Shape):
    """A provider's token under RECADO_SECRET: the only form that may lie in Kafka."""

    sealed: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class Connector(Shape):
    """A provider's access. A plain token is read from a person's settings only (a SecretStr: it never shows in a log);
    it is sealed before it is written, and `sealed_token` is None until then: the engine treats that as no connector."""

    provider: Provider
    base_url: Url = INSTASENT_URL  # of the provider named
    token: SealedToken | Annotated[SecretStr, Field(min_length=1, max_length=1024)]

    @model_validator(mode="before")
    @classmethod
    def _own_address(cls, given: Any) -> Any:
        """A provider whose address is not named is asked at its own."""
        if isinstance(given, dict) and given.get("provider") == "twilio" and "base_url" not in given:
            return {**given, "base_url": TWILIO_URL}
        return given

    @property
    def sealed_token(self) -> str | None:
        return self.token.sealed if isinstance(self.token, SealedToken) else None

    @property
    def plain_token(self) -> str | None:
        """The secret itself, for the one who seals it; None once it is sealed."""
        return None if isinstance(self.token, SealedToken) else self.token.get_secret_value()

    @property
    def exposed(self) -> bool:
        """Would the token go over a network in clear: by http, to another machine than this one?"""
        parts = urlsplit(self.base_url)
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
            return False
        with suppress(ValueError):  # a name, and no address
            return not ip_address(host).is_loopback
        return True

    def sealed(self, ciphertext: str) -> Self:
        """The same connector, its token replaced by the sealed one."""
        return self.model_copy(update={"token": SealedToken(sealed=ciphertext)})

    @field_serializer("token")
    def _never_plain(self, token: SealedToken | SecretStr) -> dict[str, str]:
        if isinstance(token, SealedToken):
            return {"sealed": token.sealed}
        raise ValueError("the connector's token is not sealed, and no plain token may be written")


class Node(Shape):
    """How a workflow node is shown: its name, its colour."""

    name: Name
    color: Annotated[str, StringConstraints(min_length=1, max_length=32), AfterValidator(check_printable)]


class Nodes(Shape):
    send_sms: Node | None = None
    has_received_sms: Node | None = None


class Bounces(Shape):
    """How many hard bounces in a row make a phone `bounced`, and what "<status>:<code>" of the provider mean."""

    hard_in_a_row: Annotated[int, Field(ge=1, le=100)] = 3
    codes: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}:-?[0-9]{1,9}$")], Literal["hard", "soft"]],
        Field(max_length=1000),
    ] = Field(default_factory=dict)


class QuietHours(Shape):
    """No SMS between two times of day where the number is (else in the account's time zone), over midnight where `from`
    is later than `to`, at no time where they are the same; with `holidays` none on the public ones of its country."""

    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    holidays: bool = False


class Cap(Shape):
    """At most so many sends of the class to one contact in any so many days (of 24 hours) on end."""

    sends: Annotated[int, Field(ge=0, le=1_000)]
    days: Annotated[int, Field(ge=1, le=366)]


class Limits(Shape):
    """Countries that may be written to (null: all), SMS a day (null: any number), parts of one SMS."""

    countries: Annotated[list[Country], Field(max_length=300)] | None = None
    per_day: Annotated[int, Field(ge=0, le=10**9)] | None = None
    parts: Annotated[int, Field(ge=1, le=255)] = 10


class TextRule(Shape):
    """`keep` the text as written, or replace the characters that would make it UCS-2 (`gsm`)."""

    transliterate: Literal["keep", "gsm"] = "keep"


class Keywords(Shape):
    """The exact words that opt out, opt in or ask for help; null: the built-in ones of that kind."""

    stop: Annotated[list[Keyword], Field(max_length=100)] | None = None
    start: Annotated[list[Keyword], Field(max_length=100)] | None = None
    help: Annotated[list[Keyword], Field(max_length=100)] | None = None


class AccountConfigured(Data):
    """A patch of an account's settings. `model_fields_set` tells absent (stays) from null (back to its default); a
    field that is given replaces the whole of that setting, what lies inside it too."""

    TYPE: ClassVar[str] = "recado.account.configured.v1"
    country: Country | None = None
    timezone: Timezone | None = None
    currency: Currency | None = None
    locale: Locale | None = None
    default_subscription: Subscription | None = None
    connector: Connector | None = None
    fallback: Connector | None = None
    nodes: Nodes | None = None
    stopped: bool | None = None
    require_mobile: bool | None = None
    bounces: Bounces | None = None
    resend_unknown: Annotated[list[Class], Field(max_length=2)] | None = None
    quiet_hours: dict[Class, QuietHours | None] | None = None
    caps: dict[Class, Annotated[list[Cap], Field(max_length=16)] | None] | None = None
    limits: Limits | None = None
    text: TextRule | None = None
    keywords: Keywords | None = None
    link_domain: Annotated[str, AfterValidator(_domain)] | None = None
    privacy: Literal["open", "sealed"] | None = None


class Variable(Shape):
    """A place in a template. Identifiers: letters, digits, - and _, no spaces [Connectif > Variables]."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    name: Name
    type: Literal["text", "number", "date", "currency", "percentage"]
    default: AnyScalar = None


class TemplateSaved(Data):
    """The next version of a template; variables stand in the text as {{id}}."""

    TYPE: ClassVar[str] = "recado.template.saved.v1"
    template: Annotated[Name, StringConstraints(pattern=r"^[^/]+$")]
    text: Annotated[Text, StringConstraints(min_length=1)]
    variables: Annotated[list[Variable], Field(max_length=64)] = Field(default_factory=list)
    labels: Labels = Field(default_factory=list)

    @model_validator(mode="after")
    def _unique(self) -> "TemplateSaved":
        ids = [variable.id for variable in self.variables]
        if len(set(ids)) != len(ids):
            raise problem("two variables have the same id")
        return self


class SendCancelled(Data):
    """What was asked for before a time, ms, and has not been attempted, is skipped: one send, those with a label, or,
    where neither is named, all of the account."""

    TYPE: ClassVar[str] = "recado.send.cancelled.v1"
    send_id: SendId | None = None
    label: Label | None = None
    before: Moment
