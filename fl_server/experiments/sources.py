"""What experiments run on: the synthetic city, and the sets of a folder.

Axes: N stations.
"""

from dataclasses import dataclass, replace
from functools import cache
from hashlib import file_digest, sha256
from pathlib import Path

import numpy as np

from data.city.synthetic import CitySettings, synthetic_traffic
from data.errors import InputError
from data.sets.places import read_places
from data.sets.tables import ReadSettings, channels_in, read_set
from data.traffic import Traffic, of_columns
from data.windows import SplitSettings

CITY = "city"
CITY_SETTINGS = CitySettings(stations=200, days=30, seed=7)
LONG_DAYS, TEST_DAYS, SHORT_TEST_DAYS = 21, 7, 2  # a set of a week is tested on its last two days


@dataclass(frozen=True)
class Source:
    """A set by its name; `folder` is where it lies, or nothing for the city, which is made.

    The `digest` tells it from others of its name. `refusal` says why nothing can be made on it, if so.
    """

    name: str
    folder: str
    stations: int
    digest: str = ""
    refusal: str = ""

    def split(self, traffic: Traffic) -> SplitSettings:
        """Which part is the stream."""
        days = len(traffic.load) * traffic.step_minutes / 1440
        return SplitSettings(test_days=TEST_DAYS if days >= LONG_DAYS else SHORT_TEST_DAYS)


def sources_in(folder: Path | None) -> tuple[Source, ...]:
    """The city, and what `folder` holds: one set, or a set in each of some folders."""
    city = Source(CITY, "", CITY_SETTINGS.stations, repr(CITY_SETTINGS))
    if folder is None:
        return (city,)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder, expected a set or a folder of sets")
    sets = [folder] if _is_set(folder) else [each for each in sorted(folder.iterdir()) if _is_set(each)]
    if not sets:
        raise InputError(
            f"{folder}: holds no set, expected stations.csv beside a traffic file, or folders of these"
        )
    return city, *(_source(each.resolve()) for each in sets)


def _source(folder: Path) -> Source:
    """The set in `folder`; one that bears the name of the synthetic city is called otherwise."""
    name = f"{folder.name} (yours)" if folder.name == CITY else folder.name
    try:
        stations = len(read_places(folder / "stations.csv").stations)
        channels_in(folder)
    except InputError as refusal:
        return Source(name, str(folder), 0, refusal=str(refusal))
    digest = sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file() and file.name[0] != "."):
        with file.open("rb") as content:
            digest.update(file_digest(content, "sha256").digest())
    return Source(name, str(folder), stations, digest.hexdigest())


def _is_set(folder: Path) -> bool:
    return (folder / "stations.csv").is_file()


def holds_channel(source: Source, channel: str) -> bool:
    """Whether a source has such a load."""
    return not source.folder or channel in channels_in(Path(source.folder))


def traffic_of(source: Source, channel: str, stations: int, seed: int) -> Traffic:
    """A random choice of so many stations, another for each seed; all of them where that is all there are."""
    whole = _whole(source.folder, channel)
    if stations > len(whole.stations):
        raise InputError(f"{source.name} has {len(whole.stations)} stations, expected {stations}")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stations,)))
    return of_columns(whole, np.sort(rng.choice(len(whole.stations), stations, replace=False)))


@cache
def _whole(folder: str, channel: str) -> Traffic:
    if not folder:
        return synthetic_traffic(CITY_SETTINGS, channel)
    reading = reading_of(folder, channel)
    return read_set(Path(folder), reading)


def reading_of(folder: str, channel: str) -> ReadSettings:
    """How a set is read: as z-scores where it holds negative values."""
    reading = ReadSettings(channel=channel, leave_out_gappy=True)
    try:
        read_set(Path(folder), reading)
    except InputError as refusal:
        if "--standardised" not in str(refusal):
            raise
        return replace(reading, standardised=True)
    return reading
