"""A twin: one forecaster that stands for a station, a cluster or the whole network, and where it came from.

Axes: P parameters, N stations that the twin stands for.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from data.artefacts import JSON, Arrays, Header, read_artefact, write_artefact
from data.errors import InputError
from data.inputs import InputSettings, Layout
from data.plain import rebuilt
from data.scaling import Scaler
from data.traffic import StationId
from forecasting.networks import Floats, Network, build_network

Scope = Literal["local", "cluster", "global"]
KIND = "twin"


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What a twin was made of, and how."""

    data: str  # the fingerprint of the set
    set_name: str
    strategy: str
    seed: int
    phase: str
    round: int
    parents: tuple[tuple[str, int], ...] = ()  # name and version of the twins that it was merged from


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A network's weights with all that is needed to forecast with them, and to judge how old they are."""

    scope: Scope
    name: str  # the station's id, "cluster 3", "network"
    network: Network
    inputs: InputSettings
    weights: Floats  # (P,)
    stations: tuple[StationId, ...]  # N of them
    scaler: Scaler  # of these stations
    version: int  # how often the weights have changed
    trained_until: np.datetime64  # end of the latest data learned from, in the time of the traffic's start
    lineage: Lineage

    def __post_init__(self) -> None:
        if self.scope not in get_args(Scope):
            raise ValueError(f"unknown scope {self.scope!r}, expected one of {', '.join(get_args(Scope))}")
        if self.weights.shape != (self.network.parameters,) or self.weights.dtype != np.float32:
            raise ValueError(
                f"{self.network.name} needs {self.network.parameters} weights of float32, "
                f"got {self.weights.shape} of {self.weights.dtype}"
            )
        if not np.isfinite(self.weights).all():
            raise ValueError(f"{np.count_nonzero(~np.isfinite(self.weights))} weights are not finite")
        if not self.scaler.mean.shape == self.scaler.scale.shape == (len(self.stations),):
            raise ValueError(
                f"{len(self.stations)} stations need as many means and scales, "
                f"got {self.scaler.mean.shape} and {self.scaler.scale.shape}"
            )

    def age_hours(self, now: np.datetime64) -> float:
        """How long before `now` the data end that this twin has learned from."""
        return float((now - self.trained_until) / np.timedelta64(1, "h"))


@dataclass(frozen=True, kw_only=True)
class Described:
    """All of a stored twin but its arrays."""

    scope: Scope
    name: str
    network: str
    layout: Layout
    hidden: tuple[int, ...]
    inputs: InputSettings
    stations: tuple[StationId, ...]
    version: int
    trained_until: np.datetime64
    lineage: Lineage


def save_twin(path: Path, twin: Twin) -> None:
    """Store `twin` at `path`."""
    arrays: Arrays = {"weights": twin.weights, "mean": twin.scaler.mean, "scale": twin.scaler.scale}
    write_artefact(path, KIND, twin_header(twin), arrays)


def twin_header(twin: Twin) -> dict[str, JSON]:
    """All of `twin` but its arrays."""
    return {
        "scope": twin.scope,
        "name": twin.name,
        "network": twin.network.name,
        "layout": asdict(twin.network.layout),
        "hidden": twin.network.hidden,
        "inputs": asdict(twin.inputs),
        "stations": twin.stations,
        "version": twin.version,
        "trained_until": str(twin.trained_until),
        "lineage": asdict(twin.lineage),
    }


def load_twin(path: Path) -> Twin:
    """The twin that is stored at `path`."""
    header, arrays = read_artefact(path, KIND)
    try:
        return _twin(header, arrays)
    except (KeyError, ValueError, InputError) as error:
        raise InputError(f"{path}: holds a twin that is not sound: {error}") from error


def _twin(header: Header, arrays: Arrays) -> Twin:
    found = rebuilt(Described, header)
    return Twin(
        scope=found.scope,
        name=found.name,
        network=build_network(found.network, found.layout, found.hidden),
        inputs=found.inputs,
        weights=arrays["weights"],
        stations=found.stations,
        scaler=Scaler(arrays["mean"], arrays["scale"]),
        version=found.version,
        trained_until=found.trained_until,
        lineage=found.lineage,
    )
