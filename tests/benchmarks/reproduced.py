"""The README's section on the papers' tables, and the page with all of them, from the rows that are stored.

vhtwin reproduce all --data ../shared/telecom-italia --out .results/reproduced    makes the rows
python -m tests.benchmarks.reproduced                                             writes the pages
"""

from pathlib import Path

import polars as pl

from fl_server.experiments import tables
from fl_server.experiments.caching import FIGURE_5 as CACHE_FIGURE_5
from fl_server.experiments.caching import FIGURE_6 as CACHE_FIGURE_6
from fl_server.experiments.caching import INTERVENTIONS as CACHE_INTERVENTIONS
from fl_server.experiments.caching import SETTINGS as CACHE_SETTINGS
from fl_server.experiments.catalogue import (
    ERRATA,
    EXPERIMENTS,
    FIGURE_5,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    Experiment,
)
from fl_server.experiments.compression import COMPRESSION
from fl_server.experiments.hierarchical import HIERARCHICAL
from fl_server.experiments.ledger import kept_rows
from fl_server.experiments.membership import MEMBERSHIP
from fl_server.experiments.poisoning import POISONING
from fl_server.experiments.privacy import PRIVACY
from fl_server.experiments.sources import CITY
from fl_server.experiments.studies import Studied, Study
from fl_server.experiments.synchronisation import SYNCHRONISATION

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".results" / "reproduced"
ERRATA_PAGE = ROOT / "fl_server" / "experiments" / "ERRATA.md"
MEASURED, MEASURED_END = "<!-- measured -->\n", "<!-- end of measured -->"
PAGE = ROOT / "fl_server" / "experiments" / "RESULTS.md"
BEGIN, END = "<!-- results: reproduced -->\n", "<!-- end of reproduced -->"
SOURCES = (CITY, "milan25", "milan88", "trento223")
SHOWN = ("v_mse", "h_mse", "mapping_seconds", "updates", "v_clusters", "largest_share")
ABOUT = """# The papers' tables, made again

Every figure is the mean of five seeds with its 95 % interval (Student's t), each seed with its own stations
where the set has more; ratios leave out seeds whose first figure is 0. In brackets what the paper prints.
`vhtwin reproduce all --data DIR` makes this page's rows; [ERRATA.md](ERRATA.md) says where the paper and we
differ, and why.

"""


HETNET_PAGE = ROOT / "hetnet" / "RESULTS.md"
HETNET_ABOUT = """# The figures of the hierarchical-twin paper, made again

Means of ten seeds with their 95 % intervals (Student's t), each seed with its own network; in brackets what
the paper tells. `vhtwin reproduce hdt-fig4` and so on make this page's rows and draw the figures;
[ERRATA.md](ERRATA.md) says how the paper is read, [README.md](README.md) what the simulation rests on.

"""


CROSSING_PAGE = ROOT / "fl_server" / "crossing" / "RESULTS.md"
CROSSING_ABOUT = """# Fewer bytes, and what they cost

Means of ten seeds with their 95 % intervals (Student's t), each with 20 stations of a synthetic city; all
phases of a run together. Bytes, both ways, are held against those of whole weights: all that crosses between
stations, clusters and network, then what crosses between stations and clusters alone (up and down). The
error is the worst of four twins (V and H, G-NDT and C-NDT) against the same run without coding. A coding that
is named alone is that of all tiers; of several the last is that between clusters and network. ψ 3e-6 is a
gate that lets fewer C-NDTs through than the usual 1e-6. `vhtwin reproduce compression` makes the rows.

"""


SYNC_PAGE = ROOT / "hetnet" / "sync" / "RESULTS.md"
SYNC_ABOUT = """# When a twin is worth refreshing: the figures

Means over seeds with their 95 % intervals (Student's t), each seed with its own users; in brackets what the
paper tells. `vhtwin reproduce sync-fig2` and so on make this page's rows and draw the figures;
[README.md](README.md) says what the parts are.

"""


CACHE_PAGE = ROOT / "hetnet" / "caching" / "RESULTS.md"
CACHE_STUDIES = (CACHE_FIGURE_5, CACHE_FIGURE_6, CACHE_SETTINGS, CACHE_INTERVENTIONS)
CACHE_ABOUT = """# Edge caching on the twin: the figures

Means over seeds with their 95 % intervals (Student's t), each seed with its own clients, requests, twin and
search. The paper tells no numbers. `vhtwin reproduce cache-fig5` and so on make this page's rows and draw
the figures; [README.md](README.md) says what the parts are, and what the figures rest on.

"""


TRUST_PAGE = ROOT / "fl_server" / "trust" / "RESULTS.md"
TRUST_ABOUT = """# What attackers cost, and what defences save; what privacy costs, and what it hides

Means over seeds with their 95 % intervals (Student's t), each seed with its own stations and attackers, on
the test days. `vhtwin reproduce poisoning`, `privacy` and `membership` make this page's rows;
[README.md](README.md) says what the attacks and defences are, [PRIVACY.md](PRIVACY.md) what a budget is.

"""


def trust_page() -> str:
    """The studies of poisoned and of private updates."""
    several = POISONING, PRIVACY, MEMBERSHIP
    return TRUST_ABOUT + "\n".join(tables.study_markdown(studied_of(each)) for each in several)


def studied_of(study: Study) -> Studied:
    """The stored rows of a study."""
    frame = pl.DataFrame(list(kept_rows(RESULTS / f"{study.name}.csv").values()), infer_schema_length=None)
    return Studied(study, frame.sort("seed", maintain_order=True))


def hetnet_page() -> str:
    """All tables of the hierarchical-twin paper's figures."""
    return HETNET_ABOUT + "\n".join(tables.study_markdown(studied_of(each)) for each in HIERARCHICAL)


def sync_page() -> str:
    """All tables on twin synchronisation."""
    return SYNC_ABOUT + "\n".join(tables.study_markdown(studied_of(each)) for each in SYNCHRONISATION)


def cache_page() -> str:
    """All tables on edge caching."""
    return CACHE_ABOUT + "\n".join(tables.study_markdown(studied_of(each)) for each in CACHE_STUDIES)


def crossing_page() -> str:
    """What codings save and cost."""
    return CROSSING_ABOUT + tables.study_markdown(studied_of(COMPRESSION))


def rows_of(experiment: Experiment) -> pl.DataFrame:
    """The stored rows of an experiment, in the order of the sources, the labels and the seeds."""
    frame = pl.DataFrame(
        list(kept_rows(RESULTS / f"{experiment.name}.csv").values()), infer_schema_length=None
    )
    orders = {"source": SOURCES, "label": experiment.labels}
    ranks = [pl.col(name).replace_strict(list(order), range(len(order))) for name, order in orders.items()]
    return frame.sort(*ranks, "seed")


def section() -> str:
    """The README's section: the claims on all sources, and the tables on the city."""
    header = ["", "claim of the paper", "paper", *SOURCES]
    claims = [line for each in EXPERIMENTS for line in tables.claim_lines(each, rows_of(each), SOURCES)]
    parts = [tables.markdown_table(header, claims)]
    for experiment in (TABLE_1, TABLE_2, TABLE_3, FIGURE_5):
        rows = rows_of(experiment).filter(source=CITY)
        columns = [each for each in tables.ERRORS + tables.COSTS if each.name in SHOWN and _told(each)]
        lines = list(tables.table(experiment, rows, columns))
        parts.append(tables.markdown_table([experiment.title, *experiment.labels], lines))
    return "\n" + "\n".join(parts) + "\n"


def _told(column: tables.Column) -> bool:
    """Seconds and counts are told as ratios here."""
    return column.ratio or column.name not in ("mapping_seconds", "updates")


def measured() -> str:
    """What the pages of slips has at its end: each reading on the city."""
    rows = rows_of(ERRATA).filter(source=CITY)
    lines = list(tables.table(ERRATA, rows, tables.ERRORS[:4] + tables.COSTS))
    return "\n" + tables.markdown_table(["on the city", *ERRATA.labels], lines) + "\n"


def page() -> str:
    """All tables of all experiments."""
    return ABOUT + "\n".join(tables.markdown(each, rows_of(each)) for each in EXPERIMENTS)


def put(file: Path, begin: str, end: str, text: str) -> None:
    """Put a text between two marks of a page."""
    before, rest = file.read_text().split(begin)
    file.write_text(before + begin + text + end + rest.split(end)[1])


if __name__ == "__main__":
    put(ROOT / "README.md", BEGIN, END, section())
    put(ERRATA_PAGE, MEASURED, MEASURED_END, measured())
    PAGE.write_text(page())
    HETNET_PAGE.write_text(hetnet_page())
    SYNC_PAGE.write_text(sync_page())
    TRUST_PAGE.write_text(trust_page())
    CROSSING_PAGE.write_text(crossing_page())
    CACHE_PAGE.write_text(cache_page())
