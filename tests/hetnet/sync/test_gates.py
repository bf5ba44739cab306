import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from hetnet.sync.gates import (
    FEATURES,
    GateSettings,
    LearnedGate,
    Sighting,
    advantage,
    features,
    gate_named,
    gate_text,
    learned_gate,
    opens,
    read_gate,
)

SEEN = Sighting(age=1.5, distance=2e-6, error=0.22, error_then=0.2, load=1.0, reports=3, cluster=0)


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (GateSettings(), True),
        (GateSettings(rule="always"), True),
        (GateSettings(rule="never"), False),
        (GateSettings(rule="every", every=3), True),
        (GateSettings(rule="every", every=4), False),
        (GateSettings(rule="error", error=1.05), True),
        (GateSettings(rule="error", error=1.2), False),
    ],
)
def test_each_rule_opens_when_it_says(gate: GateSettings, expected: bool) -> None:
    assert opens(gate, 1e-6, SEEN) is expected


def test_a_distance_equal_to_psi_keeps_the_gate_shut() -> None:
    assert not opens(GateSettings(), 2e-6, SEEN)


def test_features_are_of_about_one() -> None:
    assert features(SEEN, 2e-7) == pytest.approx([1.5, 1.0, 0.1, 0.5])
    assert features(replace(SEEN, distance=0.0, error_then=0.0), 1.0) == pytest.approx([1.5, -3.0, 0.0, 0.5])


def test_a_learned_gate_computes_what_its_network_says() -> None:
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=shape) for shape in ((4, 3), (3, 2), (3,), (2,))]
    outputs = np.maximum(features(SEEN, 1e-6) @ weights[0] + weights[2], 0) @ weights[1] + weights[3]
    gate = learned_gate(weights, 1e-6)
    assert advantage(gate, SEEN) == pytest.approx(outputs[1] - outputs[0])
    assert opens(GateSettings(rule="learned", learned=gate), 1.0, SEEN) == (outputs[1] > outputs[0])


def test_a_learned_gate_is_read_as_it_was_written(tmp_path: Path) -> None:
    gate = learned_gate([np.full((4, 2), 0.1), np.eye(2), np.zeros(2), np.zeros(2)], 1e-6)
    file = tmp_path / "gate.json"
    file.write_text(gate_text(gate))
    assert gate_named(str(file)) == GateSettings(rule="learned", learned=gate)


def test_named_gates() -> None:
    assert gate_named("psi") == GateSettings()
    assert gate_named("every:6") == GateSettings(rule="every", every=6)
    assert gate_named("error:1.2") == GateSettings(rule="error", error=1.2)


@pytest.mark.parametrize("words", ["evry:3", "every:x", "every:0", "error:-1", "error:", "no-such-file"])
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(InputError, match=r"policy|gate"):
        gate_named(words)


@pytest.mark.parametrize(
    "held",
    [
        "not JSON",
        "[]",
        json.dumps({"features": ["age"], "gate": {}}),
        json.dumps({"features": list(FEATURES), "gate": {"hidden": [[1.0]], "out": [1.0, 2.0], "unit": 1.0}}),
        json.dumps({"features": list(FEATURES), "gate": {"hidden": [[0.0]] * 5, "out": [1, 2], "unit": 0}}),
        json.dumps({"features": list(FEATURES), "gate": {"size": 2}}),
    ],
)
def test_a_file_that_is_no_gate_is_refused(tmp_path: Path, held: str) -> None:
    file = tmp_path / "gate.json"
    file.write_text(held)
    with pytest.raises(InputError):
        read_gate(file)


def test_a_gate_without_a_network_is_refused() -> None:
    with pytest.raises(InputError, match="learned gate"):
        GateSettings(rule="learned", learned=LearnedGate())
