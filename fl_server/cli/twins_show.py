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
from forecasting.twin import Twin, load_twin, twin_header

FEW = 5
CLOCK = "(UTC, if the set has a time zone)"
EXAMPLES = """examples:
  vhtwin twins show RUN               the results of the run, as vhtwin twin printed them
  vhtwin twins show RUN network       the twin of the network
  vhtwin twins show RUN cluster-3     of a cluster
  vhtwin twins show RUN 5442 --json   of station 5442, with the scaler of every station
  vhtwin twins show city.twin         of a file that vhtwin twins merge has made
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
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="the folder of a finished run, or a merged twin"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="network, cluster-1, … or a station")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show it."""
    if arguments.folder.is_file():
        return _run_of_file(arguments)
    summary = read_summary(arguments.folder)
    if arguments.name is None:
        if arguments.json:
            print_json(summary)
        else:
            print_twins(summary, arguments.folder)
            quality = scored_run(arguments.folder, QualitySettings())
            caveat = f" ({quality.caveat})" if quality.caveat else ""
            print_text(
                f"score: {quality.score:.3f} of 1{caveat}; vhtwin score {arguments.folder} says of what"
            )
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


def _run_of_file(arguments: argparse.Namespace) -> int:
    """Show the twin in a file of its own, which belongs to no run."""
    file = arguments.folder
    if arguments.name is not None:
        raise InputError(f"{file}: is a twin, not a run of several, expected no {arguments.name!r} beside it")
    shown = _alone(file, load_twin(file))
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
    line = twin_line(file, twin, summary)
    return _alone(file, twin, network) | {
        "trained_until": line["trained_until"],
        "line": line,
        "distance": {
            "epsilon": distance(twin.weights, network.weights, settings),
            "measure": settings.distance,
            "psi": settings.psi,
        },
    }


def _alone(file: Path, twin: Twin, network: Twin | None = None) -> dict[str, Any]:
    """What is to be said of a twin without its run; beside the `network` twin where there is one."""
    scaler = zip(twin.stations, twin.scaler.mean.tolist(), twin.scaler.scale.tolist(), strict=True)
    return twin_header(twin) | {
        "file": str(file),
        "bytes": file.stat().st_size,
        "parameters": twin.network.parameters,
        "parts": _parts(twin.network, twin.weights, None if network is None else network.weights),
        "scaler": [{"station": name, "mean": mean, "scale": scale} for name, mean, scale in scaler],
    }


def _parts(network: Network, weights: Floats, others: Floats | None) -> list[dict[str, Any]]:
    """The 2-norm of each part of `weights`, and of its difference from the same part of `others`, if any."""
    parts = unpacked(network, weights)
    differences = {} if others is None else unpacked(network, weights - others)
    return [
        {"part": name, "shape": list(part.shape), "norm": float(np.linalg.norm(part))}
        | ({"difference": float(np.linalg.norm(differences[name]))} if differences else {})
        for name, part in parts.items()
    ]


def _print(shown: Mapping[str, Any]) -> None:
    print_text("\n".join(f"{name:<15}{words}" for name, words in _facts(shown).items()))
    columns = ["weights", "shape", "norm", "of the difference from the network twin"]
    parts = [_part_row(part) for part in shown["parts"]]
    print_table("", columns[: len(parts[0])], parts)
    rows = [
        (each["station"], f"{each['mean']:.6g}", f"{each['scale']:.6g}") for each in shown["scaler"][:FEW]
    ]
    print_table("", ["station", "mean", "scale"], rows)
    if len(shown["scaler"]) > FEW:
        print_text(f"and {len(shown['scaler']) - FEW:,} more stations; --json shows all")


def _facts(shown: Mapping[str, Any]) -> dict[str, str]:
    lineage, in_its_run = shown["lineage"], "line" in shown
    turn = "round" if lineage["phase"] == "vertical" else "step"
    parents = [f"{name} version {version}" for name, version in lineage["parents"]]
    network = " ".join([shown["network"], "-".join(map(str, shown["hidden"]))]).strip()
    return {
        "twin": f"{shown['name']} ({shown['scope']}), version {shown['version']}",
        "stations": f"{len(shown['stations']):,}: {_few(shown['stations'])}",
        "network": f"{network}, {shown['parameters']:,} parameters",
        "trained until": _until(shown["line"]) if in_its_run else f"{shown['trained_until']} {CLOCK}",
        **({"distance": _distance(shown["distance"])} if in_its_run else {}),
        "made by": f"{lineage['strategy']}, seed {lineage['seed']}",
        "at": f"{lineage['phase']} {turn} {lineage['round']}",
        "made of": _few(parents) or "its stations",
        "data": f"{lineage['set_name']}, fingerprint {lineage['data'][:12]}…",
        "file": f"{shown['file']}, {shown['bytes'] / 1e3:,.1f} kB",
    }


def _until(line: Mapping[str, Any]) -> str:
    return f"{line['trained_until']}, {line['age_hours']:.4g} h before the data end"


def _distance(far: Mapping[str, Any]) -> str:
    return f"ε = {far['epsilon']:.3g} to the network twin ({_measure(far)}); ψ = {far['psi']:.3g}"


def _measure(far: Mapping[str, Any]) -> str:
    return "mean of the squared differences" if far["measure"] == "mean" else "sum of the squared differences"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW]) + (f", … {len(names) - FEW:,} more" if len(names) > FEW else "")


def _part_row(part: Mapping[str, Any]) -> list[str]:
    row = [part["part"], " × ".join(map(str, part["shape"])), f"{part['norm']:.4g}"]
    return [*row, f"{part['difference']:.3g}"] if "difference" in part else row
