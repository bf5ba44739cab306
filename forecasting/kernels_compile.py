"""How the kernels are compiled: numba's options, under names that say what they are for."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compiled once a session; runs beside other threads."""
    return cast(Function, njit(nogil=True, error_model="numpy")(function))


def merged(function: Function) -> Function:
    """Put into its caller before that is compiled: numba compiles a nested call again at every level."""
    return cast(Function, njit(nogil=True, error_model="numpy", inline="always")(function))


def vectorised(function: Function) -> Function:
    """Loops over curves: products and sums may fuse and zeros lose their sign, but no sum is reordered."""
    return cast(Function, njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz"})(function))


def summed(function: Function) -> Function:
    """Loops that add up one number: the sum may be reordered into vector lanes."""
    options = {"contract", "nsz", "reassoc"}
    return cast(Function, njit(nogil=True, error_model="numpy", fastmath=options)(function))
