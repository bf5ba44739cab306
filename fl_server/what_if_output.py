"""What `vhtwin whatif` leaves behind: tables of stations and flows, the scenario, all figures, a picture."""

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import polars as pl

from fl_server.what_if import to_json, written_scenario
from fl_server.what_if_picture import draw_outcome
from hetnet.operations.impact import Outcome
from hetnet.operations.replica import Replica, names_of

TIME = "%Y-%m-%dT%H:%M"


def write_outcome(folder: Path, outcome: Outcome, replica: Replica) -> None:
    """Write one scenario and all that it changes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenario.toml").write_text(written_scenario(outcome.scenario))
    told = {"version": metadata.version("vhtwin")} | to_json(outcome, replica)
    (folder / "outcome.json").write_text(json.dumps(told, allow_nan=False) + "\n")
    stations_table(outcome, replica).write_csv(folder / "stations.csv", datetime_format=TIME)
    flows_table(outcome, replica).write_csv(folder / "flows.csv", datetime_format=TIME)
    draw_outcome(folder / "whatif.png", outcome, replica)


def stations_table(outcome: Outcome, replica: Replica) -> pl.DataFrame:
    """One line an affected station and hour."""
    hours, stations = outcome.load.forecast.shape
    columns = {
        "base": outcome.base.forecast,
        "base_lower": outcome.base.lower,
        "base_upper": outcome.base.upper,
        "load": outcome.load.forecast,
        "load_lower": outcome.load.lower,
        "load_upper": outcome.load.upper,
        "difference": outcome.difference.forecast,
        "difference_lower": outcome.difference.lower,
        "difference_upper": outcome.difference.upper,
        "capacity": np.broadcast_to(replica.capacity[outcome.stations], (hours, stations)),
        "risk": outcome.risk,
        "lost": outcome.lost,
    }
    return pl.DataFrame(
        {
            "time": np.tile(replica.hours.astype("datetime64[ms]"), stations),
            "station": np.repeat(np.array(names_of(replica, outcome.stations), str), hours),
        }
        | {name: values.T.reshape(-1) for name, values in columns.items()}
    )


def flows_table(outcome: Outcome, replica: Replica) -> pl.DataFrame:
    """One line for every two stations and hour with traffic of the first that the second serves."""
    hours, pairs = outcome.flows.shape
    ends = (outcome.routes.source, outcome.routes.target)
    source, target = (np.repeat(np.array(names_of(replica, each), str), hours) for each in ends)
    frame = pl.DataFrame(
        {
            "time": np.tile(replica.hours.astype("datetime64[ms]"), pairs),
            "from": source,
            "to": target,
            "traffic": outcome.flows.T.reshape(-1),
        }
    )
    return frame.filter(pl.col("traffic") > 0)
