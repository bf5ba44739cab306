"""What the README of aggregation says is so."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fl_server.aggregation import strategies
from fl_server.aggregation.flower import UNUSABLE, USABLE
from fl_server.aggregation.refresh import REFRESHES
from fl_server.aggregation.strategies import NAMES, chosen_strategy, result_of
from tests.fl_server.aggregation.cases import updates_of

README = Path(strategies.__file__).with_name("README.md").read_text()


def test_its_tables_list_every_rule() -> None:
    assert re.findall(r"^\| `([a-z-]+)`", README, flags=re.MULTILINE) == [*NAMES, *REFRESHES]


def test_it_lists_the_flower_strategies_that_can_be_used_and_not() -> None:
    usable = README.partition("- Usable: ")[2].partition(". Where")[0]
    assert tuple(usable.replace(",", "").split()) == USABLE
    refused = README.partition("- Not usable: ")[2].partition("differential")[0]
    assert all(name in refused or name.startswith("FedXgb") for name in UNUSABLE)


def test_its_own_strategy_is_short_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (spec,) = re.findall(r"`(my_rules\.clipped_mean:[^`]+)`", README)
    assert len(code.splitlines()) < 20
    (tmp_path / "my_rules.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    strategy = chosen_strategy(spec)
    updates = updates_of([[3, 0], [0, 0.25]])  # the first is 3 away and held at .5
    first, state = result_of(strategy, np.zeros(2, dtype=np.float32), updates, {})
    _, state = result_of(strategy, first, updates, state)
    np.testing.assert_array_equal(first, [0.25, 0.125])
    assert state["calls"] == 2
    sys.modules.pop("my_rules")
