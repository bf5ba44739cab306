"""Whom a sum would reveal: a station that is alone in it."""

from collections.abc import Iterable, Sequence

from data.errors import SettingsError
from data.traffic import StationId


def refuse_lone(groups: Iterable[Sequence[StationId]]) -> None:
    """Refuse groups of stations, each of which makes a sum, where one is of a single station."""
    alone = [group[0] for group in groups if len(group) == 1]
    if alone:
        raise SettingsError(
            f"secure sum: station {alone[0]} would be alone in the sum of its cluster, which would "
            f"reveal its update; expected at least two of every cluster in a round: fewer --clusters, "
            f"larger --groups, or a greater --participation"
        )
