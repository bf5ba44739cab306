"""How verbs talk to a server: its address, the token that makes somebody the operator, and JSON."""

import argparse
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from data.errors import InputError

Answer = dict[str, Any]  # Any: what JSON holds
SECONDS = 10.0


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of a verb."""
    parser.add_argument(
        "--server", default="127.0.0.1:9300", metavar="HOST:PORT", help="which server (default: %(default)s)"
    )
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="a folder with ca.crt and operator.token")


def host_and_port(option: str, text: str) -> tuple[str, int]:
    """Host and port of an address that an option names."""
    host, _, port = text.rpartition(":")
    bare, bracketed = host.strip("[]"), host.startswith("[") and host.endswith("]")
    if not bare or bracketed != (":" in bare) or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"{option} {text}: expected HOST:PORT, as in 127.0.0.1:9300 or [::1]:9300")
    return bare, int(port)


class Server:
    """A server that somebody wants to ask."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.address: str = arguments.server
        host_and_port("--server", self.address)
        keys: Path | None = arguments.keys
        headers, verify, scheme = {}, ssl.create_default_context(), "http"
        if keys is not None:
            token, authority = keys / "operator.token", keys / "ca.crt"
            for file in (token, authority):
                if not file.is_file():
                    raise InputError(f"{file}: no such file, expected the folder that vhtwin keys has made")
            headers["authorization"] = f"Bearer {token.read_text().strip()}"
            verify, scheme = ssl.create_default_context(cafile=str(authority)), "https"
        base = f"{scheme}://{self.address}"
        self._client = partial(httpx.Client, base_url=base, headers=headers, verify=verify, timeout=SECONDS)

    def get(self, path: str) -> Answer:
        """What the server answers."""
        return self._answer("GET", path, None)

    def post(self, path: str, content: object) -> Answer:
        """What the server answers to something that is sent to it."""
        return self._answer("POST", path, content)

    def _answer(self, method: str, path: str, content: object) -> Answer:
        try:
            with self._client() as client:
                response = client.request(method, path, json=content)
            answer = response.json()
        except httpx.RemoteProtocolError as error:  # what TLS makes of a question without it
            expected = "a vhtwin server there, and --keys FOLDER if it has keys"
            raise InputError(f"{self.address}: {error}; expected {expected}") from error
        except httpx.HTTPError as error:
            raise InputError(f"{self.address}: {error}; expected a vhtwin server there") from error
        except ValueError as error:
            raise InputError(f"{self.address}: is no vhtwin server") from error
        if response.is_error or not isinstance(answer, dict):
            reason = answer.get("error", response.reason_phrase) if isinstance(answer, dict) else answer
            raise InputError(f"{self.address}: {reason}")
        return answer
