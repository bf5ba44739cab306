"""The application: the API, the page, and who is let in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib import metadata, resources
from threading import Thread
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fl_server.web.alert_routes import alert_routes
from fl_server.web.desk import Desk
from fl_server.web.errors import REFUSALS, add_handlers
from fl_server.web.guard import Access, Guard
from fl_server.web.job_routes import job_routes
from fl_server.web.run_routes import run_routes
from fl_server.web.shelf import UnknownError
from fl_server.web.upkeep_routes import upkeep_routes
from fl_server.web.what_if_routes import what_if_routes

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
Figures = dict[str, Any]  # Any: what JSON holds


def web_app(desk: Desk, access: Access) -> Guard:
    """The whole application, behind its guard."""
    return Guard(api(desk), access)


def api(desk: Desk) -> FastAPI:
    """The API and the page."""

    @asynccontextmanager
    async def lifetime(_app: FastAPI) -> AsyncIterator[None]:
        warming = Thread(target=desk.warm)
        warming.start()
        yield
        desk.jobs.close()
        warming.join()

    app = FastAPI(
        title="vhtwin",
        version=metadata.version("vhtwin"),
        description="Runs of vhtwin: stations, twins, forecasts, the federation, alerts, what-if.",
        docs_url=None,  # these load scripts from elsewhere
        redoc_url=None,
        lifespan=lifetime,
    )
    add_handlers(app)
    app.include_router(_about(desk))
    app.include_router(run_routes(desk))
    app.include_router(job_routes(desk))
    app.include_router(alert_routes(desk))
    app.include_router(what_if_routes(desk))
    app.include_router(upkeep_routes(desk))
    app.add_route("/", _page, include_in_schema=False)
    app.add_route("/page/{name}", _page, include_in_schema=False)
    app.add_route("/favicon.ico", _icon, include_in_schema=False)
    return app


def _about(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["server"], responses=REFUSALS)

    @router.get("/about")
    def about() -> Figures:
        """Which version this is, whether it asks a server of a federation, and whether data arrive."""
        return {
            "version": metadata.version("vhtwin"),
            "federation": desk.status is not None,
            "arriving": desk.newer is not None,
        }

    @router.get("/federation")
    def federation() -> Figures:
        """What the server of the federation says of itself, as vhtwin status prints it."""
        if desk.status is None:
            raise UnknownError("no server of a federation is asked; vhtwin serve --federation HOST:PORT does")
        return desk.status()

    return router


async def _page(request: Request) -> Response:
    """A file of the page; there are no others, whatever is asked for."""
    found = page_files().get(request.path_params.get("name", "index.html"))
    if found is None:
        raise UnknownError("the page has no such file")
    kind, content = found
    return Response(content, media_type=kind, headers={"cache-control": "no-cache"})


async def _icon(_request: Request) -> Response:
    """Where the icon is, for browsers that show something else than the page."""
    return RedirectResponse("/page/icon.svg")


@cache
def page_files() -> dict[str, tuple[str, bytes]]:
    """The files of the page by their names: what kind each is, and its content."""
    files = resources.files("fl_server.web").joinpath("page").iterdir()
    return {
        file.name: (KINDS[suffix], file.read_bytes())
        for file in files
        if (suffix := f".{file.name.rpartition('.')[2]}") in KINDS
    }
