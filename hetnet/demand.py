"""What the areas of a network will ask of it: taken from twins' forecasts, or from the synthetic city.

Each hotspot stands for the area of one of the twins' stations: its users are as many, and as busy, as the
forecast of that area says. Axes: T hours, B areas that are forecast, H hotspots, M base stations.
"""

from datetime import date

import numpy as np

from data.city.synthetic import CitySettings, synthetic_traffic
from data.errors import InputError
from hetnet.network import Floats, Stations

FULLEST = 0.7  # share of a station that users who are not modelled ever take: their traffic gives way
MONDAY = date(2013, 11, 4)  # histories begin with a week


def city_loads(areas: int, days: int, seed: int) -> Floats:
    """Hourly load of so many areas of the synthetic city, from a Monday at midnight on, (T, B)."""
    settings = CitySettings(stations=areas, days=days, seed=seed, start=MONDAY, layout="scattered")
    return synthetic_traffic(settings).load.astype(np.float64)


def hotspot_demand(loads: Floats, hotspots: int) -> Floats:
    """The demand of each hotspot, (T, H), of mean 1 over all: the busiest areas of `loads` (T, B).

    With fewer areas than hotspots, several hotspots stand for one area. Forecasts below 0 count as 0.
    """
    if loads.ndim != 2 or 0 in loads.shape:
        raise InputError(f"forecasts: found the shape {loads.shape}, expected (hours, areas), none of them 0")
    if not np.isfinite(loads).all():
        raise InputError(f"forecasts: {np.count_nonzero(~np.isfinite(loads))} are not finite, expected none")
    asked = np.maximum(loads, 0.0)
    busiest = np.argsort(-asked.mean(axis=0), kind="stable")
    chosen = asked[:, busiest[np.arange(hotspots) % len(busiest)]]
    if not chosen.mean() > 0:
        raise InputError("forecasts: no area has any load, expected some in at least one")
    demand: Floats = chosen / chosen.mean()
    return demand


def check_demand(demand: Floats, hotspots: int) -> None:
    """Refuse a demand that is not (hours, hotspots) of finite values of 0 or more."""
    if demand.ndim != 2 or len(demand) == 0 or demand.shape[1] != hotspots:
        raise InputError(f"demand: found the shape {demand.shape}, expected (hours, {hotspots} hotspots)")
    if not (np.isfinite(demand).all() and (demand >= 0).all()):
        raise InputError("demand: found values that are negative or not finite, expected neither")


def crowds(demand: Floats) -> Floats:
    """How full each hotspot is beside the others, (H,): as the root of its demand.

    Where demand is fourfold there are twice as many people who each ask for twice as much.
    """
    full: Floats = np.sqrt(demand.mean(axis=0))
    return full


def area_shares(stations: Stations, hotspots: Floats) -> Floats:
    """The share of each station's area that belongs to each hotspot, (M, H); rows sum to 1.

    It falls with distance beside the station's reach; a station far from all belongs to the nearest.
    """
    apart = np.linalg.norm(stations.positions[:, None] - hotspots[None], axis=2)
    scaled = -0.5 * (apart / np.maximum(stations.reach, 1.0)[:, None]) ** 2
    weight = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: Floats = weight / weight.sum(axis=1, keepdims=True)
    return shares


def station_demand(demand: Floats, stations: Stations, hotspots: Floats) -> Floats:
    """What is asked of each station's area, (T, M), of the `demand` (T, H) of the hotspots in it."""
    return demand @ area_shares(stations, hotspots).T


def rhythm(demand: Floats) -> Floats:
    """Each column of `demand` over its own mean; 1 all the time where there is never any."""
    mean = demand.mean(axis=0)
    return np.where(mean > 0, demand / np.where(mean > 0, mean, 1.0), 1.0)


def background_use(demand: Floats, busy: float) -> Floats:
    """The share of its capacity that each station spends on users that are not modelled, (T, M).

    Stations are built for the demand of their area: the busiest twentieth of the hours takes `busy` or more.
    """
    if not 0 <= busy < 1:
        raise InputError(f"busy: found {busy}, expected a share from 0 to below 1")
    often = np.quantile(demand, 0.95, axis=0)
    return np.clip(busy * demand / np.where(often > 0, often, 1.0), 0.0, FULLEST)
