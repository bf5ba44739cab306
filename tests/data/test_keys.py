"""The keys of a federation: what is made, what is read, and what is refused."""

import os
import re
import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from cryptography.x509.verification import PolicyBuilder, Store
from flwr.cli.supernode.register import try_load_public_key
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from hypothesis import given
from hypothesis import strategies as some

from data.errors import InputError
from data.keys import (
    DAYS,
    add_nodes,
    certificate,
    make_keys,
    node_keys,
    node_names,
    operator_token,
    remove_node,
    server_keys,
    valid_until,
)

HOSTS = ("twin.example.org", "192.0.2.7", "2001:db8::7")
PRIVATE = {"ca.key", "server.key", "operator.token", "nodes/north.key", "nodes/south.key"}
PUBLIC = {"ca.crt", "server.crt", "nodes/north.pub", "nodes/south.pub"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of keys that no test changes, made while new files are open to everybody."""
    folder = tmp_path_factory.mktemp("made") / "keys"
    mask = os.umask(0)
    make_keys(folder, HOSTS, ["north", "south"])
    os.umask(mask)
    return folder


@pytest.fixture
def keys(made: Path, tmp_path: Path) -> Path:
    """A folder of keys of the test's own."""
    return Path(shutil.copytree(made, tmp_path / "keys"))


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """The folder of another federation."""
    make_keys(tmp_path / "others", ["localhost"], ["west"])
    return tmp_path / "others"


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_a_new_folder_holds_these_files_and_no_others(made: Path) -> None:
    assert contents(made).keys() == PRIVATE | PUBLIC
    assert [path.name for path in made.parent.iterdir()] == ["keys"]


def test_private_files_are_for_their_owner_alone_whatever_the_mask(made: Path) -> None:
    assert {(made / name).stat().st_mode & 0o777 for name in PRIVATE} == {0o600}


@pytest.mark.parametrize("host", [*HOSTS, "localhost", "127.0.0.1"])
def test_the_certificate_proves_the_server_under_every_name_and_address(made: Path, host: str) -> None:
    name = x509.IPAddress(ip_address(host)) if host[-1].isdigit() else x509.DNSName(host)
    store = Store([read(made / "ca.crt")])
    PolicyBuilder().store(store).build_server_verifier(name).verify(read(made / "server.crt"), [])


def test_the_certificates_last_as_long_as_is_said_and_forgive_a_clock_that_is_behind(made: Path) -> None:
    now = datetime.now(UTC)
    for file in (made / "ca.crt", made / "server.crt"):
        assert timedelta(days=DAYS, minutes=-10) < valid_until(file) - now <= timedelta(days=DAYS)
        assert read(file).not_valid_before_utc < now - timedelta(hours=20)


def test_the_server_reads_its_keys_and_the_names_of_its_nodes(made: Path) -> None:
    keys = server_keys(made)
    assert (keys.certificate, keys.private_key) == (made / "server.crt", made / "server.key")
    assert [keys.names[key] for key in keys.node_keys] == ["north", "south"]
    assert keys.token == operator_token(made / "operator.token")
    assert len(keys.token) == 43  # 32 random bytes, 6 bits a character


def test_public_keys_are_the_bytes_that_flower_compares_and_the_files_those_that_it_reads(made: Path) -> None:
    keys = server_keys(made)
    for key, name in keys.names.items():
        private, public = node_keys(made / "nodes" / f"{name}.key")
        assert private.public_key() == public
        assert isinstance(private.curve, ec.SECP384R1)
        assert public_key_to_bytes(public) == key == try_load_public_key(made / "nodes" / f"{name}.pub")
        load_ssh_private_key((made / "nodes" / f"{name}.key").read_bytes(), None)  # as flower-supernode does


def test_node_keys_may_also_be_plain_pem(keys: Path) -> None:
    private, public = node_keys(keys / "nodes" / "north.key")
    (keys / "nodes" / "north.key").write_bytes(as_pem(private))
    (keys / "nodes" / "north.pub").write_bytes(public_key_to_bytes(public))
    assert node_keys(keys / "nodes" / "north.key")[1] == public
    assert server_keys(keys).names[public_key_to_bytes(public)] == "north"


def test_a_node_reads_the_authority_that_it_trusts(made: Path) -> None:
    assert x509.load_pem_x509_certificates(certificate(made / "ca.crt")) == [read(made / "ca.crt")]


def test_the_server_needs_no_key_of_the_authority(keys: Path) -> None:
    (keys / "ca.key").unlink()
    assert len(server_keys(keys).node_keys) == 2


def test_a_folder_without_nodes_lets_nobody_in(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", ["localhost"], [])
    assert server_keys(tmp_path / "keys").node_keys == ()


def test_what_stands_there_is_not_overwritten(keys: Path, tmp_path: Path) -> None:
    before = contents(keys)
    with pytest.raises(InputError, match="already holds files, and keys are never overwritten"):
        make_keys(keys, HOSTS, ["north"])
    assert contents(keys) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, expected a folder"):
        make_keys(tmp_path / "file", HOSTS, [])


@pytest.mark.parametrize(
    "host",
    ["", "a b", "https://a", "a:9092", "[::1]", "*.a", "-a", "a..b", "é.example", "999.1.1.1", "7", "a\n"],
)
def test_a_host_that_is_neither_name_nor_address_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError, match=r"is neither a name nor an address, expected a name such as twin\."):
        make_keys(tmp_path / "keys", ["localhost", host], [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["a" * 64, "aa." + "a." * 125 + "a"])
def test_a_name_too_long_for_the_net_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError, match="is neither a name nor an address"):
        make_keys(tmp_path / "keys", [host], [])
    make_keys(tmp_path / "keys", [host[1:]], [])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "fe80::1%eth0"])
def test_an_address_that_reaches_no_server_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(
        InputError, match="says where to listen and not how to reach it, expected a name such"
    ):
        make_keys(tmp_path / "keys", ["localhost", host], [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", ".hidden", "-a", "a b", "é", "a\n", "a\0", "a" * 65]
)
def test_a_name_that_makes_no_plain_file_is_refused(keys: Path, tmp_path: Path, name: str) -> None:
    before = contents(keys)
    refusal = pytest.raises(InputError, match="expected up to 64 letters, digits, dots, dashes")
    with refusal:
        make_keys(tmp_path / "new", HOSTS, ["good", name])
    with refusal:
        add_nodes(keys, ["good", name])
    with refusal:
        remove_node(keys, name)
    assert contents(keys) == before
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize(
    ("hosts", "nodes", "days", "sentence"),
    [
        ([], [], 1, "no host is named"),
        (["a"], ["n", "n"], 1, "node n: is named twice"),
        (["a"], [], 0, "days must be 1 to 36,500, got 0"),
        (["a"], [], 36_501, "days must be 1 to 36,500, got 36501"),
    ],
)
def test_other_bad_wishes_are_refused_before_anything_is_written(
    tmp_path: Path, hosts: list[str], nodes: list[str], days: int, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        make_keys(tmp_path / "keys", hosts, nodes, days)
    assert list(tmp_path.iterdir()) == []


def test_adding_nodes_changes_nothing_else(keys: Path) -> None:
    before = contents(keys)
    add_nodes(keys, ["east", "west"])
    after = contents(keys)
    new = {f"nodes/{name}.{half}" for name in ("east", "west") for half in ("key", "pub")}
    assert after.keys() - before.keys() == new
    assert {name: after[name] for name in before} == before
    assert list(server_keys(keys).names.values()) == ["east", "north", "south", "west"]
    assert (keys / "nodes" / "west.key").stat().st_mode & 0o777 == 0o600


def test_a_node_that_is_there_is_not_added_again_and_neither_are_those_beside_it(keys: Path) -> None:
    before = contents(keys)
    with pytest.raises(InputError, match="has a node south already, expected new names"):
        add_nodes(keys, ["east", "south"])
    assert contents(keys) == before


@pytest.mark.parametrize("blocked", ["a.key", "c.key"])
def test_when_one_of_several_cannot_be_written_none_is_let_in(
    keys: Path, blocked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def refused(source: Path, target: Path) -> None:
        if target.name == blocked:
            raise OSError(f"{blocked}: the disk is full")
        real(source, target)

    before = node_names(keys)
    with monkeypatch.context() as patch, pytest.raises(OSError, match=blocked):
        patch.setattr("data.store.os.replace", refused)
        add_nodes(keys, ["a", "b", "c"])
    assert node_names(keys) == before
    assert not list((keys / "nodes").glob(".*"))
    (keys / "nodes" / blocked).mkdir()  # what stands in the way
    with pytest.raises(InputError, match=f"{blocked}: is a folder"):
        add_nodes(keys, ["a", "b", "c"])
    assert node_names(keys) == before
    assert not list((keys / "nodes").glob(".*"))
    (keys / "nodes" / blocked).rmdir()
    add_nodes(keys, ["a", "b", "c"])
    privates = [keys / "nodes" / f"{name}.key" for name in "abc"]
    ours = {public_key_to_bytes(node_keys(private)[1]) for private in privates}
    assert ours == node_names(keys).keys() - before.keys()


def test_a_removed_node_is_let_in_no_longer_until_it_gets_a_new_key(keys: Path) -> None:
    before = server_keys(keys)
    remove_node(keys, "north")
    assert list(server_keys(keys).names.values()) == ["south"]
    with pytest.raises(InputError, match="has no node north, expected one of its nodes: south"):
        remove_node(keys, "north")
    add_nodes(keys, ["north"])
    after = server_keys(keys)
    assert list(after.names.values()) == ["north", "south"]
    assert len({*before.node_keys, *after.node_keys}) == 3
    assert public_key_to_bytes(node_keys(keys / "nodes" / "north.key")[1]) == after.node_keys[0]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    for act in (server_keys, lambda path: add_nodes(path, ["a"]), lambda path: remove_node(path, "a")):
        for folder in (tmp_path / "city", tmp_path / "nowhere"):
            with pytest.raises(InputError, match="is no folder of keys, expected one that vhtwin keys made"):
                act(folder)


def test_hidden_files_of_a_file_manager_are_no_nodes(keys: Path) -> None:
    (keys / "nodes" / "._north.pub").write_bytes(b"\0\5\26\7")
    assert len(server_keys(keys).node_keys) == 2


def as_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def rewritten(file: Path, begin: datetime, end: datetime) -> None:
    """Sign the certificate in `file` again, valid at another time."""
    authority = load_pem_private_key((file.parent / "ca.key").read_bytes(), None)
    assert isinstance(authority, ec.EllipticCurvePrivateKey)
    old = read(file)
    key = old.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    builder = x509.CertificateBuilder(old.issuer, old.subject, key, old.serial_number, begin, end)
    for each in old.extensions:
        builder = builder.add_extension(each.value, each.critical)
    file.write_bytes(builder.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM))


def copied(name: str) -> Callable[[Path, Path], object]:
    return lambda keys, others: shutil.copy(others / name, keys / name)


def written(name: str, content: bytes) -> Callable[[Path, Path], object]:
    return lambda keys, others: (keys / name).write_bytes(content)


def opened(name: str, mode: int) -> Callable[[Path, Path], object]:
    return lambda keys, others: (keys / name).chmod(mode)


def removed(name: str) -> Callable[[Path, Path], object]:
    return lambda keys, others: (keys / name).unlink()


def timed(name: str, begin: int, end: int) -> Callable[[Path, Path], object]:
    now = datetime.now(UTC)
    return lambda keys, others: rewritten(keys / name, now + timedelta(days=begin), now + timedelta(days=end))


def public_line(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (removed("server.crt"), r"server\.crt: cannot be read \(No such file"),
        (removed("server.key"), r"server\.key: cannot be read \(No such file"),
        (removed("operator.token"), r"operator\.token: cannot be read \(No such file"),
        (
            opened("server.key", 0o644),
            r"server\.key: is open to others \(mode 644\), expected mode 600; run chmod",
        ),
        (opened("ca.key", 0o640), r"ca\.key: is open to others \(mode 640\)"),
        (opened("operator.token", 0o604), r"operator\.token: is open to others \(mode 604\)"),
        (written("server.crt", b"garbage"), r"server\.crt: holds no certificate"),
        (written("ca.crt", b""), r"ca\.crt: holds no certificate"),
        (written("server.key", b"\xff\0"), r"server\.key: holds no private key"),
        (written("operator.token", b"\n"), r"operator\.token: holds no token"),
        (written("operator.token", b"\xff" * 30), r"operator\.token: holds no token"),
        (copied("server.key"), r"server\.key: is not the key of .*server\.crt"),
        (copied("server.crt"), r"server\.key: is not the key of .*server\.crt"),
        (copied("ca.crt"), r"server\.crt: is not signed by .*ca\.crt"),
        (timed("server.crt", -30, -1), r"server\.crt: is valid from .* and here it is .*, or a clock"),
        (timed("server.crt", 1, 30), r"server\.crt: is valid from"),
        (timed("ca.crt", -30, -1), r"ca\.crt: is valid from"),
        (written("nodes/north.pub", b"garbage"), r"north\.pub: holds no public key"),
        (written("nodes/east.pub", b"-----BEGIN \xff"), r"east\.pub: holds no public key"),
        (lambda keys, _: (keys / "nodes/east.pub").write_bytes(public_line(strange())), "of another kind"),
        (lambda keys, _: (keys / "nodes/east.pub").write_bytes(public_line(small())), "expected a P-384"),
        (
            lambda keys, others: shutil.copy(keys / "nodes/north.pub", keys / "nodes/other.pub"),
            r"other\.pub: holds the key of the node north, expected one of its own",
        ),
    ],
)
def test_a_folder_that_does_not_fit_together_is_one_sentence(
    keys: Path, others: Path, harm: Callable[[Path, Path], object], sentence: str
) -> None:
    harm(keys, others)
    with pytest.raises(InputError, match=sentence) as refused:
        server_keys(keys)
    assert "\n" not in str(refused.value)


def small() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def strange() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public_pem() -> bytes:
    return public_key_to_bytes(ec.generate_private_key(ec.SECP384R1()).public_key())


def locked_pem() -> bytes:
    key = ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


def locked_openssh() -> bytes:
    """A key of OpenSSH's format whose head says that it is locked, as ssh-keygen would have written it."""
    key = ec.generate_private_key(ec.SECP384R1())
    first, *body, last = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).splitlines()
    unlocked, words = b"\0\0\0\4none\0\0\0\4none\0\0\0\0", (b"aes256-ctr", b"bcrypt", b"\0\0\0\1x\0\0\0\1")
    head = b"".join(len(word).to_bytes(4) + word for word in words)
    return b"\n".join([first, b64encode(b64decode(b"".join(body)).replace(unlocked, head)), last])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (bytes, "holds no private key"),
        (lambda: b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "holds no private key"),
        (public_pem, "holds no private key"),
        (lambda: as_pem(small()), "on the curve secp256r1, expected one on P-384"),
        (lambda: as_pem(strange()), "a key of another kind"),
        (locked_pem, "is locked with a password"),
        (locked_openssh, "is locked with a password"),
    ],
)
def test_a_node_key_that_is_none_is_one_sentence(
    tmp_path: Path, content: Callable[[], bytes], sentence: str
) -> None:
    file = tmp_path / "node.key"
    file.touch(0o600)
    file.write_bytes(content())
    with pytest.raises(InputError, match=f"^{re.escape(str(file))}: .*{sentence}"):
        node_keys(file)


def test_a_node_key_that_is_missing_or_open_to_others_is_one_sentence(keys: Path) -> None:
    with pytest.raises(InputError, match=r"east\.key: cannot be read \(No such file"):
        node_keys(keys / "nodes" / "east.key")
    (keys / "nodes" / "north.key").chmod(0o604)
    with pytest.raises(
        InputError, match=r"is open to others \(mode 604\), expected mode 600; run chmod 600 "
    ):
        node_keys(keys / "nodes" / "north.key")


def test_what_is_no_authority_is_not_trusted(keys: Path) -> None:
    with pytest.raises(
        InputError, match=r"server\.crt: holds no certificate of an authority, expected ca\.crt"
    ):
        certificate(keys / "server.crt")
    with pytest.raises(InputError, match=r"ca\.key: holds no certificate"):
        certificate(keys / "ca.key")
    rewritten(keys / "ca.crt", datetime(2020, 1, 1), datetime(2021, 1, 1))
    with pytest.raises(InputError, match=r"is valid from 2020-01-01 to 2021-01-01, and here it is "):
        certificate(keys / "ca.crt")


HEADS = [
    b"",
    b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
    b"-----BEGIN CERTIFICATE-----\n",
    b"ecdsa-sha2-nistp384 ",
]


@given(head=some.sampled_from(HEADS), rest=some.binary(max_size=200))
def test_no_bytes_whatever_are_more_than_refused(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes
) -> None:
    file = tmp_path_factory.mktemp("any") / "nodes" / "any.pub"
    file.parent.mkdir()
    file.touch(0o600)
    file.write_bytes(head + rest)
    for act in (node_keys, certificate):
        with pytest.raises(InputError):
            act(file)
    with pytest.raises(InputError):
        node_names(file.parent.parent)
