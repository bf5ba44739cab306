"""The server's side as a plain Flower ServerApp: runs as `vhtwin up` makes them, by Flower's own commands.

What is asked of a run stands in its run config. Flower takes overrides of those keys only that
`[tool.flwr.app.config]` in pyproject.toml lists; their defaults are repeated there.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from importlib import metadata
from logging import getLogger
from pathlib import Path

from flwr.app import Context, UserConfigValue
from flwr.serverapp import Grid, ServerApp

from data.errors import InputError
from data.plain import rebuilt
from data.progress import Result, Step, Steps, Work
from data.sets.tables import ReadSettings
from data.store import refuse_existing
from fl_server.cli import twinning
from fl_server.cli.twin_output import print_twins
from fl_server.cli.twinning import Cast, How
from fl_server.federation.fleet import FlowerFleet, Patience, setup_of
from fl_server.presets import Table, laid_over, nested, preset, settings_of, table_of
from fl_server.run import Plan, planned
from fl_server.run_folder import Record, held, new_run, read_record
from fl_server.settings import HorizontalSettings, TwinSettings, VerticalSettings
from forecasting.recipe import Recipe

PLACES = {  # where each of these keys stands in the settings
    "seed": "recipe.seed",
    "epochs": "vertical.epochs",
    "stream_epochs": "horizontal.epochs",
    "single_level": "single_level",
}
NO_SET = "federation"  # what stands for the name of the set where nobody told it
SECONDS_BETWEEN_LINES = 5.0

app = ServerApp()
log = getLogger("flwr")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a run is asked for: the keys of the run config, with hyphens there for underscores here.

    `data` and what follows are for nodes whose own config does not say which set they hold and how it is
    read. `data` also names the set in the stored twins.
    """

    stations: int = 0  # how many to wait for
    out: str = ""  # the folder of the run; the usual is runs/flower-ID
    overwrite: bool = False
    resume: bool = False
    seed: int = Recipe.seed
    epochs: int = VerticalSettings.epochs
    stream_epochs: int = HorizontalSettings.epochs
    single_level: bool = TwinSettings.single_level
    preset: str = "default"
    settings: str = ""  # a TOML file of any settings
    answer_seconds: float = Patience.answer_seconds
    join_seconds: float = 600.0
    data: str = ""
    channel: str = ReadSettings.channel
    timezone: str = ""
    max_gap_hours: float = ReadSettings.max_gap_hours
    standardised: bool = ReadSettings.standardised
    first_stations: int = ReadSettings.first_stations

    def __post_init__(self) -> None:
        if self.stations < 1:
            raise InputError(
                f"stations: expected how many to wait for, such as -c stations=3, got {self.stations}"
            )
        if not 0 < self.join_seconds < float("inf"):
            raise InputError(f"join-seconds must be positive, got {self.join_seconds}")

    @property
    def patience(self) -> Patience:
        """How long the server waits; an introduction takes a plain node as long as any answer."""
        return Patience(answer_seconds=self.answer_seconds, introduction_seconds=self.answer_seconds)


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Wait for the stations and make a run with them, or go on with one."""
    began = time.monotonic()
    asked = asked_for(context.run_config)
    folder = Path(asked.out or f"runs/flower-{context.run_id}").resolve()
    record = read_record(folder) if asked.resume else _new_record(asked, folder)
    fleet = FlowerFleet(grid, setup_of(record.settings), asked.patience)
    logged(joining(fleet, asked))
    before = twinning.remembered(folder, record, fleet) if asked.resume else None
    cast = Cast(fleet, planned(fleet, record.settings, before))
    if asked.resume:
        twinning.refuse_changed(record, cast.plan)
    else:
        record = _of_plan(record, cast.plan)
        new_run(folder, record, overwrite=asked.overwrite)
    log.info("the run is kept in %s; flwr run with resume=true and this folder goes on with it", folder)
    with held(folder):
        state = twinning.resumed(folder, record, cast.plan)
        summary = twinning.finished(folder, record, cast, state, How(show=logged))
    print_twins(summary, folder, time.monotonic() - began)


def asked_for(config: Mapping[str, UserConfigValue]) -> Asked:
    """What a run config asks for."""
    return rebuilt(Asked, {name.replace("-", "_"): value for name, value in config.items()})


def settings_from(asked: Asked) -> TwinSettings:
    """The settings that a run is asked to have.

    Flower does not tell whether a key was given: one that has its default gives way to the preset and the
    file.
    """
    given: Table = {}
    for name, place in PLACES.items():
        value = getattr(asked, name)
        if value != getattr(Asked, name):
            given = laid_over(given, nested(place, value))
    from_file = table_of(Path(asked.settings)) if asked.settings else {}
    return settings_of(preset(asked.preset), from_file, given)


def _new_record(asked: Asked, folder: Path) -> Record:
    """The record of a new run before its stations are known."""
    refuse_existing(folder, overwrite=asked.overwrite)
    settings = settings_from(asked)
    named = {field.name for field in fields(ReadSettings)} & {field.name for field in fields(Asked)}
    given = {name: getattr(asked, name) for name in named} | {"timezone": asked.timezone or None}
    reading = ReadSettings(**given, leave_out_gappy=True)
    return Record(metadata.version("vhtwin"), _set(asked), "", reading, settings, twinning.links(settings))


def _set(asked: Asked) -> str:
    """Where the set lies, if it lies on the server's machine; else the name it was given."""
    here = asked.data and Path(asked.data).is_dir()
    return str(Path(asked.data).resolve()) if here else asked.data or NO_SET


def _of_plan(record: Record, plan: Plan) -> Record:
    """The record with what the stations tell; each node may have read its series in its own way."""
    known = plan.introductions[0]
    reading = replace(record.reading, channel=known.channel, timezone=known.timezone)
    return replace(twinning.of_plan(record, plan), reading=reading)


def joining(fleet: FlowerFleet, asked: Asked) -> Work[None]:
    """Wait until as many stations have joined as the run is to have."""
    end = time.monotonic() + asked.join_seconds
    for there in fleet.gathered(asked.stations):
        detail = f"{there} of {asked.stations} stations{fleet.trouble()}"
        yield Step("joining", min(there, asked.stations), asked.stations, detail)
        if there < asked.stations and time.monotonic() > end:
            raise InputError(f"within {asked.join_seconds:g} s joined {detail}, expected all of them")


def logged(work: Work[Result]) -> Result:
    """Run `work` to its end, writing its steps to Flower's log, not all of them where they come fast."""
    steps = Steps(work)
    for step in _spaced(steps):
        log.info("%s: %.0f%%  %s", step.stage, 100 * step.done / max(step.total, 1), step.detail)
    return steps.result


def _spaced(steps: Steps[Result]) -> Iterator[Step]:
    """The last step of each stage, and others some time apart."""
    last: dict[str, float] = {}
    for step in steps:
        now = time.monotonic()
        if (
            step.done >= step.total
            or now - last.get(step.stage, -SECONDS_BETWEEN_LINES) >= SECONDS_BETWEEN_LINES
        ):
            last[step.stage] = now
            yield step
