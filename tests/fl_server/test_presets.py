"""Settings are laid over one another, later ones winning; what cannot be read is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.plain import plain
from fl_server.presets import laid_over, preset, settings_of, table_of, table_of_pairs
from fl_server.settings import TwinSettings

names = st.sampled_from("abcd")
tables = st.recursive(
    st.dictionaries(names, st.integers()),
    lambda deeper: st.dictionaries(names, deeper | st.integers()),
    max_leaves=8,
)


def test_no_table_makes_the_defaults() -> None:
    assert settings_of() == TwinSettings() == settings_of(preset("default"))


def test_a_preset_wins_over_the_defaults_a_file_over_it_and_a_pair_over_both(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[recipe]\ninputs = 'day'\n[vertical]\nepochs = 30\nleast_answers = 3\n")
    made = settings_of(preset("paper"), table_of(file), table_of_pairs(["vertical.epochs=40"]))
    assert made.recipe.vertical.optimizer == "sgd"  # the preset
    assert made.recipe.inputs == "day"  # the file, against the preset
    assert (made.vertical.epochs, made.vertical.least_answers) == (40, 3)  # the pair, and the file
    assert made.horizontal == TwinSettings().horizontal  # the defaults
    other_way = settings_of(table_of_pairs(["vertical.epochs=40"]), table_of(file))
    assert other_way.vertical.epochs == 30


def test_the_papers_preset_is_that_of_its_experiments() -> None:
    paper = settings_of(preset("paper"))
    for phase in (paper.recipe.vertical, paper.recipe.horizontal):
        assert (phase.learning_rate, phase.batch_size, phase.optimizer, phase.schedule) == (
            0.01,
            64,
            "sgd",
            "constant",
        )
    assert (paper.recipe.inputs, paper.vertical.epochs, paper.vertical.settling) == ("paper", 100, 0)
    assert paper.horizontal.epochs == 20


@given(tables, tables)
def test_every_value_of_the_upper_table_wins_and_others_stay(
    under: dict[str, object], over: dict[str, object]
) -> None:
    made = laid_over(under, over)
    assert made.keys() == under.keys() | over.keys()
    for name, value in made.items():
        if name not in over:
            assert value == under[name]
        elif isinstance(value, dict) and isinstance(under.get(name), dict):
            assert value == laid_over(under[name], over[name])  # type: ignore[arg-type]  # both were seen to be tables
        else:
            assert value == over[name]
    assert laid_over(made, over) == made
    assert laid_over(under, {}) == under


def test_tables_that_are_laid_over_are_not_changed() -> None:
    before = plain(TwinSettings(), {})
    settings_of(preset("paper"), {"vertical": {"epochs": 20}})
    assert plain(TwinSettings(), {}) == before
    assert preset("default") == {}


@pytest.mark.parametrize(
    ("pair", "path", "value"),
    [
        ("horizontal.psi=1e-6", ("horizontal", "psi"), 1e-6),
        (" horizontal.psi = 2 ", ("horizontal", "psi"), 2),
        ("single_level=false", ("single_level",), False),
        ("recipe.hidden=[32, 16]", ("recipe", "hidden"), [32, 16]),
        ("recipe.model=lstm", ("recipe", "model"), "lstm"),
        ("recipe.model='lstm'", ("recipe", "model"), "lstm"),
        ("strategies.cluster=krum:faulty=2", ("strategies", "cluster"), "krum:faulty=2"),
        ("recipe.hidden=", ("recipe", "hidden"), None),
    ],
)
def test_a_pair_is_a_value_at_a_path(pair: str, path: tuple[str, ...], value: object) -> None:
    found: object = table_of_pairs([pair])
    for name in path:
        assert isinstance(found, dict)
        assert list(found) == [name]
        found = found[name]
    assert (found, type(found)) == (value, type(value))


def test_several_pairs_make_one_table_the_last_winning() -> None:
    pairs = ["vertical.epochs=3", "vertical.settling=0", "vertical.epochs=4"]
    assert table_of_pairs(["horizontal.psi=.001"]) == {"horizontal": {"psi": 0.001}}
    assert table_of_pairs(pairs) == {"vertical": {"epochs": 4, "settling": 0}}


@pytest.mark.parametrize("pair", ["psi", "=3", ""])
def test_a_pair_without_a_name_or_a_value_is_refused(pair: str) -> None:
    with pytest.raises(InputError, match="expected NAME=VALUE, with a name that"):
        table_of_pairs([pair])


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("horizontal.psy=1", "unknown setting 'horizontal.psy'; did you mean horizontal.psi?"),
        ("horizonal.psi=1", "unknown setting 'horizonal'; did you mean horizontal?"),
        ("horizontal.psi=small", "horizontal.psi: expected a number, got 'small'"),
        ("horizontal.psi=-1", "horizontal: the threshold psi must be positive, got -1"),
        ("vertical.epochs=2.5", "vertical.epochs: expected a whole number, got 2.5"),
        ("vertical.epochs=true", "vertical.epochs: expected a whole number, got True"),
        (
            "horizontal.distance=cosine",
            "horizontal.distance: unknown 'cosine', expected one of mean, squared",
        ),
        ("horizontal=3", "horizontal: expected a table of names and values, got 3"),
        ("recipe.hidden=64", "recipe.hidden: expected a list, got 64"),
        ("recipe.vertical.loss=mae", "recipe.vertical.loss: unknown 'mae', expected one of mse, huber"),
        ("recipe.vertical.epochs=0", "recipe.vertical: epochs must be at least 1, got 0"),
        ("horizontal..psi=1", "unknown setting 'horizontal.'; expected one of epochs"),
        ("recipe.seed=2024-01-01", "recipe.seed: expected a whole number, got datetime.date(2024, 1, 1)"),
    ],
)
def test_a_bad_pair_is_refused_with_its_path(pair: str, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        settings_of(table_of_pairs([pair]))
    assert str(refusal.value).startswith(sentence)


def test_an_unknown_preset_is_refused_and_the_nearest_suggested() -> None:
    with pytest.raises(
        InputError, match=r"^unknown preset 'papper', expected one of default, paper; did you mean paper\?$"
    ):
        preset("papper")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[vertical\nepochs = 3", "is no TOML: Expected"),
        (b"epochs = \n", "is no TOML: Invalid value (at line 1, column 10)"),
        (b"\xff\xfe", "is no TOML: 'utf-8' codec can't decode byte 0xff in position 0"),
        (b"a = 1\na = 2\n", "is no TOML: Cannot overwrite a value (at line 2"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_its_line(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        table_of(file)
    assert str(refusal.value).startswith(f"{file}: {sentence}")


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: there is no such file, expected settings in TOML$"):
        table_of(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        table_of(tmp_path)
