"""Instasent's Transactional API, one SMS a call or up to 100, and its list: instasent.md, sections 1 and 2.

How far a request came and what of an answer is believed: connections.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import orjson
from aiohttp.hdrs import ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT
from yarl import URL

from connectors.carriers import listing
from connectors.carriers.base import Answer, EncodedSms, NotListed, Page, RateHeaders, Refused, Sms, UnknownReason
from connectors.carriers.connections import Connections, Course, base_url, failed, read_body, unlisted
from connectors.carriers.verdict import judge, judge_many

BASE_URL: Final = "https://api.instasent.com/transactional/v1"
_LONGEST_ANSWER: Final = 65_536
_LONGEST_BATCH: Final = 1_048_576  # of the answer to a batch, which may repeat every text
PAGE: Final = 100  # messages; the largest that is taken is not documented
_LONGEST_PAGE: Final = 2 * 1024 * 1024  # 100 messages of ten parts, whose characters may take six bytes each
_ASKABLE: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")  # an id that changes nothing else of a path
_DIGITS: Final = 12  # of a number in a header
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,1024}")


@dataclass(frozen=True, slots=True)
class _Read:
    """An answer as far as it could be read."""

    status: int
    rate: RateHeaders
    content: bytes
    trouble: UnknownReason | None


@dataclass(frozen=True, slots=True)
class Instasent:
    """One account's carrier: a base URL and a token over shared connections. Cheap to make."""

    connections: Connections
    token: str = field(repr=False)
    base_url: str = BASE_URL

    def __post_init__(self) -> None:
        """Raises ValueError, which never shows the token, for a base URL or a token that cannot be one."""
        base_url(self.base_url, BASE_URL)
        if not _TOKEN.fullmatch(self.token):
            raise ValueError("the token has to be 1 to 1,024 printable ASCII characters without spaces: paste it again")

    async def send(self, call: Sms, *, allow_unicode: bool) -> Answer:
        """One POST to `/sms`: see Carrier. Raises RuntimeError if the connections are not open: nothing was sent."""
        answer = await self._post("sms", _body(call, allow_unicode), _LONGEST_ANSWER)
        if not isinstance(answer, _Read):
            return answer
        return judge(answer.status, answer.rate, answer.content, answer.trouble, secret=self.token)

    @property
    def largest(self) -> int:
        """See BulkCarrier."""
        return 100

    async def send_many(self, calls: Sequence[EncodedSms]) -> Sequence[Answer]:
        """One POST to `/sms/bulk`, of one SMS too, as its limit is not that of `/sms`: see BulkCarrier."""
        batch = [_body(call, call.encoding == "UCS-2") for call in calls]
        answer = await self._post("sms/bulk", batch, _LONGEST_BATCH)
        if not isinstance(answer, _Read):
            return [answer] * len(calls)
        names = [call.client_id for call in calls]
        answers = judge_many(answer.status, answer.rate, answer.content, answer.trouble, names, secret=self.token)
        if answers is not None:
            return answers
        whole = Refused(answer.status, "the batch was refused as a whole", final=False, scope="batch", rate=answer.rate)
        return [whole] * len(calls)

    async def _post(self, path: str, body: Any, longest: int) -> _Read | Answer:
        """What was answered; or what follows from that nothing was."""
        headers = {
            AUTHORIZATION: f"Bearer {self.token}",
            ACCEPT: "application/json",
            ACCEPT_ENCODING: "identity",
            CONTENT_TYPE: "application/json",
            USER_AGENT: "Recado",
        }
        session, course = self.connections.session, Course()
        try:
            async with session.post(
                base_url(self.base_url, BASE_URL) / path,
                data=orjson.dumps(body),
                headers=headers,
                allow_redirects=False,
                trace_request_ctx=course,
            ) as response:
                content, trouble = await read_body(response, longest)
                return _Read(response.status, rate_of(response), content, trouble)
        except Exception as error:  # noqa: BLE001 - whatever it is: see connections.py
            return failed(error, course)

    async def page(self, cursor: str | None, since: int) -> Page | NotListed:
        """One GET of `/sms`: see Carrier. Its order and its largest page are not documented; a page is as it comes."""
        number = int(cursor or 1)
        url = (base_url(self.base_url, BASE_URL) / "sms").with_query(page=number, per_page=PAGE)
        answer = await self._get(url)
        return answer if isinstance(answer, NotListed) else listing.read_page(*answer, number)

    async def look_up(self, provider_id: str) -> Page | NotListed:
        """One GET of `/sms/{id}`: see Carrier."""
        if not _ASKABLE.fullmatch(provider_id):
            return Page(())
        answer = await self._get(base_url(self.base_url, BASE_URL) / "sms" / provider_id)
        return answer if isinstance(answer, NotListed) else listing.read_message(*answer)

    async def _get(self, url: URL) -> tuple[int, RateHeaders, bytes | None] | NotListed:
        """Status, rate and body, None where that could not be read whole."""
        headers = {
            AUTHORIZATION: f"Bearer {self.token}",
            ACCEPT: "application/json",
            ACCEPT_ENCODING: "identity",
            USER_AGENT: "Recado",
        }
        session = self.connections.session
        try:
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                content, trouble = await read_body(response, _LONGEST_PAGE)
                return response.status, rate_of(response), None if trouble else content
        except Exception as error:  # noqa: BLE001 - whatever it is: see connections.py
            return unlisted(error)


def _body(call: Sms, allow_unicode: bool) -> dict[str, Any]:
    return {
        "from": call.sender,
        "to": call.to,
        "text": call.text,
        "allowUnicode": allow_unicode,
        "clientId": call.client_id,
    }


def rate_of(response: aiohttp.ClientResponse) -> RateHeaders:
    reset = _number(response, "X-RateLimit-Reset")
    return RateHeaders(
        _number(response, "X-RateLimit-Limit"),
        _number(response, "X-RateLimit-Remaining"),
        None if reset is None else reset * 1_000,
    )


def _number(response: aiohttp.ClientResponse, name: str) -> int | None:
    text = response.headers.get(name, "").strip()
    return int(text) if 0 < len(text) <= _DIGITS and text.isascii() and text.isdigit() else None
