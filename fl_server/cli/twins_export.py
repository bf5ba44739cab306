"""`vhtwin twins export`: a stored twin as a file that other programs read."""

import argparse
from pathlib import Path

from data.store import refuse_existing_file
from fl_server.cli.report import print_json, print_text
from fl_server.cli.twins_show import file_of
from fl_server.stored_runs import stored_twin
from forecasting.twin_export import FORMATS, HEADER, export_twin

EXAMPLES = f"""examples:
  vhtwin twins export RUN network --out network.safetensors
  vhtwin twins export RUN cluster-3 --out cluster.npz      numpy.load("cluster.npz")["layers.0.weight"]
  vhtwin twins export RUN 5442 --out 5442.pt               torch.load("5442.pt")["state_dict"]

The weights are tensors with the names that torch gives them in nn.Linear, nn.LSTM, nn.GRU and nn.Conv1d. All
else (stations, scaler, inputs, lineage) is one JSON text, {HEADER!r}; in .safetensors it is metadata.
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `export` to the verbs of `twins`."""
    parser = verbs.add_parser(
        "export",
        help="write a stored twin for other programs",
        description="Write a stored twin as a file of numpy, safetensors or torch.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument("name", metavar="NAME", help="network, cluster-1, … or a station")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=f"ending in {', '.join(FORMATS)}"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export it."""
    out = arguments.out
    refuse_existing_file(out, overwrite=arguments.overwrite)
    twin = stored_twin(file_of(arguments.folder, arguments.name))
    export_twin(out, twin)
    size = out.stat().st_size
    if arguments.json:
        parts = {part.name: list(part.shape) for part in twin.network.parts}
        print_json({"file": str(out), "bytes": size, "twin": twin.name, "scope": twin.scope, "parts": parts})
    else:
        print_text(
            f"{out}: twin {twin.name} ({twin.scope}), {twin.network.parameters:,} weights, {size:,} bytes"
        )
    return 0
