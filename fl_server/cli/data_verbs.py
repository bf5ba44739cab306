"""`vhtwin data …`: make, import, fetch, show and compare sets of traffic."""

import argparse

from fl_server.cli import data_compare, data_fetch, data_import, data_make, data_show


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `data` and its own verbs to the command's verbs."""
    parser = verbs.add_parser("data", help="make, import, fetch, show and compare sets of traffic")
    data_verbs = parser.add_subparsers(metavar="VERB", required=True)
    for module in (data_make, data_import, data_fetch, data_show, data_compare):
        module.add_parser(data_verbs)
