"""Groups of stations that somebody gives: a CSV of `station,group`. Axes: N stations."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clustering.quality import Clusters
from data.errors import InputError
from data.sets.text_files import file_content
from data.traffic import StationId

HEADER = ["station", "group"]
Groups = tuple[tuple[str, ...], ...]  # the stations of each


def read_groups(path: Path) -> Groups:
    """The groups that the file lists, in the order of their first stations."""
    rows = csv.reader(file_content(path).decode().splitlines(), skipinitialspace=True)
    header = [name.strip() for name in next(rows)]
    if header != HEADER:
        raise InputError(f"{path}:1: found {','.join(header)}, expected {','.join(HEADER)}")
    groups: dict[str, list[str]] = {}
    for line, row in enumerate(rows, start=2):
        words = [word.strip() for word in row]
        if len(words) != len(HEADER) or not all(words):
            raise InputError(
                f"{path}:{line}: found {','.join(row) or 'a blank line'}, expected a station and its group"
            )
        groups.setdefault(words[1], []).append(words[0])
    if not groups:
        raise InputError(f"{path}: lists no station, expected every one with its group")
    return tuple(map(tuple, groups.values()))


def given_clusters(stations: Sequence[StationId], groups: Groups) -> Clusters:
    """The group of each of `stations` (N,); groups may name others, which take no part."""
    number: dict[str, int] = {}
    for place, group in enumerate(groups):
        for station in group:
            if station in number:
                raise InputError(f"station {station} stands in two groups, or twice in one, expected one")
            number[station] = place
    lacking = [station for station in stations if station not in number]
    if lacking:
        raise InputError(f"station {lacking[0]} is in no group, expected every station in one")
    return np.array([number[station] for station in stations], np.int64)
