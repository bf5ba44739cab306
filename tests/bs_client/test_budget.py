"""Budgets of privacy: what is asked for twice costs once, and what was spent is never forgotten."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from bs_client.budget import Budget, content_of
from data.errors import InputError
from data.traffic import StationId
from forecasting.private import PrivacySettings

SETTINGS = PrivacySettings(kind="series", releases=3)
ONE, TWO = StationId("s1"), StationId("s2")


def budget(folder: Path | None = None, settings: PrivacySettings = SETTINGS) -> Budget:
    return Budget((ONE, TWO), settings, folder=folder)


def test_the_same_content_has_the_same_key_and_is_counted_once() -> None:
    mine = budget()
    first = mine.charged({ONE: b"a", TWO: b"a"})
    assert mine.charged({ONE: b"a", TWO: b"a"}) == first
    assert first[ONE] != first[TWO]
    assert (mine.releases(ONE), mine.releases(TWO)) == (1, 1)


def test_another_content_has_another_key_and_is_counted() -> None:
    mine = budget()
    keys = {mine.charged({ONE: content})[ONE] for content in (b"a", b"b", b"c")}
    assert len(keys) == 3
    assert mine.releases(ONE) == 3


def test_who_has_spent_all_gets_no_key_but_for_what_it_has_sent_before() -> None:
    mine = budget()
    for content in (b"a", b"b", b"c"):
        mine.charged({ONE: content})
    assert mine.charged({ONE: b"d", TWO: b"d"}).keys() == {TWO}
    assert mine.charged({ONE: b"b"}).keys() == {ONE}
    assert mine.releases(ONE) == 3


def test_secrets_of_two_runs_are_others() -> None:
    assert budget().charged({ONE: b"a"}) != budget().charged({ONE: b"a"})


def test_a_station_that_is_started_anew_has_spent_what_it_had_spent(tmp_path: Path) -> None:
    keys = budget(tmp_path).charged({ONE: b"a"})
    again = budget(tmp_path)
    assert again.releases(ONE) == 1
    assert again.charged({ONE: b"a"}) == keys


def test_budgets_stay_whatever_other_stations_share_their_process(tmp_path: Path) -> None:
    keys = budget(tmp_path).charged({ONE: b"a", TWO: b"b"})
    alone = Budget((TWO,), SETTINGS, folder=tmp_path)
    assert alone.charged({TWO: b"b"}) == {TWO: keys[TWO]}
    alone.charged({TWO: b"c"})
    assert budget(tmp_path).releases(TWO) == 2


def test_it_is_written_down_before_a_key_is_given_away_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    budget(tmp_path).charged({ONE: b"a"})
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Budget((ONE,), SETTINGS, folder=tmp_path).releases(ONE) == 1


def test_what_was_spent_without_a_folder_goes_into_the_first_one(tmp_path: Path) -> None:
    mine = budget()
    mine.charged({ONE: b"a"})
    mine.keep_in(tmp_path)
    assert budget(tmp_path).releases(ONE) == 1


@pytest.mark.parametrize("change", [{"epsilon": 9.0}, {"releases": 4}, {"clip": 1.0}, {"delta": 1e-3}])
def test_another_budget_for_the_same_run_is_refused(tmp_path: Path, change: dict[str, float]) -> None:
    budget(tmp_path).charged({ONE: b"a"})
    with pytest.raises(InputError, match="was opened for ε = 8"):
        budget(tmp_path, replace(SETTINGS, **change)).charged({ONE: b"b"})  # type: ignore[arg-type]  # floats


@pytest.mark.parametrize("content", ["", "{", "[]", '{"budget": {}, "accounts": 3}'])
def test_a_file_that_cannot_be_read_lets_nobody_send(tmp_path: Path, content: str) -> None:
    budget(tmp_path).charged({ONE: b"a"})
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    with pytest.raises(InputError, match="nobody knows what is spent"):
        budget(tmp_path).charged({ONE: b"b"})


@pytest.mark.parametrize("secret", ["", "5e", "not hex" * 10, "5E" * 32, "5e" * 33])
def test_noise_that_anybody_could_guess_is_made_of_no_secret(tmp_path: Path, secret: str) -> None:
    budget(tmp_path).charged({ONE: b"a"})
    (file,) = tmp_path.iterdir()
    ledger = json.loads(file.read_text())
    ledger["accounts"][ONE]["secret"] = secret
    file.write_text(json.dumps(ledger))
    with pytest.raises(InputError, match=f"{file.name}: .* expected 32 bytes as hex"):
        budget(tmp_path).charged({ONE: b"a"})


def test_contents_differ_in_each_part() -> None:
    found = {
        content_of("change", (0, 1), (b"ab", b"c")),
        content_of("change", (0, 1), (b"a", b"bc")),
        content_of("change", (0, 2), (b"ab", b"c")),
        content_of("signature", (0, 1), (b"ab", b"c")),
    }
    assert len(found) == 4
