"""What is damaged: each target has whole contents, a way to damage them, and the reader that must cope.

A reader gets bytes and a folder of its own to put them into. It may refuse them with an InputError; every
other exception is a finding. What it accepts must be sound, which each reader looks at itself.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from clustering.link_file import read_links
from data.artefacts import read_artefact
from data.keys import certificate, make_keys, node_keys, operator_token
from data.milan.conversion import imported
from data.milan.squares import grid_from_geojson
from data.plain import plain
from data.progress import finished
from data.sets.tables import ReadSettings, read_set
from data.store import MARK
from data.traffic import StationId
from fl_server import cache_runs
from fl_server.cache_runs import PLAN as CACHE_PLAN
from fl_server.cache_runs import CachePlan
from fl_server.faulting import read_labels
from fl_server.presets import settings_of, table_of
from fl_server.run_folder import (
    ESSENTIAL,
    RECORD,
    STATE,
    SUMMARY,
    keep,
    kept_state,
    new_run,
    read_record,
    read_summary,
)
from fl_server.sync_runs import PLAN, SyncPlan, read_plan
from fl_server.trust.quality import quality_settings
from fl_server.web.marks import Mark, marks_file, marks_of
from fl_server.what_if import read_scenario, written_scenario
from forecasting.twin import KIND as TWIN
from forecasting.twin import load_twin, save_twin
from hetnet.caching.cell_file import read_cells
from hetnet.caching.request_log import read_requests
from hetnet.operations.capacity import given_capacity
from hetnet.sync.gates import LearnedGate, gate_text, read_gate
from tests.data.milan.raw_files import write_days
from tests.fl_server.test_lifecycle import usual
from tests.fl_server.test_run_folder import RECORD as OF_A_RUN
from tests.forecasting.test_twin import some_twin
from tests.fuzz.damage import damaged_artefact, damaged_json, damaged_packet
from tests.fuzz.messages import (
    another_run,
    read_answers,
    read_orders,
    run_with_answers,
    whole_answers,
    whole_orders,
    whole_runs,
)
from tests.fuzz.mutations import Draws, as_json, damaged
from tests.fuzz.privacy import (
    follow_private_orders,
    spend_by_ledger,
    sum_up_spent,
    whole_ledger,
    whole_private_orders,
    whole_spent,
)

Reader = Callable[[bytes, Path], object]
Damage = Callable[[bytes, Draws], bytes]
STATIONS = b'station,lon,lat,name\n01,9.1,45.4,"North, inner"\nb,9.2,45.5,South\n'
HOURS = [f"2024-03-31T{hour:02}:00Z" for hour in range(6)]
WIDE = "\n".join(["time,01,b", *(f"{hour},7,0.5" for hour in HOURS)]).encode() + b"\n"
ROWS = (f"{hour},{each},1.5,2" for hour in HOURS for each in ("01", "b"))
LONG = "\n".join(["time,station,internet,sms", *ROWS]).encode()
LINKS = b"a,b,distance_km,backhaul,overlap\ns0,s1,1.5,10,0.5\ns1,s2,0.2,7.5,1\n"
REQUESTS = b"time,client,content\n0,a,x\n1.5,b,y\n2,a,x\n"
REQUESTS_BY_CLOCK = b"time,client,content\n2013-11-01T00:00:05,a,x\n2013-11-01T00:00:09,b,y\n"
CELLS = b"client,station\na,north\na,south\nb,south\n"
SCENARIO = (
    b'name = "event"\nabout = "a match"\noff = ["01"]\nmove = ["01>b=20%@18-22"]\ndemand = ["all=+30%"]\n'
)
CAPACITY = b"station,capacity,reach_km\n01,100,0.5\nb,20.5,1\n"
LABELS = b"kind,station,start,end,size,disturbed\noutage,01,2013-11-24T05:00,2013-11-24T09:00,0.1,b c\n"
MARKS = {"marks": {"a-1": {"acknowledged": True, "muted_until": "2013-11-29T12:00", "note": "seen"}}}
CURVES = b"[freshness]\nworst = 24\nweight = 0.5\n"
RING = [[9.0, 45.0], [9.1, 45.0], [9.1, 45.1], [9.0, 45.1], [9.0, 45.0]]
SQUARES = {
    "type": "FeatureCollection",
    "features": [
        {"properties": {"cellId": cell}, "geometry": {"type": "Polygon", "coordinates": [RING]}}
        for cell in (1, 2)
    ],
}
SETTINGS = b"""
[recipe]
model = "mlp"
hidden = [8, 8]
inputs = "paper"
vertical = {learning_rate = 0.01, loss = "huber"}
[segment]
degree = 4
how = {method = "girvan-newman", clusters = 3}
[strategies]
cluster = "krum"
refresh = "mix"
[horizontal]
psi = 5e-7
gate = {rule = "every", every = 3}
[behaviour]
sleepers = 0.3
"""


@dataclass(frozen=True)
class Target:
    """Something that vhtwin reads."""

    name: str
    whole: Sequence[bytes]
    read: Reader
    damage: Damage = damaged


def _set(content: bytes, folder: Path, *, name: str) -> None:
    """A set of which one file is as given and the others whole."""
    files = {"stations.csv": STATIONS} | ({} if "traffic" in name else {"traffic.csv": WIDE})
    for each, whole in (files | {name: content}).items():
        (folder / each).write_bytes(whole)
    traffic = read_set(folder, ReadSettings(max_gap_hours=1e6, leave_out_gappy=True))
    assert len(traffic.local_times) == len(traffic.load) >= 2
    assert np.isfinite(traffic.load).all()


def _squares(content: bytes, folder: Path) -> None:
    (folder / "grid.geojson").write_bytes(content)
    made = grid_from_geojson(folder / "grid.geojson")
    assert np.isfinite(made.positions).all()


def _settings(content: bytes, folder: Path) -> None:
    (folder / "settings.toml").write_bytes(content)
    made = settings_of(table_of(folder / "settings.toml"))
    assert plain(made, {}) is not None
    json.dumps(plain(made, {}), allow_nan=False)  # as its run would store it


def _links(content: bytes, folder: Path) -> None:
    (folder / "links.csv").write_bytes(content)
    made = read_links(folder / "links.csv", [StationId(each) for each in ("s0", "s1", "s2")])
    assert made.ends.min() >= 0
    assert made.ends.max() < 3


def _requests(content: bytes, folder: Path) -> None:
    (folder / "log.csv").write_bytes(content)
    made = read_requests(folder / "log.csv")
    assert np.isfinite(made.times).all()
    assert (np.diff(made.times) >= 0).all()


def _cells(content: bytes, folder: Path) -> None:
    (folder / "cells.csv").write_bytes(content)
    made = read_cells(folder / "cells.csv")
    assert made.cells.reach.shape == (len(made.clients), len(made.stations))
    assert made.cells.reach.sum(axis=1).min() >= 1
    assert made.cells.reach.sum(axis=1).max() <= 2


def _twin(content: bytes, folder: Path) -> None:
    (folder / "a.twin").write_bytes(content)
    made = load_twin(folder / "a.twin")
    assert np.isfinite(made.weights).all()
    save_twin(folder / "b.twin", made)


def _artefact(content: bytes, folder: Path) -> None:
    (folder / "a").write_bytes(content)
    read_artefact(folder / "a", TWIN)


def _record(content: bytes, folder: Path) -> None:
    (folder / MARK).touch()
    (folder / RECORD).write_bytes(content)
    read_record(folder)


def _summary(content: bytes, folder: Path) -> None:
    new_run(folder / "run", OF_A_RUN, overwrite=True)
    (folder / "run" / SUMMARY).write_bytes(content)
    assert set(read_summary(folder / "run")) >= set(ESSENTIAL)


def _state(content: bytes, folder: Path) -> None:
    new_run(folder / "run", OF_A_RUN, overwrite=True)
    (folder / "run" / STATE).write_bytes(content)
    kept_state(folder / "run")


def _plan(content: bytes, folder: Path) -> None:
    (folder / MARK).touch()
    (folder / PLAN).write_bytes(content)
    read_plan(folder)


def _cache_plan(content: bytes, folder: Path) -> None:
    (folder / MARK).touch()
    (folder / CACHE_PLAN).write_bytes(content)
    cache_runs.read_plan(folder)


def _scenario(content: bytes, folder: Path) -> None:
    (folder / "event.toml").write_bytes(content)
    made = read_scenario(folder / "event.toml")
    (folder / "again.toml").write_text(written_scenario(made))
    assert read_scenario(folder / "again.toml") == made


def _capacity(content: bytes, folder: Path) -> None:
    (folder / "capacity.csv").write_bytes(content)
    made = given_capacity(folder / "capacity.csv", ["01", "b"])
    assert (made.capacity > 0).all()


def _labels(content: bytes, folder: Path) -> None:
    (folder / "labels.csv").write_bytes(content)
    assert all(fault.start < fault.end for fault in read_labels(folder / "labels.csv"))


def _marks(content: bytes, folder: Path) -> None:
    (folder / "run").mkdir(exist_ok=True)
    marks_file(folder / "run").write_bytes(content)
    assert all(isinstance(mark, Mark) for mark in marks_of(folder / "run").values())


def _quality(content: bytes, folder: Path) -> None:
    (folder / "weights.toml").write_bytes(content)
    quality_settings(folder / "weights.toml")


def _gate(content: bytes, folder: Path) -> None:
    (folder / "gate.json").write_bytes(content)
    read_gate(folder / "gate.json")


def _raw_day(content: bytes, folder: Path, *, name: str) -> None:
    raw = folder / "raw"
    raw.mkdir(exist_ok=True)
    (raw / name).write_bytes(content)
    finished(imported(raw, folder / "set", overwrite=True))


def _node_key(content: bytes, folder: Path) -> None:
    _privately(folder / "n.key", content)
    node_keys(folder / "n.key")


def _token(content: bytes, folder: Path) -> None:
    _privately(folder / "token", content)
    assert operator_token(folder / "token").isascii()


def _certificate(content: bytes, folder: Path) -> None:
    (folder / "ca.crt").write_bytes(content)
    certificate(folder / "ca.crt")


def _privately(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o600)


def _whole_states(scratch: Path) -> Iterator[bytes]:
    """States of a run in the midst of V-twinning, in the midst of the stream, and at its end."""
    new_run(scratch / "run", OF_A_RUN, overwrite=True)
    for state in (usual()[2], usual()[20], usual()[-1]):
        keep(scratch / "run", state)
        yield (scratch / "run" / STATE).read_bytes()


def _whole_gate() -> bytes:
    row = (0.5, -1.0, 0.25)
    return gate_text(LearnedGate(hidden=(row,) * 5, out=(1.0, 2.0, -0.5, 0.1), unit=1e-6)).encode()


@cache
def targets(scratch: Path) -> dict[str, Target]:
    """All targets by name; whole contents that must be written first are written to `scratch`."""
    write_days(scratch / "raw", days=1, squares=3)
    name = next(path.name for path in (scratch / "raw").iterdir())
    day = (scratch / "raw" / name).read_bytes()
    make_keys(scratch / "keys", ["twin.example.org"], ["one"])
    save_twin(scratch / "a.twin", some_twin())
    twin = (scratch / "a.twin").read_bytes()
    several = [
        Target("stations.csv", [STATIONS], partial(_set, name="stations.csv")),
        Target("traffic.csv", [WIDE, LONG], partial(_set, name="traffic.csv")),
        Target("traffic.csv.gz", [gzip.compress(WIDE, 1)], partial(_set, name="traffic.csv.gz")),
        Target("raw day", [day[: day.index(b"\n", 2000) + 1]], partial(_raw_day, name=name)),
        Target("squares", [as_json(SQUARES)], _squares, damaged_json),
        Target("settings", [SETTINGS], _settings),
        Target("links", [LINKS], _links),
        Target("requests", [REQUESTS, REQUESTS_BY_CLOCK], _requests),
        Target("cells", [CELLS], _cells),
        Target("twin", [twin], _twin, damaged_artefact),
        Target("artefact", [twin], _artefact),
        Target("record of a run", [as_json(plain(OF_A_RUN, {}))], _record, damaged_json),
        Target("summary of a run", [as_json(dict.fromkeys(ESSENTIAL, 0))], _summary, damaged_json),
        Target("state of a run", list(_whole_states(scratch)), _state, damaged_artefact),
        Target("plan of a training", [as_json(plain(SyncPlan(), {}))], _plan, damaged_json),
        Target("plan of caches", [as_json(plain(CachePlan(), {}))], _cache_plan, damaged_json),
        Target("scenario", [SCENARIO], _scenario),
        Target("capacity", [CAPACITY], _capacity),
        Target("labels", [LABELS], _labels),
        Target("marks", [as_json(MARKS)], _marks, damaged_json),
        Target("curves of a score", [CURVES], _quality),
        Target("gate", [_whole_gate()], _gate, damaged_json),
        Target("node key", [(scratch / "keys" / "nodes" / "one.key").read_bytes()], _node_key),
        Target("operator token", [(scratch / "keys" / "operator.token").read_bytes()], _token),
        Target("certificate", [(scratch / "keys" / "ca.crt").read_bytes()], _certificate),
        Target("orders", whole_orders(), read_orders, damaged_packet),
        Target("answers", whole_answers(), read_answers, damaged_packet),
        Target("answers of a run", whole_runs(), run_with_answers, another_run),
        Target("private orders", whole_private_orders(), follow_private_orders, damaged_packet),
        Target("what is spent", whole_spent(), sum_up_spent, damaged_packet),
        Target("budget of stations", [whole_ledger()], spend_by_ledger, damaged_json),
    ]
    return {each.name: each for each in several}
