"""The options of `vhtwin twin` and the settings that they make."""

import argparse
from pathlib import Path

from clustering.groups import read_groups
from clustering.segmentation import GIVEN, HEADS, METHODS
from data.coding import NAMES as CODINGS
from data.errors import InputError
from data.inputs import INPUTS
from data.plain import plain
from fl_server.aggregation.refresh import REFRESHES
from fl_server.aggregation.strategies import NAMES as STRATEGIES
from fl_server.cli import trust_options
from fl_server.crossing.settings import COMPRESSED
from fl_server.presets import PRESETS, Table, laid_over, nested, preset, settings_of, table_of, table_of_pairs
from fl_server.settings import TwinSettings
from forecasting.forecasts import usual_inputs
from forecasting.networks import NAMES as NETWORKS
from hetnet.sync.gates import FORMS, gate_named

# Where each option stands in the settings; an option that is not given changes nothing.
PLACES = {
    "model": "recipe.model",
    "hidden": "recipe.hidden",
    "inputs": "recipe.inputs",
    "native_step": "recipe.native_step",
    "test_days": "recipe.split.test_days",
    "validation_days": "recipe.split.validation_days",
    "personal": "recipe.personal",
    "seed": "recipe.seed",
    "epochs": "vertical.epochs",
    "stream_epochs": "horizontal.epochs",
    "psi": "horizontal.psi",
    "cluster_strategy": "strategies.cluster",
    "network_strategy": "strategies.top",
    "refresh": "strategies.refresh",
    "method": "segment.how.method",
    "clusters": "segment.how.clusters",
    "topology": "segment.topology",
    "degree": "segment.degree",
}
BOTH_PHASES = {"participation": ("vertical.participation", "horizontal.participation")}


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of a verb."""
    _add_forecaster(parser.add_argument_group("forecaster"))
    _add_phases(parser.add_argument_group("twinning"))
    _add_clusters(parser.add_argument_group("clusters"))
    trust_options.add_to(parser.add_argument_group("trust"))
    group = parser.add_argument_group("all settings")
    group.add_argument("--preset", default="default", metavar="NAME", help=f"{', '.join(PRESETS)}")
    group.add_argument("--settings", type=Path, metavar="FILE", help="a TOML file of settings")
    group.add_argument(
        "--set",
        dest="pairs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any one setting, such as horizontal.patience_hours=3; --list-settings shows them all",
    )


def _add_forecaster(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--model", choices=NETWORKS, help="which network (default: mlp)")
    group.add_argument("--hidden", type=int, nargs="+", metavar="WIDTH", help="width of each hidden layer")
    group.add_argument("--inputs", choices=INPUTS, help="what a forecast sees (default: that of the network)")
    group.add_argument(
        "--native-step", action="store_true", default=None, help="forecast the set's own step, not hours"
    )
    group.add_argument(
        "--test-days", type=float, metavar="D", help="the stream: the last D days (default: 7)"
    )
    group.add_argument(
        "--validation-days", type=float, metavar="D", help="cut the test days off, stream the D before"
    )
    group.add_argument(
        "--personal",
        choices=("none", "head", "steps"),
        help="twins that stations adapt to themselves: no, a head of their own, or a few steps",
    )
    group.add_argument("--seed", type=int, help="of all that is drawn (default: 1)")


def _add_phases(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--epochs", type=int, metavar="E", help="rounds of V-twinning (default: 100)")
    group.add_argument("--stream-epochs", type=int, metavar="E", help="epochs of H-twinning (default: 20)")
    group.add_argument("--psi", type=float, metavar="X", help="the gate: C-NDTs nearer than X stay below")
    group.add_argument(
        "--sync-policy", metavar="NAME", help=f"what decides in the place of psi whether one goes up: {FORMS}"
    )
    group.add_argument("--participation", type=float, metavar="SHARE", help="of stations a turn (default: 1)")
    group.add_argument(
        "--cluster-strategy",
        metavar="NAME",
        help=f"how C-NDTs are made: {', '.join(STRATEGIES)}, or your own",
    )
    group.add_argument("--network-strategy", metavar="NAME", help="how the G-NDT is made of C-NDTs: the same")
    group.add_argument(
        "--refresh", metavar="NAME", help=f"of the G-NDT in the stream: {', '.join(REFRESHES)}"
    )
    group.add_argument(
        "--compress",
        nargs="*",
        metavar="CODING",
        help="updates, twins sent down to stations, and twins between clusters and network, in one coding or "
        f"one each: {CODINGS}, none (default of what is not named: {' '.join(COMPRESSED)})",
    )
    group.add_argument(
        "--secure-sum",
        action="store_true",
        help="let the server see sums of the updates of a cluster alone, in V-twinning (--stream-epochs 0)",
    )
    group.add_argument(
        "--no-single-level", action="store_true", help="leave out the comparison without clusters"
    )


def _add_clusters(group: "argparse._ArgumentGroup") -> None:
    names = ", ".join((*METHODS, HEADS))
    group.add_argument("--method", metavar="NAME", help=f"{names} (default: louvain)")
    group.add_argument(
        "--groups", type=Path, metavar="FILE", help="clusters of your own: a CSV of station,group"
    )
    group.add_argument(
        "--clusters", type=int, metavar="C", help="how many; by Girvan-Newman unless --method says otherwise"
    )
    group.add_argument("--topology", metavar="NAME", help="nearest (the default), regular, or a CSV of links")
    group.add_argument("--degree", type=int, metavar="K", help="links a station (default: 6; 20 regular)")


def settings_from(arguments: argparse.Namespace) -> TwinSettings:
    """The settings that the options make."""
    from_file = table_of(arguments.settings) if arguments.settings else {}
    named = table_of_pairs(arguments.pairs)
    if arguments.clusters and arguments.method == "louvain":
        number = arguments.clusters
        raise InputError(f"--clusters {number}: Louvain finds the number itself; leave one of them out")
    if arguments.groups and (arguments.clusters or arguments.method not in (None, GIVEN)):
        raise InputError("--groups gives the clusters; leave --method and --clusters out")
    return settings_of(_usual(arguments), preset(arguments.preset), from_file, _given(arguments), named)


def refuse_beside_resume(arguments: argparse.Namespace) -> None:
    """Refuse settings beside --resume, which goes on with those of the run."""
    if settings_from(arguments) != TwinSettings():
        raise InputError("--resume goes on with the settings of the run: expected no others beside it")


def _usual(arguments: argparse.Namespace) -> Table:
    """What follows from other options, and gives way to all that is named."""
    table: Table = {"recipe": {"inputs": usual_inputs(arguments.model)}} if arguments.model else {}
    if arguments.clusters:
        table["segment"] = {"how": {"method": "girvan-newman"}}
    return table


def _given(arguments: argparse.Namespace) -> Table:
    """What the options say."""
    table: Table = {"single_level": False} if arguments.no_single_level else {}
    for option, value in (vars(arguments) | {"topology": _topology(arguments.topology)}).items():
        places = BOTH_PHASES.get(option, (PLACES[option],) if option in PLACES else ())
        for place in places if value is not None else ():
            table = laid_over(table, nested(place, value))
    if arguments.sync_policy:
        table = laid_over(table, nested("horizontal.gate", plain(gate_named(arguments.sync_policy), {})))
    if arguments.secure_sum:
        table = laid_over(table, {"crossing": {"secure_sum": True}})
    if arguments.compress is not None:
        table = laid_over(table, {"crossing": _compressed(arguments.compress)})
    table = laid_over(table, trust_options.table_of(arguments))
    if arguments.groups:
        groups = plain(read_groups(arguments.groups), {})
        table = laid_over(table, {"segment": {"how": {"method": GIVEN, "groups": groups}}})
    return table


def _compressed(given: list[str]) -> Table:
    """How updates go up, twins down, and twins between clusters and network: one coding, or one each."""
    if len(given) > len(COMPRESSED):
        raise InputError(
            f"--compress {' '.join(given)}: expected one coding, or one each up, down, and between clusters "
            "and network"
        )
    codings = given * len(COMPRESSED) if len(given) == 1 else [*given, *COMPRESSED[len(given) :]]
    return dict(zip(("up", "down", "clusters"), codings, strict=True))


def _topology(name: str | None) -> str | None:
    """A file of links by its whole path, so that a run can be resumed from anywhere."""
    return str(Path(name).resolve()) if name and Path(name).is_file() else name


def listed(settings: object) -> list[str]:
    """Every setting with its value, as `--set` takes them."""
    return _lines(plain(settings, {}), "")


def _lines(table: Table, path: str) -> list[str]:
    lines = []
    for name, value in table.items():
        below = f"{path}.{name}" if path else name
        lines += _lines(value, below) if isinstance(value, dict) else [f"{below}={_written(value)}"]
    return lines


def _written(value: object) -> str:
    """A value as `--set` reads it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
