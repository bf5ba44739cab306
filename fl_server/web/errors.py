"""How failures reach whoever asked: a status, and {"error": sentence}."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from data.errors import InputError
from fl_server.web.guard import refused
from fl_server.web.jobs import BusyError
from fl_server.web.sentences import sentence_of
from fl_server.web.shelf import UnknownError

Handler = Callable[[Request, Any], Awaitable[Response]]  # Any: each takes failures of its own kind


class WishError(InputError):
    """What is asked for is not as it must be, however things stand."""


STATUSES: dict[type[Exception], int] = {InputError: 409, WishError: 422, UnknownError: 404, BusyError: 429}


class Refusal(BaseModel):
    """Why there is no answer."""

    error: str


REFUSALS: dict[int | str, dict[str, Any]] = {  # what every route may answer; Any: FastAPI's
    400: {"model": Refusal, "description": "no request that can be read"},
    401: {"model": Refusal, "description": "the token is missing"},
    403: {"model": Refusal, "description": "asked by a page of another site"},
    404: {"model": Refusal, "description": "nothing has that name"},
    405: {"model": Refusal, "description": "nothing takes that method"},
    409: {"model": Refusal, "description": "it cannot be had as things stand"},
    413: {"model": Refusal, "description": "more was sent than is taken"},
    421: {"model": Refusal, "description": "the server does not go by that name"},
    422: {"model": Refusal, "description": "a value is not as it must be"},
    429: {"model": Refusal, "description": "so much is under way that no more is taken"},
}


@contextmanager
def of_wishes() -> Iterator[None]:
    """Let what is wrong with a wish be known as such."""
    try:
        yield
    except InputError as error:
        raise WishError(str(error)) from error


def add_handlers(app: FastAPI) -> None:
    """Let `app` answer failures so."""
    for kind, status in STATUSES.items():
        app.add_exception_handler(kind, _with_status(status))
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def _with_status(status: int) -> Handler:
    async def answer(_request: Request, error: Exception) -> Response:
        return refused(status, str(error))

    return answer


async def _system(_request: Request, error: Any) -> Response:  # Any: as Handler
    return refused(409, f"{error.filename or 'the system'}: {error.strerror or error}")


async def _http(_request: Request, error: Any) -> Response:  # Any: as Handler
    answer = refused(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Any) -> Response:  # Any: as Handler
    body = getattr(request.scope.get("route"), "body_field", None)
    fields = [] if body is None else list(body.field_info.annotation.model_fields)
    return refused(422, sentence_of(error.errors(), fields))
