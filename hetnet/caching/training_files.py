"""Trainings of one seed on the disk: all four systems in one file, each as far as it has come."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data.artefacts import JSON, read_artefact, write_artefact
from hetnet.caching.learning import Training
from hetnet.caching.systems import SYSTEMS

KIND = "caching training"


def save_trainings(path: Path, trainings: Mapping[str, Training]) -> None:
    """Store trainings by system at `path`."""
    seed = next(iter(trainings.values())).seed
    header: dict[str, JSON] = {
        "seed": seed,
        "generations": {name: training.generation for name, training in trainings.items()},
    }
    arrays = {
        f"{name}.{part}": np.asarray(getattr(training, part))
        for name, training in trainings.items()
        for part in ("mean", "spread", "curve")
    }
    write_artefact(path, KIND, header, arrays)


def load_trainings(path: Path) -> dict[str, Training]:
    """The trainings that are stored at `path`, by system."""
    header, arrays = read_artefact(path, KIND)
    found = {}
    for system in SYSTEMS:
        if system.name in header["generations"]:
            mean, spread, curve = (arrays[f"{system.name}.{part}"] for part in ("mean", "spread", "curve"))
            generation = header["generations"][system.name]
            found[system.name] = Training(system, header["seed"], generation, mean, spread, curve)
    return found
