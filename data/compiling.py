"""How functions are compiled that many rooms need: by numba, kept from one run to the next."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def cached(function: Function) -> Function:
    """Compiled once a machine, or once a session where there is no folder that numba may write to."""
    try:
        return cast(Function, njit(nogil=True, error_model="numpy", cache=True)(function))
    except RuntimeError:
        return cast(Function, njit(nogil=True, error_model="numpy")(function))
