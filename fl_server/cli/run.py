"""`vhtwin run`: start a twinning run on a server whose stations wait."""

import argparse
import sys
import time

from data.errors import InputError
from data.plain import plain
from data.progress import Step, Work
from data.traffic import StationId
from fl_server.cli import read_options, remote, twin_options
from fl_server.cli.progress import shown
from fl_server.cli.report import print_json, print_text
from fl_server.federation.board import words
from fl_server.federation.control import RUNS, STATUS, STOP, Wanted
from fl_server.trust.told import privacy_sentence

LOOK_SECONDS = 0.5
EXAMPLES = """examples:
  vhtwin run --name first --wait-for 6                   six stations; the server may be on another machine
  vhtwin run --name ring --only-clusters first:2         the stations of a cluster of an earlier run alone
  vhtwin run --name first --resume                       go on with it after whatever stopped it
  vhtwin run --name second --epochs 20 --detach          start it, and leave it to the server
  vhtwin run --stop                                      stop the run that is under way; it can be resumed
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command's verbs."""
    parser = verbs.add_parser(
        "run",
        help="start a twinning run on a server whose stations wait",
        description="Start a run on a server, and follow it to its end.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    remote.add_to(parser)
    parser.add_argument("--name", metavar="NAME", help="its folder below that of the server's runs")
    parser.add_argument(
        "--wait-for", type=int, default=0, metavar="N", help="stations to wait for (default: those there)"
    )
    parser.add_argument(
        "--answer-seconds",
        type=float,
        default=Wanted.answer_seconds,
        metavar="S",
        help="close a round without stations that take longer (default: %(default)g)",
    )
    parser.add_argument(
        "--keep-every",
        type=float,
        default=Wanted.keep_every,
        metavar="S",
        help="keep the state every S seconds (default: %(default)g)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run of this name")
    parser.add_argument("--detach", action="store_true", help="do not wait for the end")
    parser.add_argument("--stop", action="store_true", help="stop the run that is under way")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    read_options.add_only(parser.add_argument_group("which stations"))
    twin_options.add_to(parser)
    parser.set_defaults(run=run, refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Start a run, or stop one."""
    server = remote.Server(arguments)
    if arguments.stop:
        print_text(f"stopping {server.post(STOP, None)['stopping']}; vhtwin status tells how it ended")
        return 0
    if not arguments.name:
        arguments.refuse("the following arguments are required: --name")
    if arguments.resume:
        twin_options.refuse_beside_resume(arguments)
        if arguments.wait_for or arguments.only or arguments.only_clusters:
            raise InputError(
                "--resume waits for the stations of the run: expected no --wait-for or --only beside it"
            )
    wanted = Wanted(
        name=arguments.name,
        settings=twin_options.settings_from(arguments),
        stations=arguments.wait_for,
        only=tuple(StationId(each) for each in arguments.only),
        only_clusters=tuple(arguments.only_clusters),
        answer_seconds=arguments.answer_seconds,
        keep_every=arguments.keep_every,
        resume=arguments.resume,
    )
    server.post(RUNS, plain(wanted, {}))
    if arguments.detach:
        print_text(f"started {wanted.name}; vhtwin status tells how it goes")
        return 0
    try:
        how = shown(_followed(server, wanted.name))
    except KeyboardInterrupt:
        print(f"vhtwin: {wanted.name} goes on; vhtwin run --stop stops it", file=sys.stderr)  # noqa: T201
        raise
    if how != "finished":
        raise InputError(f"the run {wanted.name} {how}")
    summary = server.get(f"{RUNS}/{wanted.name}")
    if arguments.json:
        print_json(summary)
    else:
        _print(summary, wanted.name)
    return 0


def _followed(server: remote.Server, name: str) -> Work[str]:
    """The steps of a run as the server tells them, and how it ended."""
    before = None
    while True:
        told = server.get(STATUS)
        how = told["runs"].get(name, "is not known to the server, which was started anew")
        if told["run"] == name and told["total"]:
            counts = words(told["counts"])
            detail = ", ".join(each for each in (told["detail"], counts) if each)
            step = Step(told["stage"], told["done"], told["total"], detail)
            if step != before:
                yield step
            before = step
        elif told["run"] != name and how != "waiting":
            return str(how)
        time.sleep(LOOK_SECONDS)


def _print(summary: remote.Answer, name: str) -> None:
    for letter in ("v", "h"):
        scores = summary[letter]
        if scores:
            errors = ", ".join(f"{each.upper()} {scores[each]:.4f}" for each in ("mse", "mae", "nrmse"))
            print_text(f"{letter.upper()}: G-NDT {errors}; C-NDT MSE {scores['cluster']['mse']:.4f}")
    counts = f"{summary['stations']} stations, {summary['clusters']} clusters"
    sent = f"{summary['updates']:,} updates of the G-NDT, {summary['spared']:,} spared"
    if summary.get("privacy"):
        print_text(privacy_sentence(summary["privacy"]))
    print_text(f"{counts}; {sent}; kept as {name} on the server")
