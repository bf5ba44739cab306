"""Matrix products compiled for this processor: the only part of the compiled engine that is not plain loops.

A loop over rows reaches a quarter of a core's arithmetic, because every partial sum goes through memory.
The tile states what numba has no words for: a small piece of the result held in vector registers while it
runs through the depth. It is written as LLVM vector code and so compiles on any processor.

Widths of all matrices here are multiples of `COLUMNS`, their row counts multiples of `ROWS` (the networks
pad them with zeros), so that there are no odd ends. Axes: M rows, D depth, N columns.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils as untyped_cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from forecasting.kernels_compile import compiled

cgutils: Any = untyped_cgutils  # numba has no types for its code builders

Matrix = NDArray[np.float32]
Vector = NDArray[np.float32]

WIDE = bool(binding.get_host_cpu_features().get("avx512f", False))
LANES = 16 if WIDE else 8  # float32 numbers in one vector register (without AVX-512: in one or two)
TALL = 8 if WIDE else 4  # rows of a tile: 8 × 2 vectors fill half of 32 registers, 4 × 2 half of 16
ROWS = 4
COLUMNS = 2 * LANES


def _tile_of(rows: int) -> Any:  # numba's intrinsics have no type
    """The product of `rows` rows of a matrix and `COLUMNS` columns of another, kept in registers."""

    @intrinsic
    def tile(_typing: Any, left: Any, right: Any, result: Any, _row: Any, _column: Any, _fresh: Any) -> Any:
        signature = types.void(left, right, result, types.intp, types.intp, types.boolean)
        return signature, lambda context, builder, _, values: _emit_tile(
            context, builder, (left, right, result), values, rows
        )

    return tile


def _emit_tile(context: Any, builder: Any, kinds: Any, values: Any, rows: int) -> Any:
    """One tile of result (+)= left @ right, at [row, column]; the latter two are row-major."""
    vector = ir.VectorType(ir.FloatType(), LANES)
    left, right, result = (
        _Pointer(context, builder, kind, value) for kind, value in zip(kinds, values, strict=False)
    )
    row, column, fresh = values[3:]
    places = [
        [result.at(builder.add(row, _index(r)), column, v * LANES) for v in range(2)] for r in range(rows)
    ]
    sums = [[cgutils.alloca_once(builder, vector) for _ in range(2)] for _ in range(rows)]
    with builder.if_else(fresh) as (then, otherwise):
        with then:
            _each(sums, places, lambda total, _: builder.store(ir.Constant(vector, [0.0] * LANES), total))
        with otherwise:
            _each(sums, places, lambda total, place: builder.store(_load(builder, place, vector), total))
    fused = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{LANES}f32"
    )
    with cgutils.for_range(builder, left.shape[1]) as loop:
        halves = [_load(builder, right.at(loop.index, column, v * LANES), vector) for v in range(2)]
        for r in range(rows):
            factor = builder.load(
                builder.bitcast(left.at(builder.add(row, _index(r)), loop.index, 0), _float_pointer())
            )
            spread = _spread(builder, factor, vector)
            for half, total in zip(halves, sums[r], strict=True):
                builder.store(builder.call(fused, [spread, half, builder.load(total)]), total)
    _each(sums, places, lambda total, place: _store(builder, builder.load(total), place, vector))
    return context.get_dummy_value()


class _Pointer:
    """Addresses inside a two-dimensional numba array of float32."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
        self.builder = builder
        self.bytes = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        self.shape = cgutils.unpack_tuple(builder, array.shape, 2)
        self.strides = cgutils.unpack_tuple(builder, array.strides, 2)

    def at(self, row: Any, column: Any, further: int) -> Any:
        """The address of [row, column], and `further` float32 numbers behind it."""
        build = self.builder
        offset = build.add(build.mul(row, self.strides[0]), build.mul(column, self.strides[1]))
        return build.gep(self.bytes, [build.add(offset, _index(4 * further))])


def _index(number: int) -> Any:
    return ir.Constant(ir.IntType(64), number)


def _float_pointer() -> Any:
    return ir.FloatType().as_pointer()


def _load(builder: Any, place: Any, vector: Any) -> Any:
    value = builder.load(builder.bitcast(place, vector.as_pointer()))
    value.align = 4
    return value


def _store(builder: Any, value: Any, place: Any, vector: Any) -> None:
    builder.store(value, builder.bitcast(place, vector.as_pointer())).align = 4


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """A vector whose lanes all hold `number`."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(
        first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    )


def _each(sums: Any, places: Any, action: Callable[[Any, Any], Any]) -> None:
    for row_sums, row_places in zip(sums, places, strict=True):
        for total, place in zip(row_sums, row_places, strict=True):
            action(total, place)


def _square_type(_typing: Any, matrix: Any, result: Any, _row: Any, _column: Any) -> Any:
    return types.void(matrix, result, types.intp, types.intp), _emit_square


def _emit_square(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Transpose LANES × LANES numbers in registers, exchanging single lanes, then pairs, fours and so on."""
    vector = ir.VectorType(ir.FloatType(), LANES)
    matrix, result = (_Pointer(context, builder, signature.args[i], values[i]) for i in range(2))
    row, column = values[2:]
    lines = [_load(builder, matrix.at(builder.add(row, _index(r)), column, 0), vector) for r in range(LANES)]
    step = 1
    while step < LANES:
        for upper in (line for line in range(LANES) if not line & step):
            lines[upper], lines[upper + step] = _exchanged(builder, lines[upper], lines[upper + step], step)
        step *= 2
    for r, line in enumerate(lines):
        _store(builder, line, result.at(builder.add(column, _index(r)), row, 0), vector)
    return context.get_dummy_value()


def _exchanged(builder: Any, upper: Any, lower: Any, step: int) -> tuple[Any, Any]:
    """Swap the lanes of `upper` that have the bit `step` with those of `lower` that do not."""
    indices = ir.VectorType(ir.IntType(32), LANES)
    kept = [lane if not lane & step else LANES + lane - step for lane in range(LANES)]
    moved = [lane + step if not lane & step else LANES + lane for lane in range(LANES)]
    first = builder.shuffle_vector(upper, lower, ir.Constant(indices, kept))
    return first, builder.shuffle_vector(upper, lower, ir.Constant(indices, moved))


_square: Any = intrinsic(_square_type)
_tall_tile = _tile_of(TALL)
_low_tile = _tile_of(ROWS)


@compiled
def multiply(left: Matrix, right: Matrix, result: Matrix, fresh: bool) -> None:
    """result (M, N) = left (M, D) @ right (D, N), added to what is there unless `fresh`.

    M is a multiple of ROWS and N one of COLUMNS. `left` may be a transposed view; the others are row-major.
    """
    rows, columns = result.shape
    tall = rows // TALL * TALL
    for column in range(0, columns, COLUMNS):
        for row in range(0, tall, TALL):
            _tall_tile(left, right, result, row, column, fresh)
        for row in range(tall, rows, ROWS):
            _low_tile(left, right, result, row, column, fresh)


@compiled
def transpose(matrix: Matrix, result: Matrix) -> None:
    """result (N, M) = matrix (M, N) transposed; M and N are multiples of LANES, both row-major."""
    for row in range(0, matrix.shape[0], LANES):
        for column in range(0, matrix.shape[1], LANES):
            _square(matrix, result, row, column)
