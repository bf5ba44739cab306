"""Who may speak to the server, and how much: hosts, origins, the token, the size of what is sent.

A page of another site that a browser on this machine shows can send requests here, and by a name that it
points at this machine (DNS rebinding) also read the answers. So the host must be one that the server goes by,
and an origin, where one is named, must be the server's own.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

Scope = MutableMapping[str, Any]  # Any: what ASGI puts there
Message = MutableMapping[str, Any]  # Any: as above
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 64 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OPEN = ("/api", "/openapi.json")  # below these everything needs the token, where there is one
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True)
class Access:
    """The names that the server goes by, and the token that whoever asks must show, if any."""

    hosts: tuple[str, ...] = LOOPBACK
    token: str = ""


class TooLargeError(HTTPException):
    """More was sent than is taken."""

    def __init__(self) -> None:
        super().__init__(413, f"a request may carry {MOST_BYTES} bytes")


class Guard:
    """An application of ASGI that lets only good requests through to another."""

    def __init__(self, app: App, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def decked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, decked)
            return
        await self.app(scope, _bounded(receive), decked)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name_of(host) not in self.access.hosts:
            return refused(421, "this server does not go by that name; vhtwin serve --name HOST lets it")
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{scope['scheme']}://{host}".lower():
            return refused(403, "this was sent by a page of another site")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return refused(403, "this was asked by a page of another site")
        if _too_long(headers.getlist("content-length")):
            return refused(413, f"a request may carry {MOST_BYTES} bytes")
        if self.access.token and scope["path"].startswith(OPEN) and not self._shows_token(headers):
            return refused(401, "show the token: Authorization: Bearer TOKEN")
        return None

    def _shows_token(self, headers: Headers) -> bool:
        shown = headers.get("authorization", "").removeprefix("Bearer ").strip()
        return compare_digest(shown.encode(), self.access.token.encode())


def refused(status: int, sentence: str) -> JSONResponse:
    """An answer that says why there is no other."""
    challenge = {"www-authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": sentence}, status, challenge)


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _too_long(lengths: Iterable[str]) -> bool:
    return any(not each.isascii() or not each.isdigit() or int(each[:20]) > MOST_BYTES for each in lengths)


def _bounded(receive: Receive) -> Receive:
    """The same, up to MOST_BYTES of body, which is also counted where no length was told before."""
    left = MOST_BYTES

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLargeError
        return message

    return bounded
