"""The studies of edge caching: their claims read the rows that they make, and pictures are drawn."""

from pathlib import Path

import polars as pl
import pytest

from fl_server.experiments.caching import BEST, FIGURE_5, FIGURE_6, INTERVENTIONS, SETTINGS
from fl_server.experiments.claims import interval, judged
from fl_server.experiments.studies import Value
from hetnet.caching.classic_stations import HELD
from hetnet.caching.contest import AT_HOME, BOUND, CHOSEN, MEASURES, POOLED, SAFE
from hetnet.caching.figures import CURVE, FEWER, LOADS, POLICIES, WORLDS
from hetnet.caching.systems import SYSTEMS
from tests.benchmarks import reproduced

NAMES = [system.name for system in SYSTEMS]
CLASSIC = [name + kind for name in HELD for kind in (AT_HOME, CHOSEN, SAFE)]


def rows(parts: tuple[str, ...]) -> pl.DataFrame:
    """Three seeds: systems hit .50 to .53, the last needs half as many interventions as the third."""
    values: list[tuple[int, Value]] = []
    for seed in (1, 2, 3):
        for part in parts:
            for place, name in enumerate([*NAMES, *CLASSIC]):
                hits = 0.5 + 0.01 * place if name in NAMES else 0.4
                figures = dict.fromkeys(MEASURES, 0.1) | {"hits": hits + 0.001 * seed}
                figures |= {"interventions": 0.02 if place == 2 else 0.01, "max/mean load": 1.5 - 0.1 * place}
                figures |= {f"share of station {station}": 0.2 for station in (1, 2, 3, 4, 5)}
                values += [(seed, (part, name, measure, value)) for measure, value in figures.items()]
            values += [(seed, (part, name, "hits", 0.7)) for name in (BOUND, POOLED)]
        values += [(seed, (CURVE, name, at, 0.5)) for name in NAMES for at in ("0", "5")]
    columns = ("part", "line", "column", "value")
    return pl.DataFrame([{"seed": seed, **dict(zip(columns, each, strict=True))} for seed, each in values])


def test_claims_on_hits_read_the_rows() -> None:
    found = {claim.about: claim.effect(rows((POLICIES,))) for claim in FIGURE_5.claims}
    assert found[f"{BEST} hits more often than RL"][1] == pytest.approx(0.531 / 0.501 - 1)
    assert found["the twin makes RL hit more often"][2] == pytest.approx(0.512 / 0.502 - 1)
    fewer = found["reliable RL needs fewer interventions with the twin"]
    assert fewer == pytest.approx(dict.fromkeys((1, 2, 3), -0.5))
    sieve = f"(ours) {BEST} hits more often than SIEVE with the same freedom"
    assert found[sieve][3] == pytest.approx(0.533 / 0.403 - 1)


def test_claims_on_loads_read_the_rows() -> None:
    words = {judged(claim, "simulation", rows((LOADS,))).word for claim in FIGURE_6.claims}
    assert words == {"holds"}
    assert FIGURE_6.claims[0].effect(rows((LOADS,)))[1] == pytest.approx(1.2 / 1.5 - 1)


def test_every_claim_of_every_world_can_be_judged() -> None:
    for study, worlds in ((SETTINGS, WORLDS), (INTERVENTIONS, FEWER)):
        frame = rows(tuple(worlds))
        assert len(study.claims) == len(worlds) * (len(FIGURE_5.claims) + len(FIGURE_6.claims))
        assert all(claim.effect(frame) for claim in study.claims)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    for study, parts in (
        (FIGURE_5, (POLICIES,)),
        (FIGURE_6, (LOADS,)),
        (SETTINGS, tuple(WORLDS)),
        (INTERVENTIONS, tuple(FEWER)),
    ):
        study.draw(tmp_path / f"{study.name}.png", rows(parts))
        assert (tmp_path / f"{study.name}.png").stat().st_size > 10_000


def test_the_readme_tells_what_the_stored_rows_tell() -> None:
    text = (reproduced.ROOT / "hetnet" / "caching" / "README.md").read_text()
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if line.startswith("| ")}
    parts = (
        (FIGURE_5, POLICIES, ("hits", "interventions", "turned away")),
        (FIGURE_6, LOADS, ("max/mean load",)),
    )
    for name in (*NAMES, "s3-fifo, safe", "sieve, safe", "belady, safe"):
        told = []
        for study, part, columns in parts:
            frame = reproduced.studied_of(study).rows.filter(part=part, line=name)
            told += [interval(frame.filter(column=column)["value"].to_list()) for column in columns]
        figures = [float(cell.split("±")[0]) for cell in lines[name].strip("| ").split(" | ")[1:]]
        assert figures == pytest.approx([each.mean for each in told], abs=6e-5)
