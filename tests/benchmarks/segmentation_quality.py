"""Which method finds groups that were planted: 5 groups of 10 stations, higher Φ inside them, 5 seeds.

python -m tests.benchmarks.segmentation_quality
"""

import numpy as np

from clustering.quality import agreement
from clustering.segmentation import Segmentation, SegmentationSettings, segmentation
from clustering.topology import Topology, nearest_topology, regular_topology
from data.plane import degrees
from data.progress import finished
from tests.clustering.graphs import Array, names

GROUP = np.repeat(np.arange(5), 10)
SETTINGS = (
    *(SegmentationSettings(clusters=5, variant=variant) for variant in ("sound", "lengths", "literal")),
    *(SegmentationSettings(clusters=5, method=method) for method in ("louvain", "spectral")),
)


def main() -> None:
    """Print the mean agreement with the groups and the mean share of the largest cluster."""
    for kind in ("6 nearest", "20-regular"):
        for settings in SETTINGS:
            found = [segmented(kind, settings, seed) for seed in range(5)]
            agreed = np.mean([agreement(GROUP, each.cluster_of) for each in found])
            largest = np.mean([each.quality.largest_share for each in found])
            variant = settings.variant if settings.method == "girvan-newman" else ""
            print(f"{kind:12} {settings.method:14} {variant:8} ARI {agreed:5.2f}   largest {largest:4.0%}")


def segmented(kind: str, settings: SegmentationSettings, seed: int) -> Segmentation:
    """The segmentation of one planted network."""
    rng = np.random.default_rng(seed)
    centres = 4 * rng.random((5, 2))  # km
    places = centres[GROUP] + rng.normal(0, 0.6, (50, 2))
    positions = degrees(places, (9.0, 0.0))
    topology = nearest_topology(positions, 6) if kind == "6 nearest" else regular_topology(50, 20, seed)
    phi = planted_phi(topology, rng)
    return finished(segmentation(names(50), topology, phi, settings))


def planted_phi(topology: Topology, rng: np.random.Generator) -> Array:
    """About .8 inside groups and .4 between them."""
    one, other = GROUP[topology.ends].T
    phi: Array = np.clip(np.where(one == other, 0.8, 0.4) + rng.normal(0, 0.1, len(one)), 0.01, 1)
    return phi


if __name__ == "__main__":
    main()
