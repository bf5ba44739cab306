"""The station's side of sums of which the server sees nothing but the sum (Bonawitz et al. 2017).

In a session every station makes two key pairs (X25519). Its update, as whole numbers modulo 2^64, goes out
under a mask that it shares with each other station of its cluster, added by one of the two and subtracted by
the other, and one of its own. It gives shares of its own mask's seed and of its masks' key to the others,
sealed for them; so many of these make the secret again (Shamir 1979, by Flower's primitives). In the end each
station opens one kind of share of every other: of the seed where the update came, so that the sum can be
freed of it, or of the key where it did not, so that the masks of those that came can be. Never both: that
would reveal an update, and so would a second answer in one session.

Axes: P parameters, M members of a session, V values that are summed.
"""

import os
from dataclasses import dataclass, field

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from data.errors import InputError
from data.masks import KEY_BYTES, Bytes, Numbers, as_bytes, derived, mask, pair_mask
from data.messages import Keys, Masking, SealedShares, Shares, SharesOrder, UnmaskOrder
from data.traffic import StationId

NONCE = bytes(12)  # each key seals one message


@dataclass
class Session:
    """What a station keeps to itself for as long as one sum takes."""

    name: str
    sealing: X25519PrivateKey
    masking: X25519PrivateKey
    seed: bytes
    members: tuple[StationId, ...] = ()
    keys: Bytes = field(default_factory=lambda: np.zeros((0, 2, KEY_BYTES), np.uint8))
    own: Bytes = field(default_factory=lambda: np.zeros(0, np.uint8))  # its share of its own seed
    masked: bool = False


@dataclass
class Sessions:
    """The session that each station of a host is in; a new one ends the one before."""

    _of: dict[StationId, Session] = field(default_factory=dict)

    def opened(self, station: StationId, name: str) -> Keys:
        """The public keys of a station in a new session."""
        made = Session(name, X25519PrivateKey.generate(), X25519PrivateKey.generate(), os.urandom(KEY_BYTES))
        self._of[station] = made
        public = [key.public_key().public_bytes_raw() for key in (made.sealing, made.masking)]
        return Keys(station, np.stack([as_bytes(each) for each in public]))

    def shared(self, station: StationId, order: SharesOrder) -> SealedShares:
        """Shares of a station's secrets, each sealed for another member; its own is left empty."""
        from flwr.common.secure_aggregation.crypto.shamir import create_shares  # Flower is slow to load

        session, members = self._session(station, order.session), order.members
        if not 2 <= order.threshold <= len(members) or station not in members or session.members:
            raise InputError("was asked to share its secrets in a way that would reveal them")
        session.members, session.keys = members, order.keys
        secrets = (session.masking.private_bytes_raw(), session.seed)
        keys, seeds = (create_shares(each, order.threshold, len(members)) for each in secrets)
        session.own = as_bytes(seeds[members.index(station)])
        sealed = [
            np.zeros(0, np.uint8)
            if other == station
            else as_bytes(self._box(session, place, station, other).encrypt(NONCE, key + seed, None))
            for place, (other, key, seed) in enumerate(zip(members, keys, seeds, strict=True))
        ]
        longest = max(map(len, sealed))
        padded = np.zeros((len(members), longest), np.uint8)
        for row, each in zip(padded, sealed, strict=True):
            row[: len(each)] = each
        return SealedShares(station, padded)

    def masked(self, station: StationId, masking: Masking, values: Numbers) -> Numbers:
        """The values (V,) under a station's masks: those with each of the members that are left, its own."""
        session = self._session(station, masking.session)
        if session.masked or len(set(masking.members)) < 2 or station not in masking.members:
            raise InputError("was asked for an update in a way that would reveal it")
        session.masked = True
        total = values + mask(session.seed, len(values))
        for other in masking.members:
            if other != station:
                key = self._public(session, other, 1)
                total = total + pair_mask(session.masking, key, (station, other), session.name, len(values))
        return total

    def opened_shares(self, station: StationId, order: UnmaskOrder) -> Shares:
        """The shares that a station holds of others: of their seed, or of the key of those that are gone."""
        session = self._session(station, order.session)
        members, survivors = session.members, set(order.survivors)
        if not session.masked or len(survivors) < 2 or not survivors <= set(members):
            raise InputError("was asked to open shares that are none of this sum")
        self._of.pop(station)  # once, and never those of the other kind
        opened = [
            self._open(session, (other, station), sealed, other in survivors)
            for other, sealed in zip(order.senders, order.sealed, strict=True)
        ]
        return Shares(station, (*order.senders, station), np.stack([*opened, session.own]))

    def _open(self, session: Session, pair: tuple[StationId, StationId], sealed: Bytes, came: bool) -> Bytes:
        """The share of the seed of a sender whose update `came`, else that of its key."""
        box = self._box(session, session.members.index(pair[0]), *pair)
        try:
            plain = box.decrypt(NONCE, sealed.tobytes(), None)
        except InvalidTag as error:
            raise InputError("holds a share that was not sealed for it") from error
        half = len(plain) // 2
        return as_bytes(plain[half:] if came else plain[:half])

    def _session(self, station: StationId, name: str) -> Session:
        session = self._of.get(station)
        if session is None or session.name != name:
            raise InputError("is in no such sum: it may have been started anew")
        return session

    def _public(self, session: Session, other: StationId, which: int) -> X25519PublicKey:
        if other not in session.members:
            raise InputError("was asked to mask with a station that shares no keys with it")
        place = session.members.index(other)
        return X25519PublicKey.from_public_bytes(session.keys[place, which].tobytes())

    def _box(self, session: Session, place: int, sender: StationId, receiver: StationId) -> ChaCha20Poly1305:
        """What seals a message of one member for another; `place` is that of the other one of the two."""
        public = X25519PublicKey.from_public_bytes(session.keys[place, 0].tobytes())
        about = f"{session.name}|seal|{sender}|{receiver}"
        return ChaCha20Poly1305(derived(session.sealing.exchange(public), about))
