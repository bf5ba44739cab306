"""What operators install and read: units, a compose file, and the commands that these and the page name."""

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it ships no types

from fl_server.cli.main import VERBS

ROOT = Path(__file__).parents[3]
HOME = ROOT / "fl_server" / "federation"
PAGE, UNITS = HOME / "README.md", HOME / "units"
SERVER, STATION = UNITS / "vhtwin-server.service", UNITS / "vhtwin-station@.service"
COMPOSE, CONTAINERFILE = UNITS / "compose.yaml", UNITS / "Containerfile"
PROGRAM = "/opt/vhtwin/bin/vhtwin"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CALLED = re.compile(rf"(?:^|(?<=\s))(?:vhtwin|{PROGRAM}) (?P<verb>\S+)")
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
DIRECTIVES = {
    "Unit": {"Description", "Wants", "After"},
    "Service": {
        *("Type", "User", "Group", "UMask", "Environment", "EnvironmentFile", "ExecStart"),
        *("Restart", "RestartSec", "SuccessExitStatus", "RestartPreventExitStatus", "TimeoutStopSec"),
        *("StateDirectory", "LogsDirectory", "CacheDirectory"),
        *("ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectClock", "ProtectProc"),
        *("ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
        *("ProtectKernelTunables", "NoNewPrivileges", "CapabilityBoundingSet", "LockPersonality"),
        *("RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID"),
        *("SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber"),
    },
    "Install": {"WantedBy"},
}
Directives = dict[str, dict[str, list[str]]]  # by section and name
Services = dict[str, dict[str, Any]]  # Any: what YAML holds


def directives(text: str) -> Directives:
    """What a unit says; a line that is no comment, section or directive of the list is refused."""
    found: Directives = defaultdict(lambda: defaultdict(list))
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            assert section in DIRECTIVES, f"line {number}: unknown section {section}"
            continue
        name, sign, value = line.partition("=")
        known = bool(sign) and name in DIRECTIVES.get(section, ())
        assert known, f"line {number}: unknown directive {name}"
        found[section][name].append(value)
    return found


def only(unit: Path, name: str) -> str:
    """The value of a directive that a unit has once."""
    (value,) = directives(unit.read_text())["Service"][name]
    return value


def composed() -> Services:
    """The services of the compose file."""
    services: Services = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


def mounts(service: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    """Where a service sees what: by the path in the container, the path outside and whether it may write."""
    binds = [each for each in service["volumes"] if each["type"] == "bind"]
    return {each["target"]: (each["source"], not each.get("read_only", False)) for each in binds}


def environment_of_a_node() -> dict[str, str]:
    """The file of variables that the page shows for the unit of a node."""
    block = next(block for block in BLOCK.findall(PAGE.read_text()) if block.startswith("SERVER="))
    return dict(line.split("=", 1) for line in block.splitlines())


def expanded(command: str, variables: Mapping[str, str]) -> list[str]:
    """The words of an ExecStart as systemd makes them: ${NAME} is one word, $NAME as many as it holds."""
    words: list[str] = []
    for word in command.split():
        if word.startswith("$") and not word.startswith("${"):
            words += variables[word[1:]].split()
        else:
            words.append(re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]], word))
    return words


def of_the_units() -> dict[str, list[str]]:
    """The commands of the units: of the server, and of a node that is called north."""
    variables = directives(SERVER.read_text())["Service"]["Environment"]
    listen = next(each.split("=", 1) for each in variables if each.startswith("LISTEN="))
    server = expanded(only(SERVER, "ExecStart"), {listen[0]: listen[1]})
    north = only(STATION, "ExecStart").replace("%i", "north")
    return {"server": server, "north": expanded(north, environment_of_a_node())}


def of_the_compose_file() -> dict[str, list[str]]:
    """The commands of the services, as the image begins them."""
    return {name: ["vhtwin", *service["command"]] for name, service in composed().items()}


def of_the_page() -> list[list[str]]:
    """The commands of vhtwin in blocks of the page and within its sentences; bare verbs left out."""
    text = PAGE.read_text()
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    lines += INLINE.findall(BLOCK.sub("", text))
    called = [words for line in lines if (words := command_in(line))]
    return [words for words in called if len(words) > 2]


def command_in(line: str) -> list[str]:
    """The command of vhtwin that a line is, or that it passes to another one."""
    found = CALLED.search(line)
    if not found or not (found.start() == 0 or found["verb"] in VERBS):
        return []
    return ["vhtwin", *shlex.split(line[found.start("verb") :], comments=True)]


def all_commands() -> list[list[str]]:
    """Every command that operators meet."""
    health = composed()["server"]["healthcheck"]["test"][1:]
    return [*of_the_page(), *of_the_units().values(), *of_the_compose_file().values(), health]
