"""The tables and figures that can be made again: their runs, the paper's numbers, the claims to judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data.errors import InputError
from data.plain import plain
from fl_server.experiments import paper
from fl_server.experiments.cells import Cell
from fl_server.experiments.claims import Claim, along, spread, within
from fl_server.experiments.paper import Numbers
from fl_server.experiments.sources import Source, holds_channel
from forecasting.recipe import HORIZONTAL_TRAINING, VERTICAL_TRAINING

Changes = Mapping[str, Any]  # Any: values of settings, by their places
OUR_TRAINING = {"vertical": VERTICAL_TRAINING, "horizontal": HORIZONTAL_TRAINING}
GIRVAN_NEWMAN, CLUSTERS = "segment.how.method", "segment.how.clusters"
TOO_SLOW = "it takes a minute, which --quick leaves out"
PSI, DISTANCE = "horizontal.psi", "horizontal.distance"


@dataclass(frozen=True)
class Variant:
    """One entry of a table: what it changes in the paper's settings, and the paper's numbers there.

    A `slow` one takes a minute and is left out where things must be quick.
    """

    label: str
    changes: Changes = field(default_factory=dict)
    stations: int = 50
    paper: Numbers = field(default_factory=dict)
    slow: bool = False


@dataclass(frozen=True)
class Experiment:
    """A table or figure; `varies` names what its labels are."""

    name: str
    title: str
    varies: str
    variants: tuple[Variant, ...]
    claims: tuple[Claim, ...] = ()
    ordered: bool = True  # whether the labels are steps along a scale
    channel: str = "internet"

    @property
    def labels(self) -> list[str]:
        """The labels of its variants."""
        return [each.label for each in self.variants]


@dataclass(frozen=True)
class Missing:
    """A row that cannot be made, and why."""

    source: str
    label: str
    why: str


def cells(
    experiment: Experiment, source: Source, seeds: int, *, quick: bool = False
) -> tuple[list[Cell], list[Missing]]:
    """The runs of an experiment on a source, seed by seed; and the rows that the source cannot make."""
    made: list[Cell] = []
    missing = [
        Missing(source.name, each.label, why)
        for each in experiment.variants
        if (why := _refusal(experiment, each, source) or (TOO_SLOW if quick and each.slow else ""))
    ]
    lacking = {each.label for each in missing}
    for seed in range(1, seeds + 1):
        for each in experiment.variants:
            if each.label not in lacking:
                place = (experiment.name, source, each.label, each.stations, seed)
                made.append(Cell(*place, each.changes, experiment.channel))
    return made, missing


def _refusal(experiment: Experiment, variant: Variant, source: Source) -> str:
    if source.refusal:
        return source.refusal
    if source.stations < variant.stations:
        return f"it has {source.stations} stations, expected {variant.stations}"
    if not holds_channel(source, experiment.channel):
        return f"it holds no {experiment.channel}"
    return ""


def named(name: str) -> Experiment:
    """The experiment of this name."""
    found = {each.name: each for each in EXPERIMENTS}
    if name not in found:
        raise InputError(
            f"unknown experiment {name!r}, expected one of {', '.join(found)}, or another that "
            "vhtwin reproduce list names"
        )
    return found[name]


def _flat(numbers: Mapping[str, Numbers], along_what: str, letter: str = "v") -> Claim:
    """That an error differs little along a table, with what it differs in the paper's."""
    errors = [each[f"{letter}_mse"] for each in numbers.values()]
    theirs = (max(errors) - min(errors)) / (sum(errors) / len(errors))
    return Claim(f"{letter.upper()} error is flat over {along_what}", spread(f"{letter}_mse"), 0, theirs)


def _below(numbers: Mapping[str, Numbers]) -> Claim:
    """That H errs less than V, with by how much in the paper's table, its misprint put right."""
    effects = [paper.MEANT.get(each["h_mse"], each["h_mse"]) / each["v_mse"] - 1 for each in numbers.values()]
    return Claim("H error is below V's", within("h_mse", "v_mse"), -1, sum(effects) / len(effects))


def _change(numbers: Mapping[str, Numbers], column: str) -> float:
    """The change of a figure from the first to the last column of the paper's table."""
    first, *_, last = numbers.values()
    return last[column] / first[column] - 1


def _table(
    numbers: Mapping[str, Numbers], changes: Mapping[str, Changes], stations: Mapping[str, int]
) -> tuple[Variant, ...]:
    return tuple(
        Variant(label, changes.get(label, {}), stations.get(label, 50), numbers[label]) for label in numbers
    )


TABLE_1 = Experiment(
    "table-1",
    "Table I: clusters (Girvan-Newman, 50 stations)",
    "clusters",
    _table(
        paper.TABLE_1,
        {label: {GIRVAN_NEWMAN: "girvan-newman", CLUSTERS: int(label)} for label in paper.TABLE_1},
        {},
    ),
    (
        _flat(paper.TABLE_1, "clusters"),
        _below(paper.TABLE_1),
        Claim("V error is above single-level's", within("v_mse", "single_v_mse"), 1, paper.V_ERROR),
        Claim(
            "mapping time rises with clusters",
            along("mapping_seconds", "5", "30"),
            1,
            _change(paper.TABLE_1, "mapping_seconds"),
        ),
        Claim(
            "updates rise with clusters", along("updates", "5", "30"), 1, _change(paper.TABLE_1, "updates")
        ),
    ),
)
TABLE_2 = Experiment(
    "table-2",
    "Table II: stations (Louvain)",
    "stations",
    _table(paper.TABLE_2, {}, {label: int(label) for label in paper.TABLE_2}),
    (
        _flat(paper.TABLE_2, "stations"),
        _flat(paper.TABLE_2, "stations", "h"),
        _below(paper.TABLE_2),
        Claim(
            "mapping time grows with stations",
            along("mapping_seconds", "25", "200"),
            1,
            _change(paper.TABLE_2, "mapping_seconds"),
        ),
        Claim(
            "clusters grow with stations",
            along("v_clusters", "25", "200"),
            1,
            _change(paper.TABLE_2, "v_clusters"),
        ),
        Claim(
            "updates fall with stations", along("updates", "25", "200"), -1, _change(paper.TABLE_2, "updates")
        ),
    ),
)
TABLE_3 = Experiment(
    "table-3",
    "Table III: share of stations that take part (Louvain, 50 stations)",
    "participation",
    _table(
        paper.TABLE_3,
        {
            label: {
                f"{phase}.participation": int(label.split()[0]) / 100 for phase in ("vertical", "horizontal")
            }
            for label in paper.TABLE_3
            if label != "100 %"
        },
        {},
    ),
    (
        _flat(paper.TABLE_3, "participation"),
        _flat(paper.TABLE_3, "participation", "h"),
        _below(paper.TABLE_3),
        Claim("mapping time rises with participation", along("mapping_seconds", "40 %", "100 %"), 1),
        Claim("updates fall with participation", along("updates", "40 %", "100 %"), -1),
    ),
)
FIGURE_4 = Experiment(
    "fig-4",
    "Fig. 4: VH-Twin beside single-level twinning (Louvain, 50 stations)",
    "stations",
    (Variant("50", paper=paper.FIGURE_4["50"]),),
    (
        Claim("V error is above single-level's", within("v_mse", "single_v_mse"), 1, paper.V_ERROR),
        Claim(
            "V takes longer than single-level",
            within("mapping_seconds", "single_mapping_seconds"),
            1,
            paper.V_TIME,
        ),
        Claim("H error is below single-level's", within("h_mse", "single_h_mse"), -1),
        Claim(
            "H overhead is below single-level's: messages with the G-NDT",
            within("h_backhaul_messages_up", "single_h_access_messages_up"),
            -1,
            paper.H_OVERHEAD,
        ),
        Claim(
            "H overhead is below single-level's: messages of all tiers",
            within("h_messages_up", "single_h_access_messages_up"),
            -1,
            paper.H_OVERHEAD,
        ),
    ),
)
THRESHOLDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
FIGURE_5 = Experiment(
    "fig-5",
    "Fig. 5: the threshold psi, on the squared 2-norm (Louvain, 50 stations)",
    "psi",
    tuple(
        Variant(str(each), {DISTANCE: "squared", PSI: each}, paper=paper.FIGURE_5.get(str(each), {}))
        for each in THRESHOLDS
    ),
    (
        Claim(
            "updates fall with psi", along("updates", "0.001", "0.05"), -1, _change(paper.FIGURE_5, "updates")
        ),
        Claim("H error rises with psi", along("h_mse", "0.001", "0.05"), 1, paper.PSI_ERROR),
    ),
)
SMS = Experiment(
    "sms-fig-4",
    "Digital network twins, Fig. 4: V and H with and without clusters, on SMS",
    "stations",
    (Variant("50"),),
    (
        Claim("H error is below V's", within("h_mse", "v_mse"), -1),
        Claim("with clusters V errs as without", within("v_mse", "single_v_mse"), 0),
        Claim("with clusters H errs as without", within("h_mse", "single_h_mse"), 0),
        Claim("H sends more than V", within("h_messages_up", "v_messages_up"), 1),
        Claim(
            "clusters make H cheaper: training and communication, lines to heads ten times as fast",
            within("h_cost", "single_h_cost"),
            -1,
            paper.H_OVERHEAD,
        ),
        Claim(
            "clusters make H cheaper: training and communication, all lines alike",
            within("h_alike_cost", "single_h_cost"),
            -1,
            paper.H_OVERHEAD,
        ),
    ),
    channel="sms",
)
SENSITIVITY = Experiment(
    "sensitivity",
    "What the paper leaves open (Louvain, 50 stations)",
    "choice",
    (
        Variant("as everywhere else"),
        Variant("network: linear", {"recipe.model": "linear"}),
        Variant("network: LSTM in two branches", {"recipe.model": "two-branch-lstm"}, slow=True),
        Variant("inputs: our own", {"recipe.inputs": "profile"}),
        Variant(
            "training: our own", {f"recipe.{name}": plain(how, {}) for name, how in OUR_TRAINING.items()}
        ),
        Variant("batch of the stream: 1 hour", {"horizontal.new_values": 1}),
        Variant("batch of the stream: 64 hours", {"horizontal.new_values": 64}),
        Variant("topology: nearest", {"segment.topology": "nearest"}),
        Variant("refresh: buffered", {"strategies.refresh": "buffered"}),
        Variant("answers: half of a cluster", {"horizontal.ready": 0.5}),
    ),
    ordered=False,
)
ERRATA = Experiment(
    "errata",
    "Slips of the paper, read soundly and as they stand (50 stations)",
    "reading",
    (
        Variant("sound, Louvain"),
        Variant("epsilon as printed", {DISTANCE: "printed", PSI: 0.05}),
        Variant("G-NDT by eq. 3", {"strategies.refresh": "mix"}),
        *(
            Variant(name, {GIRVAN_NEWMAN: "girvan-newman", CLUSTERS: 10, "segment.how.variant": variant})
            for name, variant in (
                ("Girvan-Newman, sound", "sound"),
                ("lengths 1/phi", "lengths"),
                ("lowest phi first", "literal"),
            )
        ),
    ),
    ordered=False,
)
EXPERIMENTS = (FIGURE_4, TABLE_1, TABLE_2, TABLE_3, FIGURE_5, SMS, SENSITIVITY, ERRATA)
