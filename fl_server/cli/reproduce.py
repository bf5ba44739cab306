"""`vhtwin reproduce`: make the tables and figures of the papers again, and judge their claims."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from data.errors import InputError
from data.store import refuse_unwritable, whole_file
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_table, print_text
from fl_server.experiments import studies, tables
from fl_server.experiments.caching import CACHING
from fl_server.experiments.catalogue import EXPERIMENTS, Experiment, named
from fl_server.experiments.compression import COMPRESSION
from fl_server.experiments.hierarchical import HIERARCHICAL
from fl_server.experiments.membership import MEMBERSHIP
from fl_server.experiments.over_processes import beside, chosen_cell
from fl_server.experiments.pictures import draw
from fl_server.experiments.poisoning import POISONING
from fl_server.experiments.privacy import PRIVACY
from fl_server.experiments.sources import sources_in
from fl_server.experiments.studies import Studied, Study, studied
from fl_server.experiments.synchronisation import SYNCHRONISATION
from fl_server.experiments.work import Made, Workshop, made

STUDIES = (*HIERARCHICAL, *SYNCHRONISATION, *CACHING, POISONING, COMPRESSION, PRIVACY, MEMBERSHIP)
SEEDS, STUDY_SEEDS = 5, 10
EXAMPLES = """examples:
  vhtwin reproduce list
  vhtwin reproduce table-1                          on the synthetic city
  vhtwin reproduce all --data DIR                   also on the sets in DIR; what was stopped goes on
  vhtwin reproduce table-1 --processes city:20      one entry again over processes; must be the same
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "reproduce",
        help="make the tables and figures of the papers again",
        description="Make the tables and figures of the papers again, and judge their claims.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(each.name for each in (*EXPERIMENTS, *STUDIES))
    parser.add_argument("name", metavar="NAME", help=f"list, all, {names}")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="a set, or a folder of sets, beside the city"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help=f"how often each run is made (default: {SEEDS}; {STUDY_SEEDS} of hdt-…, sync-…, cache-…; 1 if "
        "quick)",
    )
    parser.add_argument("--quick", action="store_true", help="one seed, on the city, without what is slow")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("reproduced"),
        metavar="FOLDER",
        help="where rows, tables and pictures are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="runs at the same time (default: the processors at hand)",
    )
    parser.add_argument(
        "--processes",
        metavar="SET:LABEL",
        help="make this entry alone, in one process and over one for each station, and compare the two",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run, refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Make one experiment or all of them."""
    if arguments.name == "list" and arguments.json:
        print_json({each.name: each.title for each in (*EXPERIMENTS, *STUDIES)})
        return 0
    if arguments.name == "list":
        print_table(
            "", ["name", "what it is"], [(each.name, each.title) for each in (*EXPERIMENTS, *STUDIES)]
        )
        return 0
    if arguments.processes and (arguments.seeds or arguments.quick):
        arguments.refuse("--processes makes one entry with the first seed: expected no --seeds or --quick")
    if arguments.processes:
        return _run_beside(arguments)
    refuse_unwritable(arguments.out)
    workshop = _workshop(arguments)
    by_name = {each.name: each for each in STUDIES}
    if arguments.name in by_name:
        return _tell([_studied(by_name[arguments.name], arguments)], arguments)
    if arguments.name != "all":
        return _tell([_reproduced(named(arguments.name), workshop)], arguments)
    several: list[Made | Studied] = [_reproduced(each, workshop) for each in EXPERIMENTS]
    studies_made = [_studied(each, arguments) for each in STUDIES if not (each.slow and arguments.quick)]
    return _tell([*several, *studies_made], arguments)


def _tell(several: Sequence[Made | Studied], arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json({_name(each): _answer(each) for each in several})
        return 0
    for each in several:
        if isinstance(each, Made):
            _print(each)
        else:
            _print_study(each)
    print_text(f"kept in {arguments.out}")
    return 0


def _name(found: Made | Studied) -> str:
    return found.experiment.name if isinstance(found, Made) else found.study.name


def _run_beside(arguments: argparse.Namespace) -> int:
    """Compare one entry in one process and over many; 1 if anything but time differs."""
    cell = chosen_cell(named(arguments.name), sources_in(arguments.data), arguments.processes)
    found = shown(beside(cell))
    differing = found.differing + ["the twins"] * found.twins_differ
    if arguments.json:
        print_json({"inside": found.inside, "outside": found.outside, "differing": differing})
    else:
        lines = [[name, str(found.inside[name]), str(found.outside[name])] for name in found.inside]
        print_table(
            f"{cell.experiment}, {arguments.processes}", ["", "in one process", "over processes"], lines
        )
        print_text(
            f"differ: {', '.join(differing)}" if differing else "the same twins and figures, time apart"
        )
    return 1 if differing else 0


def _workshop(arguments: argparse.Namespace) -> Workshop:
    seeds = arguments.seeds if arguments.seeds is not None else 1 if arguments.quick else SEEDS
    if seeds < 1:
        raise InputError(f"--seeds {seeds}: expected at least 1")
    if arguments.jobs < 1:
        raise InputError(f"--jobs {arguments.jobs}: expected at least 1")
    if arguments.quick and arguments.data:
        raise InputError("--quick is on the city alone: expected no --data")
    return Workshop(arguments.out, sources_in(arguments.data), seeds, arguments.jobs, arguments.quick)


def _studied(study: Study, arguments: argparse.Namespace) -> Studied:
    seeds = arguments.seeds or (1 if arguments.quick else STUDY_SEEDS)
    found = shown(studied(study, arguments.out, seeds, arguments.jobs))
    with whole_file(arguments.out / f"{study.name}.md") as partial:
        partial.write_text(tables.study_markdown(found))
    study.draw(arguments.out / f"{study.name}.png", found.rows)
    return found


def _reproduced(experiment: Experiment, workshop: Workshop) -> Made:
    found = shown(made(experiment, workshop))
    with whole_file(workshop.folder / f"{experiment.name}.md") as partial:
        partial.write_text(tables.markdown(experiment, found.rows))
    draw(workshop.folder / f"{experiment.name}.png", experiment, found.rows)
    return found


def _print(found: Made) -> None:
    experiment, rows = found.experiment, found.rows
    print_text(experiment.title)
    for source in tables.sources_of(rows):
        mine = rows.filter(source=source)
        lines = list(tables.table(experiment, mine, tables.ERRORS + tables.COSTS))
        print_table(
            f"{source}, by {experiment.varies} (the paper's in brackets)", ["", *experiment.labels], lines
        )
    if experiment.claims:
        lines = [tables.verdict_line(each) for each in tables.verdicts(experiment, rows)]
        print_table("claims", tables.VERDICT_HEADER, lines)
    for each in found.missing:
        print_text(f"not made: {each.source}, {experiment.varies} {each.label}: {each.why}")


def _print_study(found: Studied) -> None:
    study = found.study
    print_text(study.title)
    for part in study.parts:
        header, lines = studies.lines(study, found.rows, part)
        print_table("", header, lines)
    if study.claims:
        lines = [tables.verdict_line(each) for each in studies.verdicts(found)]
        print_table("claims", tables.VERDICT_HEADER, lines)
    if study.differs:
        print_text(f"{study.differs}\n")


def _answer(found: Made | Studied) -> dict[str, object]:
    if isinstance(found, Studied):
        told = [
            dict(zip(tables.VERDICT_HEADER, tables.verdict_line(each), strict=True))
            for each in studies.verdicts(found)
        ]
        return {"rows": found.rows.to_dicts(), "verdicts": told, "differs": found.study.differs}
    verdicts = [
        dict(zip(tables.VERDICT_HEADER, tables.verdict_line(each), strict=True))
        for each in tables.verdicts(found.experiment, found.rows)
    ]
    missing = [{"source": each.source, "label": each.label, "why": each.why} for each in found.missing]
    return {"rows": found.rows.to_dicts(), "verdicts": verdicts, "missing": missing}
