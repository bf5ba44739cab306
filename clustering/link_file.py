"""Links that somebody supplies: a CSV of `a,b[,distance_km,backhaul,overlap]`. Axes: N stations, L links."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clustering.topology import Array, Topology
from data.errors import InputError
from data.sets.text_files import file_content
from data.traffic import StationId

ENDS = ("a", "b")
FIGURES = {"distance_km": np.inf, "backhaul": np.inf, "overlap": 1.0}  # and the most each may be
EXPECTED = "a,b[,distance_km,backhaul,overlap]"


def read_links(path: Path, stations: Sequence[StationId]) -> Topology:
    """The links that the file lists between `stations`."""
    if len(stations) < 2:
        raise InputError("one station has nobody to be linked to, expected at least two")
    rows = list(csv.reader(file_content(path).decode().splitlines(), skipinitialspace=True))
    header = [name.strip() for name in rows[0]] if rows else []
    if tuple(header[:2]) != ENDS or not set(header[2:]) <= set(FIGURES) or len(set(header)) < len(header):
        raise InputError(f"{path}:1: found {','.join(header) or 'nothing'}, expected {EXPECTED}")
    place = {station: number for number, station in enumerate(stations)}
    links: dict[tuple[int, int], list[float]] = {}
    for line, row in enumerate(rows[1:], start=2):
        ends, figures = _link(row, header, place, f"{path}:{line}")
        if ends in links:
            raise InputError(f"{path}:{line}: lists the link {row[0]},{row[1]} a second time")
        links[ends] = figures
    if not links:
        raise InputError(f"{path}: lists no link, expected at least one")
    return _topology(len(stations), links, header[2:])


def _topology(stations: int, links: dict[tuple[int, int], list[float]], names: Sequence[str]) -> Topology:
    ends = sorted(links)
    figures = np.array([links[link] for link in ends]).reshape(len(ends), len(names))  # (L, ·)
    columns: dict[str, Array] = dict(zip(names, figures.T, strict=True))
    return Topology(
        stations=stations,
        ends=np.array(ends, dtype=np.int64),
        distance_km=columns.get("distance_km"),
        backhaul=columns.get("backhaul"),
        overlap=columns.get("overlap"),
    )


def _link(
    row: Sequence[str], header: Sequence[str], place: dict[StationId, int], where: str
) -> tuple[tuple[int, int], list[float]]:
    if len(row) != len(header):
        raise InputError(f"{where}: expected {len(header)} columns, found {len(row) or 'a blank line'}")
    first, second = (_station(word.strip(), place, where) for word in row[:2])
    if first == second:
        raise InputError(f"{where}: links {row[0].strip()!r} to itself, expected two stations")
    figures = [_figure(word, name, where) for word, name in zip(row[2:], header[2:], strict=True)]
    return (min(first, second), max(first, second)), figures


def _station(word: str, place: dict[StationId, int], where: str) -> int:
    if StationId(word) not in place:
        raise InputError(f"{where}: found station {word!r}, expected one that the set lists")
    return place[StationId(word)]


def _figure(word: str, name: str, where: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = np.nan
    most = FIGURES[name]
    if not (0 <= value <= most and np.isfinite(value)):
        expected = "a number from 0" + (f" to {most:g}" if np.isfinite(most) else " on")
        raise InputError(f"{where}: column {name}: found {word.strip()!r}, expected {expected}")
    return value
