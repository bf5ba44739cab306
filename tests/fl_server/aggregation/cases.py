"""Updates for the tests of aggregation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fl_server.aggregation.updates import Floats, Updates


@dataclass(frozen=True)
class Case:
    """A tier's twin and what it is sent."""

    current: Floats  # (P,)
    updates: Updates


def updates_of(
    weights: Sequence[Sequence[float]], samples: Sequence[int] = (), layers: tuple[int, ...] = ()
) -> Updates:
    """Updates with these weights, one sample each by default."""
    counts = np.array(samples or [1] * len(weights), dtype=np.int64)
    return Updates(np.array(weights, dtype=np.float32), counts, layers)


def drawn_case(seed: int, contributors: int = 7, layers: tuple[int, ...] = (5, 3)) -> Case:
    """A seeded case of normal weights and equal samples."""
    rng = np.random.default_rng(seed)
    size = sum(layers)
    weights = rng.normal(size=(contributors, size)).astype(np.float32)
    current = rng.normal(size=size).astype(np.float32)
    return Case(current, Updates(weights, np.full(contributors, 4), layers))


@st.composite
def cases(draw: st.DrawFn, fewest: int = 1) -> Case:
    """Any case of eighths, whose sums and differences are exact in float32."""
    contributors = draw(st.integers(fewest, 9))
    layers = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    eighths = st.integers(-64, 64)
    weights = draw(arrays(np.int64, (contributors, sum(layers)), elements=eighths))
    current = draw(arrays(np.int64, sum(layers), elements=eighths))
    samples = draw(arrays(np.int64, contributors, elements=st.integers(0, 50)))
    updates = Updates((weights / 8).astype(np.float32), samples, draw(st.sampled_from([layers, ()])))
    return Case((current / 8).astype(np.float32), updates)
