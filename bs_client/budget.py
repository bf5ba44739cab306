"""What stations have spent of their privacy, and the secrets that their noise comes from.

The noise of a release is made from a station's secret and all that the release depends on. So what is asked
for again, by a server that was killed or that is curious, is answered with the same bytes, which tell nothing
new and cost nothing; anything else is another release under other noise, and is counted. It is written down
before anything is sent. The file is the station's own, with the mode 600; its secret never leaves it.
"""

import hmac
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from data.errors import InputError
from data.plain import Plain, plain, read_json, rebuilt
from data.store import whole_file
from data.traffic import StationId
from forecasting.private import PrivacySettings

SECRET_BYTES = 32
SECRET = re.compile(f"[0-9a-f]{{{2 * SECRET_BYTES}}}")
SPENT = "has spent its privacy budget"


def drawn_secret(_: StationId) -> bytes:
    """A secret that nobody else can know."""
    return os.urandom(SECRET_BYTES)


@dataclass(frozen=True)
class Account:
    """A station's secret, and the releases that it has made, by names that only it can make."""

    secret: str
    releases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not SECRET.fullmatch(self.secret):
            raise InputError(f"a secret of {len(self.secret)} letters, expected {SECRET_BYTES} bytes as hex")

    def key(self, purpose: str, content: bytes) -> bytes:
        """What the secret makes of a content."""
        return hmac.new(bytes.fromhex(self.secret), purpose.encode() + b"|" + content, sha256).digest()


@dataclass(frozen=True)
class Ledger:
    """What a file holds: the accounts of stations, and the budget that they were opened with."""

    budget: PrivacySettings
    accounts: Mapping[StationId, Account]


@dataclass
class Budget:
    """The budgets of the `stations` of one host, kept in a folder, if there is one."""

    stations: tuple[StationId, ...]
    settings: PrivacySettings
    draw: Callable[[StationId], bytes] = drawn_secret
    folder: Path | None = None
    _accounts: dict[StationId, Account] | None = None  # None: not looked up on the disk yet

    def keep_in(self, folder: Path) -> None:
        """Keep the budgets in a folder from now on: what is there counts where nothing was spent before."""
        self.folder = folder
        if self._accounts is not None:
            self._write(folder)

    def charged(self, contents: Mapping[StationId, bytes]) -> dict[StationId, bytes]:
        """The key for the noise of each release, by the content of it; none for who cannot afford it."""
        accounts, keys = dict(self._all()), dict[StationId, bytes]()
        for station, content in contents.items():
            account, name = accounts[station], accounts[station].key("name", content).hex()[:16]
            if name not in account.releases:
                if len(account.releases) >= self.settings.releases:
                    continue
                accounts[station] = Account(account.secret, (*account.releases, name))
            keys[station] = account.key("noise", content)
        if accounts != self._accounts:
            self._accounts = accounts
            if self.folder is not None:
                self._write(self.folder)
        return keys

    def releases(self, station: StationId) -> int:
        """How many releases a station has made."""
        return len(self._all()[station].releases)

    def _all(self) -> dict[StationId, Account]:
        if self._accounts is None:
            found = _found_in(self.folder, self.settings) if self.folder else {}
            self._accounts = {
                station: found.get(station) or Account(self.draw(station).hex()) for station in self.stations
            }
        return self._accounts

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = sha256("\n".join(self.stations).encode()).hexdigest()[:16]
        with whole_file(folder / f"budget-{name}.json") as partial:
            partial.touch(mode=0o600)
            partial.write_text(json.dumps(plain(Ledger(self.settings, self._all()), {})))


def _found_in(folder: Path, settings: PrivacySettings) -> dict[StationId, Account]:
    """The accounts in a folder; of files of several partings of the stations the latest counts."""
    found: dict[StationId, Account] = {}
    for file in sorted(folder.glob("budget-*.json"), key=lambda each: each.stat().st_mtime_ns):
        try:
            ledger = rebuilt(Ledger, _read(file))
        except (UnicodeDecodeError, InputError) as error:
            raise InputError(
                f"{file}: cannot be read, so that nobody knows what is spent: {error}"
            ) from error
        if ledger.budget != settings:
            raise InputError(
                f"{file}: was opened for {_words(ledger.budget)}, expected the same of all orders of a run, "
                f"got {_words(settings)}"
            )
        found |= ledger.accounts
    return found


def _read(file: Path) -> Plain:
    return read_json(file.read_text())


def _words(settings: PrivacySettings) -> str:
    return (
        f"ε = {settings.epsilon:g}, δ = {settings.delta:g}, clip {settings.clip:g}, "
        f"{settings.releases} releases"
    )


def content_of(kind: str, parts: Sequence[object], arrays: Sequence[bytes]) -> bytes:
    """All that a release depends on, as bytes of one length."""
    digest = sha256(json.dumps([kind, *parts]).encode())
    for each in arrays:
        digest.update(len(each).to_bytes(8, "little"))
        digest.update(each)
    return digest.digest()
