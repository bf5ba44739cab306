"""Sigmoid and tanh in float32, written so that the compiler turns loops over them into vector code.

Both follow from expm1, which loses nothing near 0: tanh x = e / (e + 2) with e = expm1(2x), and
sigmoid x = 1 / (2 + expm1(-x)). Against float64 they are within 3 units in the last place.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from forecasting.kernels_compile import vectorised

# Contraction and unsigned zeros only: reordering would undo the rounding trick in `expm1`.

ONE, TWO = np.float32(1), np.float32(2)
LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(0.6931471805599453 - 0.693359375)
ROUND = np.float32(1.5 * 2**23)  # adding this rounds to an integer and leaves it in the low bits
ROUND_BITS = np.int32(0x4B400000)  # the bits of ROUND
BIAS, MANTISSA = np.int32(127), np.int32(23)
# (expm1 r - r) / r² on ± ln 2 / 2, fitted to the smallest largest relative error of expm1 (1.3e-8)
C0, C1, C2 = np.float32(0.49999997), np.float32(0.16666543), np.float32(0.0416672)
C3, C4 = np.float32(0.0083665205), np.float32(0.0013882521)
TANH_LIMIT, SIGMOID_LIMIT = np.float32(20), np.float32(80)  # where the curves are flat in float32


def _emit_bits(_typing: Any, _number: Any) -> Any:  # numba's intrinsics have no type
    return types.int32(types.float32), lambda _, builder, __, values: builder.bitcast(
        values[0], ir.IntType(32)
    )


def _emit_number(_typing: Any, _bits: Any) -> Any:
    return types.float32(types.int32), lambda _, builder, __, values: builder.bitcast(
        values[0], ir.FloatType()
    )


bits_of: Any = intrinsic(_emit_bits)  # the bits of a float32 as an int32
number_of: Any = intrinsic(_emit_number)  # the float32 that has these bits


@vectorised
def expm1(x: np.float32) -> np.float32:
    """e^x - 1 for |x| ≤ 80."""
    shifted = x * LOG2_E + ROUND
    whole = shifted - ROUND
    rest = (x - whole * LN2_HIGH) - whole * LN2_LOW
    power: np.float32 = number_of((bits_of(shifted) - ROUND_BITS + BIAS) << MANTISSA)  # 2 ** whole
    partial = rest + rest * rest * (C0 + rest * (C1 + rest * (C2 + rest * (C3 + rest * C4))))
    return power * partial + (power - ONE)


@vectorised
def tanh(x: np.float32) -> np.float32:
    """The hyperbolic tangent; NaN stays NaN."""
    doubled = x + x
    doubled = TANH_LIMIT if doubled > TANH_LIMIT else doubled
    doubled = -TANH_LIMIT if doubled < -TANH_LIMIT else doubled
    grown = expm1(doubled)
    return grown / (grown + TWO)


@vectorised
def sigmoid(x: np.float32) -> np.float32:
    """1 / (1 + e^-x); NaN stays NaN."""
    held = SIGMOID_LIMIT if x > SIGMOID_LIMIT else x
    held = -SIGMOID_LIMIT if held < -SIGMOID_LIMIT else held
    return ONE / (TWO + expm1(-held))
