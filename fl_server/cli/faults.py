"""`vhtwin faults`: put faults into a set by a seed, and see who finds them."""

import argparse
from pathlib import Path

from data.sets.tables import read_set
from data.store import refuse_existing, refuse_inside, whole_folder
from data.words import counted
from fl_server.cli import read_options
from fl_server.cli.bounds import PART, POSITIVE, at_least, one_of, refuse_outside
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.faulting import LABELS, OURS, beside, injected, read_labels, within, write_injected
from fl_server.watching import watching
from hetnet.operations.faults import FAULT_KINDS, FaultSettings
from hetnet.operations.judging import Judgement, share_interval

EXAMPLES = """examples:
  vhtwin faults inject DIR --out faulty --seed 1       two of each kind in the last seven days of DIR
  vhtwin faults score RUN --data faulty                what the twins of RUN make of them
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb, with verbs of its own, to the command's verbs."""
    parser = verbs.add_parser(
        "faults",
        help="put faults into a set, and see who finds them",
        description="Put faults into a set by a seed, and hold the twins' alerts against the labels.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below = parser.add_subparsers(metavar="VERB", required=True)
    _add_inject(below)
    _add_score(below)


def _add_inject(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "inject",
        help="write a set with faults, and their labels",
        description="Write the set DIR with faults in its last days, and faults.csv that tells where.",
    )
    usual = FaultSettings()
    parser.add_argument("set", type=Path, metavar="DIR", help="a set: stations.csv beside a traffic file")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    parser.add_argument("--overwrite", action="store_true", help="replace FOLDER if vhtwin wrote it")
    parser.add_argument("--kinds", nargs="+", default=list(FAULT_KINDS), metavar="K",
                        help=f"which (default: all: {', '.join(FAULT_KINDS)})")  # fmt: skip
    parser.add_argument(
        "--each", type=int, default=usual.each, metavar="N", help="faults of each kind (default: %(default)s)"
    )
    parser.add_argument(
        "--days", type=float, default=7.0, metavar="D", help="in the last D days (default: %(default)g)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn (default: %(default)s)")
    parser.add_argument(
        "--handed",
        type=float,
        default=usual.handed,
        metavar="X",
        help="share of a lost load that neighbours take over (default: %(default)g)",
    )
    read_options.add_to(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=inject)


def _add_score(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "score",
        help="precision, recall, delay and localisation, beside plain detectors",
        description="Watch a set with faults by the twins of RUN; hold the alerts against the labels.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a set with faults")
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help=f"where its faults are (default: {LABELS} in DIR)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the isolation forest (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=score)


def inject(arguments: argparse.Namespace) -> int:
    """Write the set with faults and its labels."""
    refuse_inside(arguments.set, arguments.out)
    refuse_existing(arguments.out, overwrite=arguments.overwrite)
    refuse_outside(
        arguments,
        {
            "kinds": one_of(FAULT_KINDS),
            "each": at_least(1),
            "days": POSITIVE,
            "seed": at_least(0),
            "handed": PART,
        },
    )
    settings = FaultSettings(
        kinds=tuple(dict.fromkeys(arguments.kinds)), each=arguments.each, handed=arguments.handed
    )
    traffic = read_set(arguments.set, read_options.settings_from(arguments))
    made = injected(traffic, arguments.days, settings, arguments.seed)
    with whole_folder(arguments.out, overwrite=arguments.overwrite) as partial:
        write_injected(partial, made, {"seed": arguments.seed, "faults": len(made.faults)})
    if arguments.json:
        print_json(
            {"out": str(arguments.out), "labels": str(arguments.out / LABELS), "faults": len(made.faults)}
        )
        return 0
    print_text(
        f"{arguments.out}: {counted(len(made.faults), 'fault')} from {made.faults[0].start} on; "
        f"labels: {arguments.out / LABELS}"
    )
    return 0


def score(arguments: argparse.Namespace) -> int:
    """Print how the twins' alerts tell of the labelled faults, beside two plain detectors."""
    refuse_outside(arguments, {"seed": at_least(0)})
    file = arguments.labels or arguments.data / LABELS
    faults = read_labels(file)
    first = min(fault.start for fault in faults)
    found = shown(watching(arguments.folder, arguments.data))
    if first < found.followed.clock[found.followed.first]:
        found = shown(watching(arguments.folder, arguments.data, since=first))
    inside = within(faults, found.followed, file)
    results = beside(found.followed, found.alerts, inside, arguments.seed)
    if arguments.json:
        print_json(
            {name: {each.kind: _figures(each) for each in several} for name, several in results.items()}
        )
        return 0
    header = [
        "fault",
        "by",
        "faults",
        "recall",
        "by 2nd sample",
        "precision",
        "F1",
        "delay",
        "top 1",
        "top 3",
    ]
    rows = []
    for place, each in enumerate(results[OURS]):
        rows += [[each.kind, name, *_row(several[place])] for name, several in results.items()]
    print_table("with 95 % intervals (Wilson); delays are medians in samples", header, rows)
    print_text(
        "a fault is found by an alert of its kind at its station; the two plain detectors have no kinds: "
        "theirs count as any.\nwhat the set itself holds besides the labels counts as wrong"
    )
    return 0


def _figures(found: Judgement) -> dict[str, object]:
    figures = {
        "faults": found.faults,
        "recall": found.recall,
        "recall_by_second_sample": found.recall_within,
        "precision": found.strict_precision,
        "f1": found.score,
        "delay": found.delay,
        "top1": found.localised(1),
        "top3": found.localised(3),
        "wrong": found.wrong,
    }
    return {name: None if value != value else value for name, value in figures.items()}  # noqa: PLR0124 - NaN


def _row(found: Judgement) -> list[str]:
    alerts = found.found + found.wrong + found.excused
    return [
        str(found.faults),
        _share(found.found, found.faults),
        _share(found.within, found.faults),
        _share(found.found, alerts),
        f"{found.score:.2f}",
        f"{found.delay:g}" if found.delays else "",
        f"{found.localised(1):.2f}" if found.ranks else "",
        f"{found.localised(3):.2f}" if found.ranks else "",
    ]


def _share(some: int, of: int) -> str:
    if not of:
        return ""
    low, high = share_interval(some, of)
    return f"{some / of:.2f} ({low:.2f}-{high:.2f})"
