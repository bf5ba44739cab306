"""Units, compose file and the page of operators hold together, and what they start is a federation."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from data.keys import make_keys
from fl_server.cli.main import TERMINATED, VERBS, _parser
from tests.fl_server.federation.installed import (
    COMPOSE,
    CONTAINERFILE,
    DIRECTIVES,
    HOME,
    INLINE,
    PAGE,
    PROGRAM,
    ROOT,
    SERVER,
    STATION,
    all_commands,
    command_in,
    composed,
    directives,
    environment_of_a_node,
    mounts,
    of_the_compose_file,
    of_the_page,
    of_the_units,
    only,
)

VHTWIN = [sys.executable, "-m", "fl_server.cli.main"]
OF_A_SERVICE = {
    *("image", "pull_policy", "user", "restart", "read_only", "tmpfs", "cap_drop", "security_opt"),
    *("command", "ports", "healthcheck", "depends_on", "volumes"),
}
OF_A_HEALTHCHECK = {"test", "interval", "timeout", "retries", "start_period"}
DURATION = re.compile(r"(\d+h)?(\d+m)?(\d+s)?")
QUICK = ["--epochs", "3", "--stream-epochs", "2", "--no-single-level"]
START_SECONDS, END_SECONDS = 60.0, 20.0


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_that_is_named_is_understood(words: list[str]) -> None:
    arguments = _parser(words[1:]).parse_args(words[1:])
    assert callable(arguments.run)


def test_commands_are_found_wherever_they_are_named() -> None:
    assert len(of_the_page()) > 15
    assert ["vhtwin", "run", "--stop"] in of_the_page()  # from a sentence
    assert "--resume" in {word for words in of_the_page() for word in words}  # from a block
    assert command_in("docker compose exec server vhtwin status") == ["vhtwin", "status"]
    assert command_in("/opt/vhtwin/bin/vhtwin doctor  # see") == ["vhtwin", "doctor"]
    assert command_in("vhtwin misspelt it") == ["vhtwin", "misspelt", "it"]
    assert command_in("install -o vhtwin -m 600 north.key") == []


def test_every_verb_that_the_page_names_is_one() -> None:
    named = {words.split()[1] for words in INLINE.findall(PAGE.read_text()) if words.startswith("vhtwin ")}
    assert named <= {*VERBS}
    assert {"keys", "up"} <= named


def test_what_the_page_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text())
    assert links
    assert [link for link in links if not (HOME / link).exists()] == []


@pytest.mark.parametrize("unit", [SERVER, STATION], ids=lambda unit: unit.name)
def test_a_unit_says_only_what_we_know(unit: Path) -> None:
    said = directives(unit.read_text())
    assert said.keys() == DIRECTIVES.keys()
    assert only(unit, "User") == "vhtwin"
    assert only(unit, "Restart") == "always"
    assert str(TERMINATED) == only(unit, "SuccessExitStatus")


@pytest.mark.parametrize("line", ["Restrat=always", "[Servce]", "ExecStart", "MemoryDenyWriteExecute=true"])
def test_a_misspelt_unit_is_found(line: str) -> None:
    with pytest.raises(AssertionError, match="unknown"):
        directives(f"[Service]\n{line}\n")


def test_both_units_are_hardened_alike() -> None:
    different = {
        *("ExecStart", "Environment", "EnvironmentFile", "StateDirectory", "LogsDirectory"),
    }
    server, station = (directives(unit.read_text())["Service"] for unit in (SERVER, STATION))
    assert {name: server[name] for name in server.keys() - different} == {
        name: station[name] for name in station.keys() - different
    }


@pytest.mark.parametrize("words", [*of_the_units().values(), *of_the_compose_file().values()], ids=" ".join)
def test_keys_are_named_by_their_files_and_never_written_out(words: list[str]) -> None:
    places = [words[place + 1] for place, word in enumerate(words) if word in {"--keys", "--key", "--ca"}]
    assert places
    assert all(place.startswith("/") for place in places)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", [SERVER, STATION], ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name  # with a program that is there
    copy.write_text(unit.read_text().replace(PROGRAM, sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_compose_file_has_only_what_compose_knows() -> None:
    read = yaml.safe_load(COMPOSE.read_text())
    assert {name for name in read if not name.startswith("x-")} == {"name", "services", "volumes"}
    for service in read["services"].values():
        assert service.keys() <= OF_A_SERVICE
        assert all(isinstance(word, str) for word in service["command"])
        named = {each["source"] for each in service["volumes"] if each["type"] == "volume"}
        assert named <= read["volumes"].keys()


def test_the_compose_file_has_a_server_and_three_nodes_that_wait_until_it_is_healthy() -> None:
    services = composed()
    nodes = {name for name, service in services.items() if service["command"][0] == "station"}
    assert nodes == services.keys() - {"server"}
    assert len(nodes) == 3
    assert {*services["server"]["healthcheck"]} == OF_A_HEALTHCHECK
    times = [services["server"]["healthcheck"][each] for each in ("interval", "timeout", "start_period")]
    assert all(DURATION.fullmatch(each) for each in times)
    waits = [services[node]["depends_on"] for node in nodes]
    assert waits == [{"server": {"condition": "service_healthy"}}] * 3


def test_containers_may_write_runs_and_compiled_code_alone() -> None:
    for service in composed().values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert {target for target, (_, writes) in mounts(service).items() if writes} <= {"/runs"}


def test_every_container_sees_its_own_private_key_alone() -> None:
    seen = {name: {source for source, _ in mounts(each).values()} for name, each in composed().items()}
    private = {
        name: {source for source in sources if source.endswith((".key", ".token"))}
        for name, sources in seen.items()
    }
    assert private.pop("server") == {"./keys/server.key", "./keys/operator.token"}
    assert private == {name: {f"./keys/nodes/{name}.key"} for name in private}
    assert not [source for sources in seen.values() for source in sources if Path(source).name == "keys"]


def test_the_server_in_a_container_lets_in_the_nodes_that_are_there() -> None:
    services = composed()
    public = {Path(source).stem for source, _ in mounts(services["server"]).values() if ".pub" in source}
    assert public == services.keys() - {"server"}


def test_no_two_nodes_have_the_same_station() -> None:
    parsed = [_parser(words[1:]).parse_args(words[1:]) for words in of_the_compose_file().values()]
    stations = [station for each in parsed for station in getattr(each, "stations", [])]
    assert len(stations) == len({*stations}) == 6


def test_docker_takes_the_compose_file(tmp_path: Path) -> None:
    if not shutil.which("docker"):
        pytest.skip("docker is not installed")
    if subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode:
        pytest.skip("docker has no compose here")
    words = ["docker", "compose", "--file", str(COMPOSE), "config", "--quiet"]
    environment = {"PATH": str(Path(shutil.which("docker") or "").parent), "HOME": str(tmp_path)}
    missing = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    assert missing.returncode != 0
    assert "expected UID:GID" in missing.stderr
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, env={**environment, "VHTWIN_USER": "1000:1000"}
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_holds_every_package_and_runs_as_nobody() -> None:
    lines = [line.split() for line in CONTAINERFILE.read_text().splitlines() if line and line[0] != "#"]
    copied = {source for word, *rest in lines if word == "COPY" for source in rest[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert copied == {*packages, "pyproject.toml", project["project"]["readme"], ".lock.txt"}
    assert all((ROOT / source).exists() for source in copied)
    assert [rest for word, *rest in lines if word == "USER"][-1] == ["65534:65534"]
    assert lines[-1] == ["ENTRYPOINT", '["vhtwin"]']


def moved(words: Sequence[str], places: Mapping[str, str]) -> list[str]:
    """A command for this machine: paths and addresses in it are those of `places`, the longest first."""
    return [moved_word(word, places) for word in words]


def moved_word(word: str, places: Mapping[str, str]) -> str:
    for place in sorted(places, key=len, reverse=True):
        if word == place or word.startswith(f"{place}/"):
            return places[place] + word.removeprefix(place)
    return word


def free_address() -> str:
    """An address of this machine at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def started(commands: Mapping[str, Sequence[str]]) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """Commands of vhtwin as processes, the server first; whatever is left of them at the end is killed."""
    processes: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, words in commands.items():
            command = [*VHTWIN, *words[1:]]
            processes[name] = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def until(holds: Callable[[], bool], processes: Mapping[str, "subprocess.Popen[str]"]) -> None:
    """Wait until something holds, as long as all processes are there."""
    end = time.monotonic() + START_SECONDS
    while not holds():
        ended = {name: process.communicate()[1] for name, process in processes.items() if process.poll()}
        assert not ended
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.2)


def ended(process: "subprocess.Popen[str]") -> int:
    """The exit code of a process that is told to end as systemd and Docker tell it."""
    process.send_signal(signal.SIGTERM)
    return process.wait(END_SECONDS)


def asked(*words: str) -> "subprocess.CompletedProcess[str]":
    """What a verb answers."""
    return subprocess.run([*VHTWIN, *words], check=False, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set that the page makes."""
    folder = tmp_path_factory.mktemp("sets") / "traffic"
    words = next(words for words in of_the_page() if words[1:3] == ["data", "make"])
    words[words.index("--out") + 1] = str(folder)
    assert asked(*words[1:]).returncode == 0
    return folder


def federates(commands: Mapping[str, Sequence[str]], health: Sequence[str], stations: int) -> None:
    """Start all; the server gets healthy, a run comes to its end, and everything ends when told to."""
    with started(commands) as processes:
        until(lambda: asked(*health).returncode == 0, processes)
        where = health[1:]
        run = asked("run", *where, "--name", "first", "--wait-for", str(stations), *QUICK)
        assert (run.returncode, f"{stations} stations" in run.stdout) == (0, True), run.stderr
        told = json.loads(asked("status", *where, "--json").stdout)
        assert told["runs"] == {"first": "finished"}
        assert told["wire"]["refused"] == {}
        codes = {name: ended(process) for name, process in reversed(processes.items())}
        assert codes == {name: TERMINATED if name == "server" else 0 for name in commands}


@pytest.mark.long
def test_what_the_units_start_is_a_federation(tmp_path: Path, traffic: Path) -> None:
    make_keys(tmp_path / "etc" / "keys", ["127.0.0.1"], ["north"])
    for name in ("keys/ca.crt", "keys/nodes/north.key"):
        shutil.copy2(tmp_path / "etc" / name, tmp_path / "etc")
    for name in ("lib", "log"):
        (tmp_path / name).mkdir()
    address = free_address()
    places = {
        "/etc/vhtwin": str(tmp_path / "etc"),
        "/var/lib/vhtwin": str(tmp_path / "lib"),
        "/var/log/vhtwin": str(tmp_path / "log"),
        environment_of_a_node()["DATA"]: str(traffic),
        environment_of_a_node()["SERVER"]: address,
        "0.0.0.0:9300": address,
    }
    commands = {name: moved(words, places) for name, words in of_the_units().items()}
    health = ["status", "--server", address, "--keys", str(tmp_path / "etc" / "keys")]
    federates(commands, health, stations=3)
    log = (tmp_path / "log" / "server.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in (log[0], log[-1])] == ["listening", "ended"]


@pytest.mark.long
def test_what_the_compose_file_starts_is_a_federation(tmp_path: Path, traffic: Path) -> None:
    services = composed()
    make_keys(tmp_path / "keys", ["127.0.0.1"], [name for name in services if name != "server"])
    (tmp_path / "runs").mkdir()
    (tmp_path / "traffic").symlink_to(traffic)
    address = free_address()
    commands = {}
    for name, words in of_the_compose_file().items():
        seen = tmp_path / name  # what the container sees, as links
        for target, (source, _) in mounts(services[name]).items():
            place = seen / target.removeprefix("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(tmp_path / source)
        places = {target: str(seen / target.removeprefix("/")) for target in mounts(services[name])}
        places |= {"/keys": str(seen / "keys"), "0.0.0.0:9300": address, "server:9300": address}
        commands[name] = moved(words, places)
    health = moved(
        services["server"]["healthcheck"]["test"][2:],
        {"/keys": str(tmp_path / "server" / "keys"), "127.0.0.1:9300": address},
    )
    federates(commands, health, stations=6)
