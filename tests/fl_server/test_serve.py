"""`vhtwin serve`: where it listens, what it refuses, and that it ends in order."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from data.errors import InputError
from fl_server.cli.main import main
from fl_server.cli.serve import access_from

OPTIONS = {"host": "127.0.0.1", "port": 0, "name": [], "token": None, "tls_cert": None, "tls_key": None}


def options(**changed: object) -> argparse.Namespace:
    return argparse.Namespace(**(OPTIONS | changed))


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("a-token-of-many-letters\n")
    return file


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "twins.example"])
def test_listening_elsewhere_needs_a_token_and_tls(token: Path, tmp_path: Path, host: str) -> None:
    pem = tmp_path / "pem"
    pem.write_text("")
    for given in ({}, {"token": token}, {"tls_cert": pem, "tls_key": pem}):
        with pytest.raises(InputError, match="other machines can reach this: expected --token FILE"):
            access_from(options(host=host, **given))
    access = access_from(options(host=host, token=token, tls_cert=pem, tls_key=pem, name=["B.example"]))
    assert (access.hosts, access.token) == ((host, "b.example"), "a-token-of-many-letters")


def test_on_loopback_neither_is_needed() -> None:
    assert access_from(options()).hosts == ("127.0.0.1", "localhost", "::1")


@pytest.mark.parametrize("text", ["", "short", "sixteen letters\x00", "sechzehn Bücher…"])
def test_a_poor_token_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(InputError, match="at least 16 printable ASCII"):
        access_from(options(token=tmp_path / "token"))


def test_half_of_tls_is_refused(token: Path) -> None:
    with pytest.raises(InputError, match="expected both"):
        access_from(options(tls_cert=token))
    with pytest.raises(InputError, match="no such file"):
        access_from(options(tls_cert=token, tls_key=token.with_name("gone")))


def test_bad_input_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path)]) == 3
    assert "holds no run" in capsys.readouterr().err
    assert main(["serve", str(tmp_path / "gone")]) == 3
    assert main(["serve", str(tmp_path), "--port", "70000"]) == 3
    assert "--port 70000: expected 0 to 65535" in capsys.readouterr().err


def test_a_certificate_that_is_none_is_a_sentence(
    token: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tmp_path), "--tls-cert", str(token), "--tls-key", str(token)]) == 3
    assert "expected a certificate in PEM and its private key" in capsys.readouterr().err


def test_it_serves_until_interrupted(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "run.json").write_text("{}")
    (tmp_path / "one" / ".vhtwin").write_text("")
    words = [sys.executable, "-m", "fl_server.cli.main", "serve", str(tmp_path), "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        address = json.loads("".join(lines))["address"]
        transport = httpx.HTTPTransport(retries=20)
        with httpx.Client(transport=transport, timeout=20) as client:
            assert "no run" not in client.get(f"{address}api/runs").text
            assert client.get(address).status_code == 200
        os.kill(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told.strip() == "vhtwin: interrupted"


def test_a_set_in_which_data_arrive_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    assert main(["serve", str(tmp_path), "--data", str(tmp_path / "nothing")]) == 3
    assert "expected a set in which data arrive" in capsys.readouterr().err
