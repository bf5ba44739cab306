"""What `vhtwin twin` leaves behind: the twins, tables, a picture, the summary; and what it prints.

Axes: N stations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs

from clustering.quality import Quality, warnings
from data.clock import wall_clock
from data.store import whole_file
from data.words import counted
from fl_server.cli.report import print_table, print_text
from fl_server.fleet import Fleet
from fl_server.reference import federated_ridge
from fl_server.results import Figures, figures, station_columns
from fl_server.run import Plan
from fl_server.run_folder import TWINS, Record, write_summary
from fl_server.running import State
from fl_server.stored_runs import twin_file
from fl_server.trust.privacy import privacy_figures
from fl_server.trust.told import trust_sentences
from fl_server.twins import Source, ended_twins, local_twins
from forecasting.metrics import tally_scores
from forecasting.twin import save_twin

MOST_LISTED = 40
ASTRAY = 3.0  # times the error of a linear forecast
PICTURE = "twins.png"
NOTE = (
    "MSE and MAE are z-scored per station on its history; NRMSE is each station's RMSE over the range of\n"
    "its values in the stream, averaged. V: the twins at the end of V-twinning forecast the whole stream.\n"
    "H: each step is forecast by the twins in force, which have seen what came before it."
)


def written(folder: Path, record: Record, fleet: Fleet, plan: Plan, state: State) -> dict[str, object]:
    """Write all results of a finished run into its folder, the summary last; return that."""
    from fl_server.twin_picture import draw_twins  # matplotlib is slow to load

    run, known = state.hierarchical, plan.introductions
    source = Source(Path(record.set).name, record.data)
    twins, without = ended_twins(run, plan, source), list[str]()
    if plan.settings.recipe.personal != "none":
        twins += local_twins(fleet, run, plan, source)
        own = {twin.name for twin in twins if twin.scope == "local"}
        without = [station for station in plan.stations if station not in own]
    (folder / TWINS).mkdir(exist_ok=True)
    for twin in twins:
        save_twin(folder / TWINS / twin_file(twin.scope, twin.name), twin)
    _write_frame(folder / "stations.csv", pl.DataFrame(station_columns(run, plan)))
    _write_frame(folder / "history.csv", pl.DataFrame([asdict(row) for row in run.history]))
    draw_twins(folder / PICTURE, state, plan, f"twins of {source.set_name}, {known[0].channel}")
    summary: dict[str, object] = {
        **figures(state, plan),
        "reference": _reference(fleet, plan),
        **privacy_figures(fleet, plan),
        "set": record.set,
        "channel": known[0].channel,
        "set_step_minutes": known[0].step_minutes,
        "left_out": dict(fleet.left_out),
        "without_own": without,
        "filled": sum(each.filled for each in known),
        "stream": _stream_ends(plan),
        "data_end": _data_end(plan),
        "timezone": plan.timezone,
        "step_minutes": plan.timeline.step_minutes,
        "version": record.version,
        "seed": plan.settings.recipe.seed,
    }
    write_summary(folder, summary)
    return summary


def _reference(fleet: Fleet, plan: Plan) -> dict[str, dict[str, float]]:
    """The errors of linear twins, unless stations show nothing of themselves, not even their moments."""
    if plan.settings.crossing.secure_sum or plan.settings.recipe.privacy.on:
        return {}
    return {"federated ridge": asdict(tally_scores(federated_ridge(fleet, plan)))}


def _write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a table; what is not known is an empty cell."""
    with whole_file(path) as partial:
        frame.with_columns(cs.float().fill_nan(None)).write_csv(partial)


def _stream_ends(plan: Plan) -> list[str]:
    """The first and the last step of the stream, by the wall clock."""
    timeline = plan.timeline
    steps = np.array([timeline.train_steps, timeline.steps - 1])
    clock = wall_clock(timeline.start + steps * np.timedelta64(timeline.step_minutes, "m"), plan.timezone)
    return [str(time.astype("datetime64[m]")) for time in clock]


def _data_end(plan: Plan) -> str:
    """When the last step of the stream ends, in the time of the data's start."""
    timeline = plan.timeline
    end = timeline.start + timeline.steps * np.timedelta64(timeline.step_minutes, "m")
    return str(end.astype("datetime64[m]"))


def print_twins(summary: Mapping[str, Any], folder: Path, seconds: float | None = None) -> None:
    """Print the tables of a finished run, and how long it took where that is known."""
    _print_what(summary)
    errors = _error_rows(summary)
    if errors:
        print_table("", ["twins", "MSE", "MAE", "NRMSE", "raw MAE"], errors)
    print_table(
        "", ["between", "messages up", "down", "MB up", "MB down", "seconds"], _exchange_rows(summary)
    )
    _print_clusters(summary["by_cluster"])
    for sentence in trust_sentences(summary):
        print_text(sentence)
    for warning in _warnings(summary):
        print_text(f"warning: {warning}")
    if errors:
        print_text(NOTE)
    took = "" if seconds is None else f"; {seconds:.1f} s in all"
    print_text(f"{summary['updates']:,} updates of the G-NDT, {summary['spared']:,} spared by the gate{took}")
    print_text(f"picture: {folder / PICTURE}")
    print_text(f"twins, tables: {folder}")


def _print_what(summary: Mapping[str, Any]) -> None:
    quality = summary["quality"]
    stability = quality["stability"]
    again = "" if stability is None else f", agreement with the one before {stability:.2f}"
    print_text(
        f"{summary['stations']} stations, {summary['channel']}, stream from {summary['stream'][0]} to "
        f"{summary['stream'][1]}"
    )
    print_text(
        f"{counted(summary['clusters'], 'cluster')}: modularity {quality['modularity']:.3f}, largest "
        f"{quality['largest_share']:.0%}, {quality['singletons']} singletons{again}"
    )
    for reason in dict.fromkeys(summary["left_out"].values()):
        stations = [station for station, why in summary["left_out"].items() if why == reason]
        print_text(f"left out, because each {reason}: {_some(stations)}")
    if summary["filled"]:
        print_text(f"gaps filled, and not scored: {summary['filled']:,} values of the set")


def _some(stations: Sequence[str]) -> str:
    """How many stations, and the first of them."""
    few = ", ".join(stations[:5]) + (", …" if len(stations) > 5 else "")
    return f"{counted(len(stations), 'station')} ({few})"


def _error_rows(summary: Mapping[str, Any]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    single = summary["single_level"] or {}
    for letter in ("v", "h"):
        scores = summary[letter]
        if scores is None:
            continue
        name = letter.upper()
        rows.append(_scores_row(f"{name}  G-NDT", scores))
        for key, twin in (("cluster", "C-NDT"), ("personal", "personal")):
            if key in scores:
                rows.append(_scores_row(f"{name}  {twin}", scores[key]))
        if single:
            rows.append(_scores_row(f"{name}  single-level", single[letter]))
            if "personal" in single[letter]:
                rows.append(_scores_row(f"{name}  single-level, personal", single[letter]["personal"]))
    rows += [_scores_row(name, scores) for name, scores in summary["reference"].items()]
    return rows


def _scores_row(name: str, scores: Mapping[str, float]) -> Sequence[str]:
    return (
        name,
        f"{scores['mse']:.4f}",
        f"{scores['mae']:.4f}",
        f"{scores['nrmse']:.4f}",
        f"{scores['raw_mae']:#.4g}",
    )


def _exchange_rows(summary: Mapping[str, Any]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    systems = {"": summary["phases"]} | (
        {", single-level": summary["single_level"]["phases"]} if summary["single_level"] else {}
    )
    for letter in ("v", "h"):
        for system, phases in systems.items():
            phase = phases[letter]
            for number, (tier, flow) in enumerate(phase["exchange"].items()):
                name = f"{letter.upper()}{system}  {tier.replace('_', ' and ')}"
                rows.append(_flow_row(name, flow, f"{phase['seconds']:.2f}" if number == 0 else ""))
    return rows


def _flow_row(name: str, flow: Mapping[str, int], seconds: str) -> Sequence[str]:
    return (
        name,
        f"{flow['messages_up']:,}",
        f"{flow['messages_down']:,}",
        f"{flow['bytes_up'] / 1e6:,.1f}",
        f"{flow['bytes_down'] / 1e6:,.1f}",
        seconds,
    )


def _print_clusters(rows: Sequence[Figures]) -> None:
    for letter in ("v", "h"):
        if any(row[f"{letter}_g"] for row in rows):
            header = [f"{twin} {name}" for twin in ("G-NDT", "C-NDT") for name in ("MSE", "MAE", "NRMSE")]
            shown = [_cluster_row(row, letter) for row in rows[:MOST_LISTED]]
            print_table(
                f"{letter.upper()}, by the clusters at the end", ["cluster", "stations", *header], shown
            )
    if len(rows) > MOST_LISTED:
        print_text(f"and {len(rows) - MOST_LISTED:,} more clusters")


def _cluster_row(row: Figures, letter: str) -> Sequence[str]:
    scores = [row[f"{letter}_{twin}"] for twin in ("g", "c")]
    figures = [
        "" if each is None else f"{each[name]:.4f}" for each in scores for name in ("mse", "mae", "nrmse")
    ]
    return str(row["cluster"]), f"{row['stations']:,}", *figures


def _warnings(summary: Mapping[str, Any]) -> list[str]:
    said = [] if summary["clusters"] == 1 else warnings(Quality(**summary["quality"]))
    said += _diverged(summary) or _oddities(summary)
    if summary["without_own"]:
        said.append(
            f"without a twin of their own, which they failed to make: {_some(summary['without_own'])}"
        )
    for letter, phase in summary["phases"].items():
        said += [
            f"{letter.upper()}: {count:,} times a station {reason}"
            for reason, count in phase["failures"].items()
        ]
    return said


def _diverged(summary: Mapping[str, Any]) -> list[str]:
    """Whether the twins themselves went astray: they miss what a linear forecast does not."""
    if not summary["reference"]:
        return []
    plain = summary["reference"]["federated ridge"]["mse"]
    said = []
    for letter, rates in (("v", "recipe.vertical.learning_rate"), ("h", "recipe.horizontal.learning_rate")):
        scores = summary[letter]
        worst = max(scores["mse"], scores["cluster"]["mse"]) if scores else 0.0
        if worst > ASTRAY * plain:
            remedy = _attacked(summary) or f"lower {rates}, or the rate of the strategies"
            said.append(
                f"{letter.upper()}-twinning went astray: its twins' MSE is {worst:.4g}, that of a linear "
                f"forecast {plain:.4g}; {remedy}"
            )
    return said


def _attacked(summary: Mapping[str, Any]) -> str:
    """What attackers have to do with twins that are far off; nothing where there are none."""
    if not summary.get("attack"):
        return ""
    found = f"{counted(len(summary['attack']['attackers']), 'simulated attacker')} may be the cause"
    return f"{found} in spite of the defence" if summary.get("defence") else f"{found}; try --defend on"


def _oddities(summary: Mapping[str, Any]) -> list[str]:
    odd, said = summary["odd"], []
    if odd["wild"]:
        missed = (
            f"{_some(odd['wild'])}, missed by more than 5 standard deviations of their history; "
            f"{odd['wild_share']:.1%} of the squared error"
        )
        if summary.get("privacy"):
            said.append(f"far off, as the noise of the privacy budget makes twins: {missed}")
        elif attacked := _attacked(summary):
            said.append(f"far off: {missed}; {attacked}")
        else:
            said.append(
                f"unlike their history, in which they hardly varied or after which they burst: {missed}"
            )
    if odd["still"]:
        said.append(
            f"nearly still in the stream, within a tenth of a standard deviation of their history: "
            f"{_some(odd['still'])}; NRMSE says little there"
        )
    return said
