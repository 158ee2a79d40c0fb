"""Twilio's Messages API, one SMS a call, and its list: form-encoded, with Basic auth, and without a client id.

Ours goes into the address that Twilio calls back, which is given with each SMS. How far a request came and what of an
answer is believed: connections.py; what it means: twilio_verdict.py.
"""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from aiohttp.hdrs import ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT
from yarl import URL

from connectors.carriers import twilio_verdict
from connectors.carriers.base import Answer, NotListed, Page, Sms
from connectors.carriers.connections import Connections, Course, base_url, failed, read_body, unlisted
from connectors.tokens import TWILIO_RULE, TwilioAccess, twilio_access

BASE_URL: Final = "https://api.twilio.com"
VERSION: Final = "2010-04-01"
PAGE: Final = 200
_LONGEST_PAGE: Final = 4 * 1024 * 1024
_SID: Final = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Twilio:
    """One account's carrier over shared connections. `callbacks` is what the address of its receipts begins with, up to
    the client id; it holds the account's callback secret."""

    connections: Connections
    token: str = field(repr=False)
    base_url: str = BASE_URL
    callbacks: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError, which never shows the token, for a base URL or a token that cannot be one."""
        base_url(self.base_url, BASE_URL)
        if twilio_access(self.token) is None:
            raise ValueError(f"the token {TWILIO_RULE}")

    async def send(self, call: Sms, *, allow_unicode: bool) -> Answer:
        """One POST to `Messages.json`: see Carrier. Twilio chooses the encoding by itself, as networks do; the text is
        handed over as it is (SmartEncoded would replace characters)."""
        form = {
            "To": call.to,
            "From": call.sender,
            "Body": call.text,
            "StatusCallback": f"{self.callbacks}/{call.client_id}",
            "SmartEncoded": "false",
        }
        session, course = self.connections.session, Course()
        try:
            async with session.post(
                self._messages(".json"),
                data=urlencode(form).encode(),
                headers={**self._headers(), CONTENT_TYPE: "application/x-www-form-urlencoded"},
                allow_redirects=False,
                trace_request_ctx=course,
            ) as response:
                content, trouble = await read_body(response)
                hidden = {self._access.password: "[token]", call.to: "[number]"}
                return twilio_verdict.judge(response.status, content, trouble, hidden=hidden)
        except Exception as error:  # noqa: BLE001 - whatever it is: see connections.py
            return failed(error, course)

    async def page(self, cursor: str | None, since: int) -> Page | NotListed:
        """One GET of `Messages.json`, newest first: see Carrier. Twilio filters by whole days, in UTC."""
        query = {"PageSize": str(PAGE), "DateSent>": datetime.fromtimestamp(since / 1000, UTC).strftime("%Y-%m-%d")}
        onward = twilio_verdict.cursor(cursor)
        if onward is not None:
            query |= {"Page": onward[0], "PageToken": onward[1]}
        answer = await self._get(self._messages(".json").with_query(query))
        return answer if isinstance(answer, NotListed) else twilio_verdict.read_page(*answer)

    async def look_up(self, provider_id: str) -> Page | NotListed:
        """One GET of `Messages/{sid}.json`: see Carrier."""
        if not _SID.fullmatch(provider_id):
            return Page(())
        answer = await self._get(self._messages(f"/{provider_id}.json"))
        return answer if isinstance(answer, NotListed) else twilio_verdict.read_message(*answer)

    @property
    def _access(self) -> TwilioAccess:
        found = twilio_access(self.token)
        assert found is not None  # noqa: S101 - asked when this was made
        return found

    def _messages(self, rest: str) -> URL:
        root = str(base_url(self.base_url, BASE_URL)).rstrip("/")
        return URL(f"{root}/{VERSION}/Accounts/{self._access.account_sid}/Messages{rest}")

    def _headers(self) -> dict[str, str]:
        basic = b64encode(f"{self._access.user}:{self._access.password}".encode()).decode("ascii")
        return {
            AUTHORIZATION: f"Basic {basic}",
            ACCEPT: "application/json",
            ACCEPT_ENCODING: "identity",
            USER_AGENT: "Recado",
        }

    async def _get(self, url: URL) -> tuple[int, bytes | None] | NotListed:
        session = self.connections.session
        try:
            async with session.get(url, headers=self._headers(), allow_redirects=False) as response:
                content, trouble = await read_body(response, _LONGEST_PAGE)
                return response.status, None if trouble else content
        except Exception as error:  # noqa: BLE001 - whatever it is: see connections.py
            return unlisted(error)
