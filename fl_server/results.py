"""What came of a run, in figures: errors by phase and twin, clusters, messages and bytes.

Axes: N stations, C clusters.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_server.exchange import Exchange, without_clusters
from fl_server.run import Phase, Plan, Run
from fl_server.running import State
from fl_server.scoring import Standing
from fl_server.trust.harm import trust_figures
from forecasting.metrics import Tally, tally_scores

Figures = dict[str, Any]  # Any: what JSON can hold
WILD = 5.0  # an RMSE in standard deviations of a station's history; forecasters of traffic stay below 1
STILL = 0.1  # a range of the stream in the same unit; that of a working day is 2 and more
TWINS = {"top": "G-NDT", "cluster": "C-NDT", "personal": "personal"}


def figures(state: State, plan: Plan) -> Figures:
    """All figures of a finished run.

    `v` and `h` are the errors of the G-NDT over all stations, `h` being None without H-twinning; `updates`
    are the C-NDTs that were sent up in H-twinning, `bytes` what went between clusters and network in it.
    """
    run = state.hierarchical
    between = run.horizontal.exchange.cluster_network
    return {
        "v": _scores(run.vertical.standing),
        "h": _scores(run.horizontal.standing),
        "clusters": len(run.tree.clusters),
        "updates": between.messages_up,
        "spared": run.stream.spared if run.stream else 0,
        "bytes": between.bytes,
        "quality": None if run.quality is None else asdict(run.quality),
        "phases": {"v": _phase(run.vertical, run), "h": _phase(run.horizontal, run)},
        "single_level": None if state.single_level is None else _single(state.single_level),
        "by_cluster": _by_cluster(run),
        "stations": len(plan.stations),
        "odd": _odd(run, plan),
        "windows": plan.timeline.train_steps - plan.timeline.first_step,
        **trust_figures(run, plan),
    }


def _scores(standing: Standing) -> Figures | None:
    """The errors of the G-NDT, and below them those of the other twins."""
    if not standing.top.count.any():
        return None
    tallies = {"cluster": standing.cluster, "personal": standing.personal}
    below = {name: asdict(tally_scores(sums)) for name, sums in tallies.items() if sums.count.any()}
    return asdict(tally_scores(standing.top)) | below


def _phase(phase: Phase, run: Run) -> Figures:
    exchange = phase.exchange if run.system == "hierarchical" else without_clusters(phase.exchange)
    return {
        "seconds": round(phase.seconds, 3),
        "exchange": _flows(exchange),
        "failures": dict(phase.failures),
    }


def _flows(exchange: Exchange) -> Figures:
    return {tier: flow for tier, flow in asdict(exchange).items() if any(flow.values())}


def _single(run: Run) -> Figures:
    return {
        "v": _scores(run.vertical.standing),
        "h": _scores(run.horizontal.standing),
        "phases": {"v": _phase(run.vertical, run), "h": _phase(run.horizontal, run)},
    }


def _by_cluster(run: Run) -> list[Figures]:
    """For each cluster at the end its stations, and the errors there of each twin in each phase."""
    rows = []
    for cluster in range(len(run.tree.clusters)):
        inside = run.tree.cluster_of == cluster
        row: Figures = {"cluster": cluster + 1, "stations": int(inside.sum())}
        for letter, phase in (("v", run.vertical), ("h", run.horizontal)):
            for twin, sums in _named(phase.standing).items():
                row[f"{letter}_{twin}"] = _three(sums.part(inside))
        rows.append(row)
    return rows


def _named(standing: Standing) -> Mapping[str, Tally]:
    return {"g": standing.top, "c": standing.cluster}


def _three(sums: Tally) -> Figures | None:
    return asdict(tally_scores(sums)) if sums.count.any() else None


def _odd(run: Run, plan: Plan) -> Figures:
    """The stations whose stream is nothing like their history, so that they spoil the averages.

    `wild` ones burst, or hardly varied before; `still` ones hardly vary now. `wild_share` is what the wild
    ones contribute to the squared error of all.
    """
    sums = run.vertical.standing.cluster
    squared = sums.squared / np.maximum(sums.count, 1)
    wild = squared > WILD**2
    still = (sums.count > 0) & (sums.spread > 0) & (sums.spread < STILL)
    share = float(sums.squared[wild].sum() / sums.squared.sum()) if wild.any() else 0.0
    return {"wild": _chosen(plan, wild), "wild_share": share, "still": _chosen(plan, still)}


def _chosen(plan: Plan, mask: NDArray[np.bool_]) -> list[str]:
    return [plan.stations[place] for place in np.flatnonzero(mask)]


def station_columns(run: Run, plan: Plan) -> Mapping[str, Any]:  # Any: columns of several types
    """One line a station: its cluster at the end, and the MSE there of each twin in each phase."""
    columns: dict[str, Any] = {
        "station": plan.stations,
        "longitude": plan.land.positions[:, 0],
        "latitude": plan.land.positions[:, 1],
        "cluster": run.tree.cluster_of + 1,
    }
    for letter, phase in (("v", run.vertical), ("h", run.horizontal)):
        for twin, sums in _named(phase.standing).items():
            with np.errstate(invalid="ignore"):
                columns[f"{letter}_mse_{twin}"] = sums.squared / np.where(sums.count, sums.count, np.nan)
    return columns
