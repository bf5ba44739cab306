"""What decides a twinning run, beside the set: every choice has its default here and nowhere else."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from clustering.drift import DriftSettings
from clustering.relation import RelationSettings
from clustering.segmentation import HEADS, SegmentationSettings
from clustering.signatures import SignatureSettings
from data.errors import InputError
from fl_server.aggregation.flower import PREFIX
from fl_server.aggregation.means import sum_by
from fl_server.aggregation.refresh import chosen_refresh
from fl_server.aggregation.strategies import chosen_strategy, proximal_of
from fl_server.crossing.settings import CrossingSettings
from fl_server.trust.settings import AttackSettings, DefenceSettings
from forecasting.recipe import Recipe
from hetnet.sync.gates import GateSettings

Distance = Literal["mean", "squared", "printed"]


@dataclass(frozen=True, kw_only=True)
class Strategies:
    """How updates are brought together at each tier; see aggregation/README.md for the names.

    Rules of the user's own are looked up when a run needs them, so that its folder can be read without them.
    """

    cluster: str = "mean"
    top: str = "mean"
    refresh: str = "cluster-mean"

    def __post_init__(self) -> None:
        for spec in (self.cluster, self.top):
            if "." not in spec.partition(":")[0]:
                chosen_strategy(spec)
        chosen_refresh(self.refresh, chosen_strategy("mean"))


@dataclass(frozen=True, kw_only=True)
class SegmentSettings:
    """How stations are segmented, and after how many epochs of each phase again; 0 means never again.

    `topology` is regular, nearest or a CSV file of links. A `degree` of 0 is 20 links for the regular one
    and 6 for the nearest, or as many as are possible.
    """

    how: SegmentationSettings = field(default_factory=lambda: SegmentationSettings(method="louvain"))
    topology: str = "nearest"
    degree: int = 0
    relation: RelationSettings = field(default_factory=RelationSettings)
    signature: SignatureSettings = field(default_factory=SignatureSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)
    every_vertical: int = 10
    every_horizontal: int = 5

    def __post_init__(self) -> None:
        if self.degree < 0:
            raise InputError(f"degree must be at least 1, or 0 for the usual one, got {self.degree}")
        if min(self.every_vertical, self.every_horizontal) < 0:
            raise InputError(
                f"segmentations must be 0 or more epochs apart, got {self.every_vertical} and "
                f"{self.every_horizontal}"
            )


@dataclass(frozen=True, kw_only=True)
class VerticalSettings:
    """V-twinning: `epochs` rounds in which a share of each cluster's stations takes part.

    In the last share of them, `settling`, the clusters keep to themselves, which makes their twins fit them
    better; 0 is Algorithm 2 as printed. A cluster with fewer than `least_answers` updates keeps its twin in
    that round. With `stop_after` the rounds end early, or go over to settling, when so many of them in a row
    have not lowered the loss by a thousandth.
    """

    epochs: int = 100
    settling: float = 0.05
    participation: float = 1.0
    least_answers: int = 1
    stop_after: int = 0

    def __post_init__(self) -> None:
        _refuse_bad_epochs(self.epochs)
        _refuse_bad_share("participation", self.participation)
        if self.stop_after < 0:
            raise InputError(f"stop_after must be at least 1, or 0 for never, got {self.stop_after}")
        if not 0 <= self.settling < 1:
            raise InputError(f"settling must be a share of the epochs in [0, 1), got {self.settling}")
        if self.least_answers < 1:
            raise InputError(f"least_answers must be at least 1, got {self.least_answers}")

    @property
    def settling_epochs(self) -> int:
        """In how many of the last epochs the clusters keep to themselves."""
        return round(self.settling * self.epochs)


@dataclass(frozen=True, kw_only=True)
class HorizontalSettings:
    """H-twinning: the stream is parted into `epochs`; a station trains after so many new values.

    A cluster makes its twin anew once `ready` of its stations have answered since the last time, or
    `patience_hours` after the first did. It sends the twin up when its `gate` opens: usually when that lies
    farther than `psi` from the last G-NDT it saw. The `distance` is the mean of the squared differences of
    the parameters, or their sum, or what the paper prints.
    `new_values` of 0 stands for the length of an epoch.
    """

    epochs: int = 20
    new_values: int = 0
    psi: float = 1e-6
    distance: Distance = "mean"
    ready: float = 1.0
    patience_hours: float = 6.0
    participation: float = 1.0
    gate: GateSettings = field(default_factory=GateSettings)

    def __post_init__(self) -> None:
        _refuse_bad_epochs(self.epochs)
        _refuse_bad_share("participation", self.participation)
        _refuse_bad_share("ready", self.ready)
        if not 0 < self.psi < np.inf:
            raise InputError(f"the threshold psi must be positive, got {self.psi}")
        if self.new_values < 0:
            raise InputError(
                f"new_values must be at least 1, or 0 for the length of an epoch, got {self.new_values}"
            )
        if not 0 < self.patience_hours < np.inf:
            raise InputError(f"patience_hours must be positive, got {self.patience_hours}")


@dataclass(frozen=True, kw_only=True)
class BehaviourSettings:
    """How stations differ and fail, drawn for each by its id.

    A training takes `training_hours` of the stream's time at the middle station; the logarithm of this
    spreads by `speed_spread`. A share of stations sleeps at night, from 0 to 6 o'clock. All drop out, after
    1 / `dropouts` of a week on average (0: never), and return after `away_hours` on average. In V-twinning a
    station whose training would take longer than `deadline` times the usual is too late for its round; 0
    waits for all.
    """

    training_hours: float = 0.5
    speed_spread: float = 0.5
    sleepers: float = 0.1
    dropouts: float = 0.2
    away_hours: float = 12.0
    deadline: float = 0.0

    def __post_init__(self) -> None:
        for name in ("training_hours", "away_hours"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("speed_spread", "dropouts", "deadline"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0 <= self.sleepers <= 1:
            raise InputError(f"the share of sleepers must be in [0, 1], got {self.sleepers}")


@dataclass(frozen=True, kw_only=True)
class TwinSettings:
    """All settings of a run."""

    recipe: Recipe = field(default_factory=Recipe)
    segment: SegmentSettings = field(default_factory=SegmentSettings)
    strategies: Strategies = field(default_factory=Strategies)
    vertical: VerticalSettings = field(default_factory=VerticalSettings)
    horizontal: HorizontalSettings = field(default_factory=HorizontalSettings)
    behaviour: BehaviourSettings = field(default_factory=BehaviourSettings)
    crossing: CrossingSettings = field(default_factory=CrossingSettings)
    single_level: bool = True  # whether the same is done without clusters, to compare
    attack: AttackSettings = field(default_factory=AttackSettings)
    defence: DefenceSettings = field(default_factory=DefenceSettings)

    def __post_init__(self) -> None:
        if self.defence.kind != "none" and self.segment.how.method == HEADS:
            raise InputError(
                "defence pairing: draws its witnesses from the whole network, and a cluster head sees its "
                "own stations alone; leave one of the two out"
            )
        if self.attack.kind != "none" and self.crossing.coded:
            raise InputError(
                "attack: stations that remember what their updates left out cannot be looked into; expected "
                "no compress beside a simulated attack"
            )
        crossing = self.crossing
        if (not crossing.plain or crossing.between_clusters) and self.segment.how.method == HEADS:
            raise InputError(
                "compress, secure sum: cluster heads on machines of their own take updates and twins as they "
                "are; expected another method than heads, or neither of them"
            )
        if self.crossing.secure_sum and (self.attack.kind, self.defence.kind) != ("none", "none"):
            raise InputError(
                "secure sum: attacks and defences look into single updates, which nobody sees; expected no "
                "attack and no defence beside it"
            )
        if self.recipe.privacy.on:
            refuse_what_tells(self)
        if self.crossing.secure_sum:
            self._refuse_what_needs_single_updates()

    def _refuse_what_needs_single_updates(self) -> None:
        spec = self.strategies.cluster
        if (
            "." in spec.partition(":")[0]
            or spec.startswith(PREFIX)
            or sum_by(chosen_strategy(spec)) == "nothing"
        ):
            raise InputError(
                f"secure sum: the strategy {spec} needs the single updates, which nobody sees; expected "
                f"mean, weighted-mean or fedprox"
            )
        if self.recipe.personal != "none":
            raise InputError(
                "secure sum: personal twins would show the server what single stations have; expected "
                "--personal none"
            )
        if self.horizontal.epochs:
            raise InputError(
                "secure sum: in H-twinning stations answer one by one, at times of their own, and what comes "
                "alone cannot be summed unseen; expected --stream-epochs 0"
            )

    @property
    def station_recipe(self) -> Recipe:
        """What the stations do, the proximal term that a strategy asks of them included."""
        recipe = self.recipe
        if recipe.privacy.on:
            recipe = replace(recipe, privacy=recipe.privacy.planned(releases_of(self)))
        proximal = max(proximal_of(self.strategies.cluster), proximal_of(self.strategies.top))
        if not proximal:
            return recipe
        phases = {name: getattr(recipe, name) for name in ("vertical", "settling", "horizontal")}
        return replace(recipe, **{name: replace(how, proximal=proximal) for name, how in phases.items()})


def releases_of(settings: TwinSettings) -> int:
    """How many releases a station makes in a run: changes of its weights, and signatures.

    In the stream it trains once in an epoch, and once more if it has gathered values before that.
    """
    stream, every = settings.horizontal.epochs, settings.segment.every_horizontal
    again = stream // every if every and not settings.segment.how.is_given else 0
    return 1 + again + settings.vertical.epochs + (stream + 1 if stream else 0)


def refuse_what_tells(settings: TwinSettings) -> None:
    """Refuse what would tell more of a station's series than its privacy budget covers."""
    privacy, least = settings.recipe.privacy, settings.vertical.epochs + 1
    reasons = {
        "personal twins would show the server what single stations have; expected --personal none": (
            settings.recipe.personal != "none"
        ),
        "the comparison without clusters would have every station spend its budget twice; expected "
        "--no-single-level": settings.single_level,
        "witnesses tell how updates err on their readings, which no noise covers; expected no pairing": (
            settings.defence.kind != "none"
        ),
        "a simulated attacker has stations train more than once for one update, which they have no budget "
        "for; expected no attack": settings.attack.kind != "none",
        "a cluster head is a server of its own to its stations, and keeps no account of their budgets; "
        "expected another method than heads": settings.segment.how.method == HEADS,
        "stations tell no loss by which rounds could be stopped; expected vertical.stop_after 0": (
            settings.vertical.stop_after > 0
        ),
        f"{privacy.releases} releases are spent before V-twinning ends; expected at least {least}, or 0": (
            0 < privacy.releases < least
        ),
    }
    for reason, holds in reasons.items():
        if holds:
            raise InputError(f"privacy: {reason}")


def _refuse_bad_epochs(epochs: int) -> None:
    if epochs < 0:
        raise InputError(f"epochs must not be negative, got {epochs}")


def _refuse_bad_share(name: str, share: float) -> None:
    if not 0 < share <= 1:
        raise InputError(f"{name} must lie in (0, 1], got {share}")
