"""Settings of a run put together: the defaults, a preset, a file, single values; later ones win."""

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.plain import Plain, plain, rebuilt
from fl_server.settings import TwinSettings

Table = dict[str, Any]  # Any: what TOML holds, checked against the types of the settings

PLAIN_SGD: Table = {
    "batch_size": 64,
    "learning_rate": 0.01,
    "schedule": "constant",
    "optimizer": "sgd",
    "momentum": 0.9,
    "weight_decay": 0.0,
    "loss": "mse",
}
# The paper's settings (its section IV-C); it names no optimizer, and plain gradient steps need momentum to
# come anywhere near its errors in 100 epochs.
PAPER: Table = {
    "recipe": {"inputs": "paper", "vertical": PLAIN_SGD, "settling": PLAIN_SGD, "horizontal": PLAIN_SGD},
    "segment": {"topology": "regular"},
    "vertical": {"settling": 0.0},
}
PRESETS: dict[str, Table] = {"default": {}, "paper": PAPER}


def settings_of(*tables: Mapping[str, Plain]) -> TwinSettings:
    """The settings that the defaults make with these tables laid over them, one after another."""
    made: Table = plain(TwinSettings(), {})
    for table in tables:
        made = laid_over(made, table)
    return rebuilt(TwinSettings, made)


def laid_over(under: Mapping[str, Plain], over: Mapping[str, Plain]) -> Table:
    """The values of both tables, those of `over` where both have one; tables in them alike."""
    made = dict(under)
    for name, value in over.items():
        deeper = isinstance(value, Mapping) and isinstance(made.get(name), Mapping)
        made[name] = laid_over(made[name], value) if deeper else value
    return made


def preset(name: str) -> Table:
    """The preset called `name`."""
    if name not in PRESETS:
        near = get_close_matches(name, PRESETS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"unknown preset {name!r}, expected one of {', '.join(PRESETS)}{hint}")
    return PRESETS[name]


def table_of(file: Path) -> Table:
    """The settings in a TOML file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such file, expected settings in TOML") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # the latter where it is nested thousands of times
        raise InputError(f"{file}: is no TOML: {error}") from error


def table_of_pairs(pairs: Iterable[str]) -> Table:
    """The settings that words such as `horizontal.psi=1e-6` name."""
    made: Table = {}
    for pair in pairs:
        path, sign, text = pair.partition("=")
        if not sign or not path:
            raise InputError(f"{pair!r}: expected NAME=VALUE, with a name that --list-settings shows")
        made = laid_over(made, nested(path.strip(), _value(text.strip())))
    return made


def nested(path: str, value: Plain) -> Table:
    """The table in which `value` stands at the dotted `path`."""
    name, _, deeper = path.partition(".")
    return {name: nested(deeper, value) if deeper else value}


def _value(text: str) -> Plain:
    """A value as TOML writes it; nothing is no value; what is no TOML is a text."""
    if not text:
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        pass
    try:
        return float(text)  # .5 is a number to everybody but TOML
    except ValueError:
        return text
