"""`vhtwin segment`: part the stations of a set into clusters, in table, file and picture."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from clustering.drift import drawn_backhaul
from clustering.girvan_newman import VARIANTS
from clustering.link_file import read_links
from clustering.quality import warnings
from clustering.relation import Attributes, RelationSettings, Weights, relation, relation_terms
from clustering.segmentation import METHODS, Segmentation, SegmentationSettings, segmentation
from clustering.signatures import Signatures, SignatureSettings, signatures
from clustering.topology import Topology, nearest_topology, regular_topology
from data.errors import InputError
from data.sets.tables import read_set
from data.store import whole_folder
from data.traffic import Traffic, until_step
from fl_server.cli import output_folder, read_options
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.segment_picture import draw_segmentation

MOST_LISTED = 40
USUAL_DEGREE = 20
EXAMPLES = """examples:
  vhtwin segment DIR                                          10 clusters by Girvan-Newman, 20-regular links
  vhtwin segment DIR --topology nearest --degree 6            links to the 6 nearest stations
  vhtwin segment DIR --method louvain --topology nearest      as many clusters as the links show
  vhtwin segment DIR --topology links.csv --method spectral   links of your own
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `segment` to the command's verbs."""
    parser = verbs.add_parser(
        "segment",
        help="part the stations into clusters",
        description="Part the stations of a set into clusters that belong together.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="a set: stations.csv beside a traffic file")
    _add_method_options(parser)
    _add_link_options(parser)
    read_options.add_to(parser)
    output_folder.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def _add_method_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("method")
    usual = SegmentationSettings()
    group.add_argument(
        "--method",
        default=usual.method,
        metavar="NAME",
        help=f"{', '.join(METHODS)} (default: {usual.method})",
    )
    group.add_argument(
        "--clusters", type=int, default=usual.clusters, metavar="C", help="how many (default: 10)"
    )
    group.add_argument(
        "--variant",
        default=usual.variant,
        metavar="NAME",
        help=f"of Girvan-Newman: {', '.join(VARIANTS)} (default: {usual.variant})",
    )
    group.add_argument(
        "--resolution", type=float, default=usual.resolution, help="of Louvain: higher, smaller (default: 1)"
    )
    group.add_argument("--seed", type=int, default=usual.seed, help="of all that is drawn (default: 1)")
    group.add_argument(
        "--most-seconds",
        type=float,
        default=usual.most_seconds,
        metavar="S",
        help="refuse Girvan-Newman where it may take longer (default: 120)",
    )


def _add_link_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("links and their strength Φ")
    group.add_argument(
        "--topology",
        default="regular",
        metavar="WHICH",
        help="regular (the default), nearest, or a CSV file: a,b[,distance_km,backhaul,overlap]",
    )
    group.add_argument(
        "--degree", type=int, metavar="K", help="links a station (default: 20, or all there are)"
    )
    group.add_argument(
        "--weights",
        type=float,
        nargs=4,
        default=(1.0, 1.0, 1.0, 1.0),
        metavar=("DISTANCE", "BACKHAUL", "OVERLAP", "TRAFFIC"),
        help="how much each term counts (default: 1 1 1 1)",
    )
    group.add_argument("--draw-backhaul", action="store_true", help="draw capacities, which no set carries")
    group.add_argument(
        "--coverage-km", type=float, metavar="R", help="radius (default: to the 4th neighbour)"
    )
    group.add_argument(
        "--noise", type=float, default=0.0, help="that stations add to their signature (default: 0)"
    )
    group.add_argument(
        "--test-days", type=float, default=7, metavar="D", help="leave the last D days unseen (default: 7)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Segment the set, write the folder and say what came out."""
    settings, relating = _settings(arguments), _relation_settings(arguments)
    output_folder.refuse_bad(arguments)
    traffic = read_set(arguments.set, read_options.settings_from(arguments))
    topology = _topology(arguments, traffic)
    attributes = _attributes(arguments, traffic)
    began = time.monotonic()
    phi = relation(topology, attributes, relating)
    found = shown(segmentation(traffic.stations, topology, phi, settings))
    seconds = time.monotonic() - began
    folder = output_folder.named_or_new(arguments, "segment")
    answer = _answer(found, topology, settings, relating) | {
        "terms": list(relation_terms(topology, attributes, relating)),
        "seconds": round(seconds, 3),
        "folder": str(folder),
    }
    with whole_folder(folder, overwrite=arguments.overwrite) as partial:
        _write(partial, found, topology, traffic, attributes.signatures)
    if arguments.json:
        print_json(answer)
    else:
        _print(found, answer, folder)
    return 0


def _settings(arguments: argparse.Namespace) -> SegmentationSettings:
    return SegmentationSettings(
        method=arguments.method,
        clusters=arguments.clusters,
        variant=arguments.variant,
        resolution=arguments.resolution,
        seed=arguments.seed,
        most_seconds=arguments.most_seconds,
    )


def _relation_settings(arguments: argparse.Namespace) -> RelationSettings:
    distance, backhaul, overlap, traffic = arguments.weights
    weights = Weights(distance=distance, backhaul=backhaul, overlap=overlap, traffic=traffic)
    return RelationSettings(weights=weights, coverage_km=arguments.coverage_km)


def _topology(arguments: argparse.Namespace, traffic: Traffic) -> Topology:
    degree = arguments.degree
    if degree is None:
        degree = min(USUAL_DEGREE, len(traffic.stations) - 1)
    if arguments.topology == "regular":
        return regular_topology(len(traffic.stations), degree, arguments.seed)
    if arguments.topology == "nearest":
        return nearest_topology(traffic.positions, degree)
    file = Path(arguments.topology)
    if not file.exists():
        raise InputError(f"unknown topology {arguments.topology!r}, expected regular, nearest or a CSV file")
    return read_links(file, traffic.stations)


def _attributes(arguments: argparse.Namespace, traffic: Traffic) -> Attributes:
    training = training_part(traffic, arguments.test_days)
    revealed = signatures(training, SignatureSettings(noise=arguments.noise, seed=arguments.seed))
    capacity = None
    if arguments.draw_backhaul:
        capacity = drawn_backhaul(len(traffic.stations), np.random.default_rng(arguments.seed))
    return Attributes(traffic.positions, revealed, capacity)


def training_part(traffic: Traffic, test_days: float) -> Traffic:
    """`traffic` without its last `test_days` days."""
    if not 0 <= test_days < np.inf:
        raise InputError(f"test_days must be 0 or more, got {test_days}")
    kept = len(traffic.load) - round(test_days * 1440 / traffic.step_minutes)
    if kept < 1:
        days = len(traffic.load) * traffic.step_minutes / 1440
        raise InputError(
            f"{test_days:g} test days of {days:g} leave nothing to segment by; name fewer --test-days"
        )
    return until_step(traffic, kept)


def _answer(
    found: Segmentation, topology: Topology, settings: SegmentationSettings, relating: RelationSettings
) -> dict[str, object]:
    return {
        "method": found.method,
        "stations": len(found.stations),
        "links": len(topology.ends),
        "clusters": found.clusters,
        "sizes": [len(members) for members in found.members],
        **asdict(found.quality),
        "warnings": warnings(found.quality),
        "cluster_of": dict(zip(found.stations, (found.cluster_of + 1).tolist(), strict=True)),
        "settings": asdict(settings) | {"relation": asdict(relating)},
    }


def _write(
    folder: Path, found: Segmentation, topology: Topology, traffic: Traffic, revealed: Signatures
) -> None:
    clusters = pl.DataFrame({"station": list(found.stations), "cluster": found.cluster_of + 1})
    clusters.write_csv(folder / "segmentation.csv")
    modularity = f"modularity {found.quality.modularity:.3f}"
    title = f"{found.clusters} clusters by {_spoken(found.method)}, {modularity}"
    draw_segmentation(folder / "segmentation.png", found, topology, traffic.positions, revealed, title)


def _spoken(method: str) -> str:
    return {"girvan-newman": "Girvan-Newman", "louvain": "Louvain", "spectral": "normalised cut"}[method]


def _print(found: Segmentation, answer: dict[str, object], folder: Path) -> None:
    terms = answer["terms"]
    assert isinstance(terms, list)
    rows = [
        ("stations, links", f"{answer['stations']:,}, {answer['links']:,}"),
        ("Φ from", ", ".join(terms) or "nothing that differs"),
        ("clusters", f"{found.clusters:,}"),
        ("modularity", f"{found.quality.modularity:.4f}"),
        ("largest share", f"{found.quality.largest_share:.1%}"),
        ("singletons", f"{found.quality.singletons:,}"),
        ("seconds", f"{answer['seconds']}"),
    ]
    print_table(_spoken(found.method), ["", "value"], rows)
    members = found.members
    print_table(
        "",
        ["cluster", "stations", "which"],
        [_cluster_row(*each) for each in enumerate(members[:MOST_LISTED], 1)],
    )
    if len(members) > MOST_LISTED:
        print_text(f"and {len(members) - MOST_LISTED:,} more clusters")
    for warning in warnings(found.quality):
        print_text(f"warning: {warning}")
    print_text(f"picture: {folder / 'segmentation.png'}   clusters: {folder / 'segmentation.csv'}")


def _cluster_row(number: int, stations: Sequence[str]) -> tuple[str, str, str]:
    return (str(number), f"{len(stations):,}", ", ".join(stations[:6]) + (", …" if len(stations) > 6 else ""))
