"""Twins of overlapping areas or different times made one.

Axes: P parameters, N stations.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from data.errors import InputError
from data.scaling import Scaler
from fl_server.aggregation.updates import as_floats
from forecasting.networks import Floats
from forecasting.twin import Lineage, Twin

HOURS_A_DAY = 24.0
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the first of two twins, that are tried beside that by stations


def share_by_stations(one: Twin, other: Twin, *, half_life_days: float) -> float:
    """The share of `one` by how many stations each stands for, less by half for each half-life of age."""
    newest = max(one.trained_until, other.trained_until)
    parts = [
        len(each.stations) * 0.5 ** (each.age_hours(newest) / HOURS_A_DAY / half_life_days)
        for each in (one, other)
    ]
    share: float = parts[0] / sum(parts)
    return share


def fitted_share(one: Twin, other: Twin, usual: float, error: Callable[[Floats], float]) -> float:
    """The share of `one` whose mixture has the lowest `error`; of equal ones the `usual` first."""
    tried = (usual, *SHARES)
    return min(tried, key=lambda share: error(mixed_weights(one, other, share)))


def mixed_weights(one: Twin, other: Twin, share: float) -> Floats:
    """The weights of two twins, `one` with its share, (P,)."""
    return as_floats(share * one.weights.astype(np.float64) + (1 - share) * other.weights.astype(np.float64))


def merged(one: Twin, other: Twin, name: str, share: float) -> Twin:
    """One twin of two, the first with its `share`, that stands for the stations of both.

    Where both stand for a station, the scaler of the newer one does.
    """
    refuse_unlike(one, other)
    newer, older = (one, other) if one.trained_until >= other.trained_until else (other, one)
    added = [row for row, station in enumerate(older.stations) if station not in set(newer.stations)]
    stations = (*newer.stations, *(older.stations[row] for row in added))
    mean, scale = (
        np.concatenate([getattr(newer.scaler, part), getattr(older.scaler, part)[added]])
        for part in ("mean", "scale")
    )
    return replace(
        newer,
        scope="global",
        name=name,
        weights=mixed_weights(one, other, share),
        stations=stations,
        scaler=Scaler(mean, scale),
        version=max(one.version, other.version) + 1,
        lineage=_lineage(one, other, newer.lineage),
    )


def _lineage(one: Twin, other: Twin, newer: Lineage) -> Lineage:
    parents = ((one.name, one.version), (other.name, other.version))
    names = dict.fromkeys((one.lineage.set_name, other.lineage.set_name))
    return replace(newer, strategy="merged", set_name=" + ".join(names), parents=parents)


def refuse_unlike(one: Twin, other: Twin) -> None:
    """Refuse twins whose weights mean different things."""
    if one.network != other.network:
        raise InputError(
            f"twins {one.name} and {other.name} are different networks, {one.network.name} "
            f"{list(one.network.hidden)} and {other.network.name} {list(other.network.hidden)}; expected the "
            "same, for weights of different networks have no mean"
        )
    if one.inputs != other.inputs:
        raise InputError(
            f"twins {one.name} and {other.name} see different inputs, {one.inputs} and {other.inputs}; "
            "expected the same"
        )
