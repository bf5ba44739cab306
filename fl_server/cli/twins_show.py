"""`vhtwin twins show`: one stored twin whole, or the results of its run once more."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.cli.twin_output import print_twins
from fl_server.cli.twins_list import twin_line
from fl_server.cluster_stream import distance
from fl_server.run_folder import read_record, read_summary
from fl_server.settings import HorizontalSettings
from fl_server.stored_runs import found_file, stored_twin, twin_file
from fl_server.trust.quality import QualitySettings, scored_run
from fl_server.twins import NETWORK
from forecasting.networks import Floats, Network, unpacked
from forecasting.twin import Twin, twin_header

FEW = 5
EXAMPLES = """examples:
  vhtwin twins show RUN               the results of the run, as vhtwin twin printed them
  vhtwin twins show RUN network       the twin of the network
  vhtwin twins show RUN cluster-3     of a cluster
  vhtwin twins show RUN 5442 --json   of station 5442, with the scaler of every station
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `show` to the verbs of `twins`."""
    parser = verbs.add_parser(
        "show",
        help="show a stored twin, or what came of a run",
        description="Show a stored twin: what it is, whence it comes, how far it lies from the network's.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("name", nargs="?", metavar="NAME", help="network, cluster-1, … or a station")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show it."""
    summary = read_summary(arguments.folder)
    if arguments.name is None:
        if arguments.json:
            print_json(summary)
        else:
            print_twins(summary, arguments.folder)
            quality = scored_run(arguments.folder, QualitySettings())
            print_text(f"score: {quality.score:.3f} of 1; vhtwin score {arguments.folder} says of what")
        return 0
    file = file_of(arguments.folder, arguments.name)
    settings = read_record(arguments.folder).settings.horizontal
    network = stored_twin(arguments.folder / "twins" / twin_file("global", NETWORK))
    shown = described(file, stored_twin(file), network, settings, summary)
    if arguments.json:
        print_json(shown)
    else:
        _print(shown)
    return 0


def file_of(folder: Path, name: str) -> Path:
    """The file of the twin called `name`; local-NAME is a station's whose id is that of another twin."""
    return found_file(folder, name, [twin_file("cluster", name), twin_file("local", name)])


def described(
    file: Path, twin: Twin, network: Twin, settings: HorizontalSettings, summary: Mapping[str, Any]
) -> dict[str, Any]:
    """All about `twin` but its weights; `network` is the twin of the whole network."""
    if twin.network != network.network:
        raise InputError(f"{file}: is a twin of another run, its network is not that of {NETWORK}")
    scaler = zip(twin.stations, twin.scaler.mean.tolist(), twin.scaler.scale.tolist(), strict=True)
    return twin_header(twin) | {
        "file": str(file),
        "line": twin_line(file, twin, summary),
        "parameters": twin.network.parameters,
        "distance": {
            "epsilon": distance(twin.weights, network.weights, settings),
            "measure": settings.distance,
            "psi": settings.psi,
        },
        "parts": _parts(twin.network, twin.weights, network.weights),
        "scaler": [{"station": name, "mean": mean, "scale": scale} for name, mean, scale in scaler],
    }


def _parts(network: Network, weights: Floats, others: Floats) -> list[dict[str, Any]]:
    """The 2-norm of each part of `weights`, and of its difference from the same part of `others`."""
    parts, differences = unpacked(network, weights), unpacked(network, weights - others)
    return [
        {
            "part": name,
            "shape": list(part.shape),
            "norm": float(np.linalg.norm(part)),
            "difference": float(np.linalg.norm(differences[name])),
        }
        for name, part in parts.items()
    ]


def _print(shown: Mapping[str, Any]) -> None:
    print_text("\n".join(f"{name:<15}{words}" for name, words in _facts(shown).items()))
    columns = ["weights", "shape", "norm", "of the difference from the network twin"]
    print_table("", columns, [_part_row(part) for part in shown["parts"]])
    rows = [
        (each["station"], f"{each['mean']:.6g}", f"{each['scale']:.6g}") for each in shown["scaler"][:FEW]
    ]
    print_table("", ["station", "mean", "scale"], rows)
    if len(shown["scaler"]) > FEW:
        print_text(f"and {len(shown['scaler']) - FEW:,} more stations; --json shows all")


def _facts(shown: Mapping[str, Any]) -> dict[str, str]:
    line, lineage, far = shown["line"], shown["lineage"], shown["distance"]
    turn = "round" if lineage["phase"] == "vertical" else "step"
    parents = [f"{name} version {version}" for name, version in lineage["parents"]]
    return {
        "twin": f"{shown['name']} ({shown['scope']}), version {shown['version']}",
        "stations": f"{line['stations']:,}: {_few(shown['stations'])}",
        "network": f"{line['network']}, {shown['parameters']:,} parameters",
        "trained until": f"{line['trained_until']}, {line['age_hours']:.4g} h before the data end",
        "distance": f"ε = {far['epsilon']:.3g} to the network twin ({_measure(far)}); ψ = {far['psi']:.3g}",
        "made by": f"{lineage['strategy']}, seed {lineage['seed']}",
        "at": f"{lineage['phase']} {turn} {lineage['round']}",
        "made of": _few(parents) or "its stations",
        "data": f"{lineage['set_name']}, fingerprint {lineage['data'][:12]}…",
        "file": f"{shown['file']}, {line['bytes'] / 1e3:,.1f} kB",
    }


def _measure(far: Mapping[str, Any]) -> str:
    return "mean of the squared differences" if far["measure"] == "mean" else "sum of the squared differences"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW]) + (f", … {len(names) - FEW:,} more" if len(names) > FEW else "")


def _part_row(part: Mapping[str, Any]) -> Sequence[str]:
    shape = " × ".join(map(str, part["shape"]))
    return part["part"], shape, f"{part['norm']:.4g}", f"{part['difference']:.3g}"
