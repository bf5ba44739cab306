"""The keys of a federation: who its server is, and which nodes are let in.

    FOLDER/ca.crt, ca.key          the federation's own authority: nodes trust whom it signed
           server.crt, server.key  the server's certificate, for every name and address it is reached by
           operator.token          what is shown to start runs, or to read the status, from another machine
           nodes/NAME.key, .pub    the two halves of a node's key; whose public half is here is let in

Certificates and their keys are PEM. The keys of nodes are P-384 in OpenSSH's format, which Flower's own
commands read as well. Private files are for their owner alone; those that others may read are refused.
"""

import re
import secrets
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from os import O_CREAT, O_EXCL, O_WRONLY, fdopen
from os import open as open_file
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from data.errors import InputError
from data.store import MARK, clear_partial, locked, whole_file, whole_folder

DAYS, MOST_DAYS = 825, 36_500  # 825 is the longest that Apple's systems accept of a server
SLACK = timedelta(days=1)  # for the clocks of stations that are behind
ALWAYS = ("localhost", "127.0.0.1")
AUTHORITY, SERVER, NODES, TOKEN = "ca", "server", "nodes", "operator.token"
TOKEN_BYTES, SHORTEST_TOKEN = 32, 20
NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LABEL = r"\w(?:[\w-]{0,61}\w)?"
HOST_NAME = re.compile(rf"(?=.{{1,253}}$)(?!(?:.*\.)?\d+$){LABEL}(?:\.{LABEL})*", re.ASCII)
SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)

NodeKeys = tuple[ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey]


@dataclass(frozen=True)
class ServerKeys:
    """What a server needs to prove itself and to know its nodes."""

    certificate: Path
    private_key: Path
    node_keys: tuple[bytes, ...]  # public ones, PEM as Flower compares them, in the order of their names
    names: Mapping[bytes, str]  # of the nodes, by public key
    token: str  # the operator's


@dataclass(frozen=True)
class _Certified:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_keys(folder: Path, hosts: Sequence[str], nodes: Sequence[str], days: int = DAYS) -> None:
    """Fill a new folder with the keys of a federation whose server is reached as `hosts`."""
    names = _server_names(hosts)
    _refuse_bad_names(nodes)
    if not 1 <= days <= MOST_DAYS:
        raise InputError(f"days must be 1 to {MOST_DAYS:,}, got {days}")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: already holds files, and keys are never overwritten; name a new folder")
    with whole_folder(folder) as partial:
        authority = _authority(days)
        _write_certified(partial, AUTHORITY, authority)
        _write_certified(partial, SERVER, _server(authority, names, days))
        _write_private(partial / TOKEN, secrets.token_urlsafe(TOKEN_BYTES).encode() + b"\n")
        (partial / NODES).mkdir()
        for name in nodes:
            _write_pair(name, *_pair(partial, name))
    (folder / MARK).unlink()  # no verb's --overwrite may take keys for results


def add_nodes(folder: Path, names: Sequence[str]) -> None:
    """Make keys for further nodes; all of them or, when something fails, none."""
    _refuse_other_folder(folder)
    _refuse_bad_names(names)
    with locked(folder / NODES, f"{folder}: another command is changing its nodes; wait for it"):
        clear_partial(folder / NODES)
        known = sorted(set(names) & set(node_names(folder).values()))
        if known:
            raise InputError(f"{folder}: has a node {known[0]} already, expected new names")
        with ExitStack() as whole:  # renames backwards: whoever has no public half yet is no node yet
            publics = [whole.enter_context(whole_file(_pair(folder, name)[1])) for name in names]
            privates = [whole.enter_context(whole_file(_pair(folder, name)[0])) for name in names]
            for name, private, public in zip(names, privates, publics, strict=True):
                _write_pair(name, private, public)


def remove_node(folder: Path, name: str) -> None:
    """Take a node's public key away: a server that starts from then on does not let it in."""
    _refuse_other_folder(folder)
    _refuse_bad_names([name])
    try:
        _pair(folder, name)[1].unlink()
    except FileNotFoundError:
        known = ", ".join(sorted(node_names(folder).values())) or "none"
        raise InputError(f"{folder}: has no node {name}, expected one of its nodes: {known}") from None


def server_keys(folder: Path) -> ServerKeys:
    """What the server reads of a folder of keys; whatever does not fit together is refused."""
    _refuse_other_folder(folder)
    certificate, private_key = folder / f"{SERVER}.crt", folder / f"{SERVER}.key"
    _refuse_foreign(certificate, private_key, folder / f"{AUTHORITY}.crt")
    if (folder / f"{AUTHORITY}.key").exists():
        _refuse_open_to_others(folder / f"{AUTHORITY}.key")
    names = node_names(folder)
    return ServerKeys(certificate, private_key, tuple(names), names, operator_token(folder / TOKEN))


def node_names(folder: Path) -> dict[bytes, str]:
    """The names of the nodes that are let in, by public key."""
    names: dict[bytes, str] = {}
    for file in sorted((folder / NODES).glob("[!.]*.pub")):
        key = _public_key_bytes(file)
        if key in names:
            raise InputError(f"{file}: holds the key of the node {names[key]}, expected one of its own")
        names[key] = file.stem
    return names


def node_keys(key_file: Path) -> NodeKeys:
    """The two halves of a node's key, from its private file."""
    key = _private_key(key_file)
    if not isinstance(key.curve, ec.SECP384R1):
        raise InputError(f"{key_file}: holds a key on the curve {key.curve.name}, expected one on P-384")
    return key, key.public_key()


def certificate(file: Path) -> bytes:
    """The authority's certificate, by which a node knows its server, as PEM."""
    found = [each for each in _certificates(file) if _is_authority(each)]
    if not found:
        raise InputError(f"{file}: holds no certificate of an authority, expected {AUTHORITY}.crt")
    _refuse_untimely(file, found[0])
    return b"".join(each.public_bytes(Encoding.PEM) for each in found)


def operator_token(file: Path) -> str:
    """The operator's token."""
    _refuse_open_to_others(file)
    token = _content(file).decode("utf-8", "replace").strip()
    if len(token) < SHORTEST_TOKEN or not (token.isascii() and token.isprintable()):
        raise InputError(f"{file}: holds no token, expected {SHORTEST_TOKEN} or more plain characters")
    return token


def valid_until(file: Path) -> datetime:
    """When the certificate in `file` ends."""
    return _certificates(file)[0].not_valid_after_utc


def _server_names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    if not hosts:
        raise InputError("no host is named, expected the names or addresses by which the server is reached")
    return [_server_name(host) for host in dict.fromkeys([*hosts, *ALWAYS])]


def _server_name(host: str) -> x509.GeneralName:
    """A name or an address as a certificate has it."""
    expected = "expected a name such as twin.example.org or an address such as 192.0.2.7"
    try:
        address = ip_address(host)
    except ValueError:
        if HOST_NAME.fullmatch(host) is None:
            raise InputError(f"host {host}: is neither a name nor an address, {expected}") from None
        return x509.DNSName(host)
    if address.is_unspecified or "%" in host:
        raise InputError(f"host {host}: says where to listen and not how to reach it, {expected}")
    return x509.IPAddress(address)


def _refuse_bad_names(names: Sequence[str]) -> None:
    for name, times in Counter(names).items():
        if NODE_NAME.fullmatch(name) is None:
            raise InputError(f"node {name}: expected up to 64 letters, digits, dots, dashes or underscores")
        if times > 1:
            raise InputError(f"node {name}: is named twice, expected each once")


def _refuse_other_folder(folder: Path) -> None:
    if not (folder / f"{AUTHORITY}.crt").is_file() or not (folder / NODES).is_dir():
        raise InputError(f"{folder}: is no folder of keys, expected one that vhtwin keys made")


def _authority(days: int) -> _Certified:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"vhtwin federation {secrets.token_hex(4)}")  # so that two can be told apart
    builder = _builder(name, key.public_key(), days)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(SIGNS_CERTIFICATES, critical=True)
    return _Certified(builder.issuer_name(name).sign(key, hashes.SHA256()), key)


def _server(authority: _Certified, names: Sequence[x509.GeneralName], days: int) -> _Certified:
    """The server's certificate, signed by the authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = _builder(_named("vhtwin server"), key.public_key(), days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(issuer, critical=False)
    builder = builder.issuer_name(authority.certificate.subject)
    return _Certified(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(name: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    """What every certificate of ours says."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Where the private and the public half of a node's key are."""
    return folder / NODES / f"{name}.key", folder / NODES / f"{name}.pub"


def _write_pair(name: str, private: Path, public: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    _write_private(private, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    public.write_bytes(line + f" {name}\n".encode())


def _write_certified(folder: Path, name: str, certified: _Certified) -> None:
    private = certified.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_private(folder / f"{name}.key", private)
    (folder / f"{name}.crt").write_bytes(certified.certificate.public_bytes(Encoding.PEM))


def _write_private(file: Path, content: bytes) -> None:
    """Write a file that nobody else could read at any moment."""
    with fdopen(open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0o600), "wb") as opened:
        opened.write(content)


def _certificates(file: Path) -> list[x509.Certificate]:
    """The certificates in a file, at least one."""
    try:
        return x509.load_pem_x509_certificates(_content(file))
    except (ValueError, x509.InvalidVersion):
        raise InputError(f"{file}: holds no certificate, expected one as PEM") from None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.InvalidVersion, ValueError):
        return False


def _refuse_foreign(certificate: Path, private_key: Path, authority: Path) -> None:
    """Refuse a server's certificate that is out of time, without its key, or of another authority."""
    own, its = _certificates(certificate)[0], _certificates(authority)[0]
    if own.public_key() != _private_key(private_key).public_key():
        raise InputError(f"{private_key}: is not the key of {certificate}, expected the one made with it")
    try:
        own.verify_directly_issued_by(its)
    except (ValueError, TypeError, InvalidSignature):
        raise InputError(f"{certificate}: is not signed by {authority}, expected two of one folder") from None
    _refuse_untimely(certificate, own)
    _refuse_untimely(authority, its)


def _refuse_untimely(file: Path, certificate: x509.Certificate) -> None:
    begin, end, now = certificate.not_valid_before_utc, certificate.not_valid_after_utc, datetime.now(UTC)
    if not begin <= now <= end:
        raise InputError(
            f"{file}: is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}, and here it is {now:%Y-%m-%d}; "
            "expected keys of this time, or a clock that is right"
        )


def _private_key(file: Path) -> ec.EllipticCurvePrivateKey:
    _refuse_open_to_others(file)
    content = _content(file)
    load = load_ssh_private_key if b"BEGIN OPENSSH" in content else load_pem_private_key
    try:
        key = load(content, None)
    except TypeError:
        raise InputError(f"{file}: is locked with a password, expected a key without one") from None
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):
        raise InputError(f"{file}: holds no private key, expected one as PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InputError(f"{file}: holds a key of another kind, expected an elliptic-curve key")
    return key


def _public_key_bytes(file: Path) -> bytes:
    """A node's public key as Flower compares it."""
    content = _content(file)
    load = load_pem_public_key if b"-----BEGIN" in content else load_ssh_public_key
    try:
        key = load(content)
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):
        raise InputError(f"{file}: holds no public key, expected a P-384 key") from None
    if not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1)):
        raise InputError(f"{file}: holds a key of another kind, expected a P-384 key")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None


def _refuse_open_to_others(file: Path) -> None:
    """Refuse a private file that others than its owner may read or change."""
    try:
        mode = file.stat().st_mode & 0o777
    except OSError as error:
        raise _unreadable(file, error) from None
    if mode & 0o077:
        remedy = f"chmod 600 {shlex.quote(str(file))}"
        raise InputError(f"{file}: is open to others (mode {mode:o}), expected mode 600; run {remedy}")


def _unreadable(file: Path, error: OSError) -> InputError:
    return InputError(f"{file}: cannot be read ({error.strerror}), expected a file that vhtwin keys made")
