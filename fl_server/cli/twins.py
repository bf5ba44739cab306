"""`vhtwin twins …`: look at the stored twins of runs, and hand them on."""

import argparse

from fl_server.cli import twins_export, twins_list, twins_merge, twins_show


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `twins` and its own verbs to the command's verbs."""
    parser = verbs.add_parser("twins", help="list, show, export and merge the stored twins of runs")
    twin_verbs = parser.add_subparsers(metavar="VERB", required=True)
    for module in (twins_list, twins_show, twins_export, twins_merge):
        module.add_parser(twin_verbs)
