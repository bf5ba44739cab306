"""Where the synthetic city stands: its sites, what people do around each, and who sees which site.

The records of the real set were shared out over squares by the coverage of the base stations, so the
squares of one site move together. We keep that mechanism: sites are born where demand is dense, a
station (a square of the grid, or a site itself) sees the sites that cover it, and every likeness
between neighbouring stations, in level and in noise, comes from the sites that they share.

Axes: S sites, N stations, U land uses, D points. Places are kilometres east and north of the centre.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

LAND_USES = ("residential", "business", "leisure", "transit")

SQUARE_KM = 0.235  # the side of a square of the Milan grid
SIDE = 100  # the Milan grid is 100 x 100 squares
_MARGIN_KM = 1.5  # sites just outside still cover squares inside
_GRID_SITES = 3000
_WAVES = 300  # of a random field; enough for a Gaussian look at every scale we measure
_CROWDING = 0.6  # how sites follow demand: 0 evenly, 1 in proportion
_SITE_SPREAD = 0.4  # of the logarithm of demand from one site to the next
_UNREST_SPREAD = 0.6  # of the logarithm of the size of a site's noise
_SITES_A_DISTRICT = 20
_POINTS = 4  # per side of a square, at which its coverage is looked up
_COVERAGE = (0.75, 0.2, 0.05)  # share of a point's traffic that its nearest, second, third site carries


@dataclass(frozen=True, kw_only=True)
class Sites:
    """The base stations that carry the city's demand."""

    places: NDArray[np.float64]  # (S, 2)
    level: NDArray[np.float64]  # (S,) natural logarithm of the demand density
    uses: NDArray[np.float64]  # (S, U) share of each land use, rows sum to one
    unrest: NDArray[np.float64]  # (S,) how large the site's noise is, around one
    heir: NDArray[np.intp]  # (S,) the site nearest to it, which takes over what it sheds
    district: NDArray[np.intp]  # (S,) number of the district; districts have moods of their own


@dataclass(frozen=True, kw_only=True)
class Place:
    """The stations that records are kept for, and the sites that they see."""

    squares: NDArray[np.intp]  # (N,) number of the grid square, or of the site; from one
    places: NDArray[np.float64]  # (N, 2)
    shares: sparse.csr_array  # (N, S) how much of each site's coverage density a station shows
    sites: Sites


def grid_place(stations: int, rng: np.random.Generator) -> Place:
    """The `stations` squares of the Milan grid nearest to the centre, seen through a city of sites."""
    sites = _sites(_GRID_SITES, rng)
    rows, columns = np.divmod(np.arange(SIDE * SIDE), SIDE)
    squares = (np.stack([columns, rows], axis=1) - (SIDE - 1) / 2) * SQUARE_KM  # (10000, 2)
    nearest = np.argsort((squares**2).sum(axis=1).round(9), kind="stable")[:stations]
    chosen = np.sort(nearest)
    return _seen(chosen + 1, squares[chosen], sites)


def scattered_place(stations: int, rng: np.random.Generator) -> Place:
    """A city whose `stations` sites are the stations themselves."""
    sites = _sites(stations, rng)
    return _seen(np.arange(1, stations + 1), sites.places, sites)


def random_field(
    places: NDArray[np.float64], length_km: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A Gaussian field of mean 0 and variance 1 at `places`, (D,), correlation exp(-distance / length_km).

    A sum of plane waves drawn from the spectrum of that correlation, which in the plane is a
    two-dimensional Cauchy law; so any set of places can be asked for and nothing is inverted.
    """
    waves = rng.standard_normal((2, _WAVES)) / np.abs(rng.standard_normal(_WAVES)) / length_km
    phases = rng.uniform(0, 2 * np.pi, _WAVES)
    angles = (places @ waves + phases).astype(np.float32)  # (D, waves); half the cost is their cosine
    total = np.cos(angles).sum(axis=1, dtype=np.float64)
    field: NDArray[np.float64] = total * np.sqrt(2 / _WAVES)
    return field


def _sites(count: int, rng: np.random.Generator) -> Sites:
    """`count` sites, denser and busier where the demand field is high."""
    half = SIDE * SQUARE_KM / 2 + _MARGIN_KM
    candidates = rng.uniform(-half, half, (4 * count + 1000, 2))
    demand = _demand(candidates, rng)
    # The largest keys of a Gumbel race are a draw by weight without repetition.
    chosen = np.argsort(-(_CROWDING * demand + rng.gumbel(size=len(candidates))), kind="stable")[:count]
    places = candidates[chosen]
    return Sites(
        places=places,
        level=demand[chosen] + _SITE_SPREAD * rng.standard_normal(count),
        uses=_land_uses(places, rng),
        unrest=np.exp(_UNREST_SPREAD * rng.standard_normal(count)).clip(0.3, 2.5),
        heir=_nearest_other(places),
        district=_districts(places, rng),
    )


def _demand(places: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Logarithm of the demand density, (D,): a busy core of 4 km, a slow fall outwards, and relief."""
    radius = np.hypot(*places.T)
    core = 1 / (1 + np.exp((radius - 4.5) / 1.0))
    relief = random_field(places, 4.0, rng)
    demand: NDArray[np.float64] = 2.4 * core - 0.05 * radius + (1.3 - 0.85 * core) * relief
    return demand


def _land_uses(places: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The share of each land use around each site, (S, U): business at the core, homes around it."""
    radius = np.hypot(*places.T)
    core = np.exp(-((radius / 4.0) ** 2))
    pull = np.stack([0.6 + 0.2 * (1 - core), 0.2 + 0.5 * core, -0.4 + 0.6 * core, np.full_like(core, -0.9)])
    relief = np.stack([random_field(places, 0.3, rng) for _ in LAND_USES])
    weight = np.exp(pull + 1.3 * relief)  # (U, S)
    shares: NDArray[np.float64] = (weight / weight.sum(axis=0)).T
    return shares


def _nearest_other(places: NDArray[np.float64]) -> NDArray[np.intp]:
    """The index of the nearest other site, (S,); a site alone is its own."""
    if len(places) == 1:
        return np.zeros(1, dtype=np.intp)
    return np.asarray(cKDTree(places).query(places, k=[2])[1], dtype=np.intp)[:, 0]


def _districts(places: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    """The number of the district of each site, (S,): that of the nearest of a few chosen sites."""
    capitals = rng.choice(len(places), max(1, len(places) // _SITES_A_DISTRICT), replace=False)
    return np.asarray(cKDTree(places[capitals]).query(places)[1], dtype=np.intp)


def _seen(squares: NDArray[np.intp], places: NDArray[np.float64], sites: Sites) -> Place:
    """The place whose stations are squares around `places`, with the share of every site in each."""
    layers = min(len(_COVERAGE), len(sites.places))
    offsets = ((np.arange(_POINTS) + 0.5) / _POINTS - 0.5) * SQUARE_KM
    around = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)  # (D, 2)
    points = (places[:, None] + around).reshape(-1, 2)  # (N * D, 2)
    nearest = np.asarray(cKDTree(sites.places).query(points, k=range(1, layers + 1))[1])  # (N * D, layers)
    coverage = np.array(_COVERAGE[:layers]) / sum(_COVERAGE[:layers])
    rows = np.repeat(np.arange(len(places)), len(around) * layers)
    weights = np.tile((coverage / len(around)).astype(np.float32), len(points))
    shape = (len(places), len(sites.places))
    shares = sparse.coo_array((weights, (rows, nearest.ravel())), shape=shape).tocsr()
    return Place(squares=squares, places=places, shares=shares, sites=sites)
