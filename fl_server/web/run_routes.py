"""What the API tells of runs; nothing here changes one."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response

from data.errors import InputError
from fl_server.web import answers
from fl_server.web.desk import Desk
from fl_server.web.errors import REFUSALS
from fl_server.web.hindsight import station_forecast
from fl_server.web.live import federation_of
from fl_server.web.network import Network
from fl_server.web.shelf import UnknownError

Figures = dict[str, Any]  # Any: what JSON holds
Key = Annotated[str, Path(description="the key of a run, as /api/runs has it", max_length=400)]
Layer = Literal["load", "forecast", "missed"]
Step = Annotated[int, Query(ge=0, le=10_000_000, description="a step of the series, counted from 0")]
MOST_FRAMES = 400
MOST_HOURS = 14 * 24
BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class Download(Response):
    """A file that a browser stores."""

    def __init__(self, content: str | bytes, name: str, media_type: str) -> None:
        header = {"content-disposition": f'attachment; filename="{name}"'}
        super().__init__(content, headers=header, media_type=media_type)


def run_routes(desk: Desk) -> APIRouter:
    """The routes, which read what is at the desk."""
    router = APIRouter(prefix="/api", tags=["runs"], responses=REFUSALS)
    _add_descriptions(router, desk)
    _add_series(router, desk)
    _add_files(router, desk)
    return router


def _add_descriptions(router: APIRouter, desk: Desk) -> None:
    """What runs are about, and what is known of all their stations."""

    @router.get("/runs")
    def runs() -> list[Figures]:
        """Every run, finished or not, with the key that it goes by here."""
        return [answers.listed(key, folder) for key, folder in desk.shelf.folders().items()]

    @router.get("/runs/{run}")
    def run_described(run: Key) -> Figures:
        """What a run is about: its set, times, scores, how far it is."""
        network = desk.network(run)
        told = answers.described(run, network)
        return told | {"forecasts": desk.forecasts(run) is not None}

    @router.get("/runs/{run}/stations")
    def stations(run: Key) -> JSONResponse:
        """All stations, column by column: where they are, their clusters, ages of twins, usual peaks."""
        return JSONResponse(answers.stations(desk.network(run)))

    @router.get("/runs/{run}/federation")
    def federation(run: Key) -> JSONResponse:
        """Who trains, waits, sleeps or is away; the gate; messages and bytes; the rounds and steps so far."""
        return JSONResponse(federation_of(desk.network(run)))

    @router.get("/runs/{run}/clusters")
    def clusters(run: Key) -> JSONResponse:
        """The clusters with their errors."""
        return JSONResponse(answers.clusters(desk.network(run)))


def _add_series(router: APIRouter, desk: Desk) -> None:
    """Series and forecasts, of all stations step by step or of one station."""

    @router.get("/runs/{run}/frames", responses={200: {"content": BINARY}}, response_class=Response)
    def frames(
        run: Key,
        first: Step = 0,
        count: Annotated[int, Query(ge=1, le=MOST_FRAMES)] = 24,
        layer: Layer = "load",
    ) -> Response:
        """A layer at `count` steps from `first` on: little-endian floats of 32 bits, stations side by side.

        `forecast` and `missed` (in standard deviations) are there once a job has made them; NaN before the
        stream.
        """
        values = _layer(desk, run, layer)
        if first >= len(values):
            raise answers.no_step(desk.network(run), first)
        part = np.ascontiguousarray(values[first : first + count], "<f4")
        sizes = {"x-steps": str(len(part)), "x-stations": str(part.shape[1])}
        return Response(part.tobytes(), media_type="application/octet-stream", headers=sizes)

    @router.get("/runs/{run}/station")
    def station(
        run: Key,
        station: Annotated[str, Query(max_length=1000)],
        hours: Annotated[int, Query(ge=1, le=MOST_HOURS)] = 24,
        coverage: Annotated[float, Query(gt=0, lt=1)] = 0.9,
    ) -> JSONResponse:
        """One station: its series, and of a finished run forecasts with intervals, also beyond the data."""
        return JSONResponse(_station(desk.network(run), station, hours, coverage))


def _add_files(router: APIRouter, desk: Desk) -> None:
    """Files that a browser stores."""

    @router.get("/runs/{run}/stations.csv", response_class=Response)
    def stations_csv(run: Key, step: Step = 0) -> Download:
        """One line a station, with its load at a step."""
        text = answers.table_of(desk.network(run), step).write_csv()
        return Download(text, f"{run}.csv", "text/csv")

    @router.get("/runs/{run}/stations.geojson", response_class=Response)
    def stations_geojson(run: Key, step: Step = 0) -> Download:
        """The same as a FeatureCollection of points."""
        text = answers.geojson_of(desk.network(run), step)
        return Download(text, f"{run}.geojson", "application/geo+json")


def _layer(desk: Desk, run: str, layer: Layer) -> Any:  # Any: an array (T, N)
    network = desk.network(run)
    if layer == "load":
        return network.load
    made = desk.forecasts(run)
    if made is None:
        raise InputError(f"{run}: its forecasts are not made yet; POST /api/runs/{run}/forecasts begins that")
    values = np.full(network.load.shape, np.nan, np.float32)
    values[network.stream.start : network.stream.stop] = getattr(made, layer)
    return values


def _station(network: Network, station: str, hours: int, coverage: float) -> Figures:
    place = network.place.get(station)
    if place is None:
        raise UnknownError(f"{network.folder.name}: has no station {station[:80]!r}")
    shown: Figures = {"station": station, "load": [], "forecast": None, "twin": None, "refusal": ""}
    if network.target is None:
        return shown | {"refusal": "its series is with the station, not on this machine"}
    shown["load"] = [float(f"{value:.6g}") for value in network.load[:, place].tolist()]
    gaps = network.target.gaps
    shown["filled"] = [] if gaps is None else np.flatnonzero(gaps[:, place]).tolist()
    try:
        twin = network.twins[network.stations[place]]
        shown["twin"] = {"name": twin.name, "scope": twin.scope, "version": twin.version}
        shown["forecast"] = station_forecast(network, place, hours, coverage)
    except InputError as error:
        shown["refusal"] = str(error)
    return shown
