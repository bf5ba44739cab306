"""One step of an LSTM or GRU layer for a block of samples, forward and back.

Gates stand in torch's order; the way back replaces them by their slopes. Two rules keep these loops in
vector code: whole arrays are indexed by loop variables and constants alone (a view of each row would cost
more than its arithmetic, because numba counts references with atomic instructions), and every gate has an
array of its own (interleaved ones look like aliases when the check for these is made once for all rows).
Axes: B rows, H padded hidden width. `states` may have further columns behind its first H.
"""

import numpy as np
from numpy.typing import NDArray

from forecasting.kernels_compile import vectorised
from forecasting.kernels_curves import sigmoid, tanh
from forecasting.kernels_products import Matrix

ONE = np.float32(1)

Gates = NDArray[np.float32]  # (4, B, H)


@vectorised
def lstm_forward(
    gates: Gates, before: Matrix, after: Matrix, bent: Matrix, states: Matrix, rows: int
) -> None:
    """Gates input, forget, candidate, output; `before` and `after` are cells, `bent` is tanh of `after`."""
    for row in range(rows):
        for unit in range(gates.shape[2]):
            entering, kept = sigmoid(gates[0, row, unit]), sigmoid(gates[1, row, unit])
            proposed, shown = tanh(gates[2, row, unit]), sigmoid(gates[3, row, unit])
            cell = kept * before[row, unit] + entering * proposed
            curved = tanh(cell)
            gates[0, row, unit], gates[1, row, unit] = entering, kept
            gates[2, row, unit], gates[3, row, unit] = proposed, shown
            after[row, unit], bent[row, unit], states[row, unit] = cell, curved, shown * curved


@vectorised
def lstm_backward(
    gates: Gates, before: Matrix, bent: Matrix, slopes: Matrix, carried: Matrix, rows: int
) -> None:
    """`slopes` are those of the state, `carried` those of the cell, before and after the call."""
    for row in range(rows):
        for unit in range(gates.shape[2]):
            entering, kept = gates[0, row, unit], gates[1, row, unit]
            proposed, shown = gates[2, row, unit], gates[3, row, unit]
            curved, slope = bent[row, unit], slopes[row, unit]
            of_cell = carried[row, unit] + slope * shown * (ONE - curved * curved)
            gates[0, row, unit] = of_cell * proposed * entering * (ONE - entering)
            gates[1, row, unit] = of_cell * before[row, unit] * kept * (ONE - kept)
            gates[2, row, unit] = of_cell * entering * (ONE - proposed * proposed)
            gates[3, row, unit] = slope * curved * shown * (ONE - shown)
            carried[row, unit] = of_cell * kept


@vectorised
def gru_forward(gates: Gates, before: Matrix, after: Matrix, rows: int) -> None:
    """Gates reset, update, new from the input, new from the state; `before` and `after` are states."""
    for row in range(rows):
        for unit in range(gates.shape[2]):
            resetting, kept = sigmoid(gates[0, row, unit]), sigmoid(gates[1, row, unit])
            new = tanh(gates[2, row, unit] + resetting * gates[3, row, unit])
            gates[0, row, unit], gates[1, row, unit], gates[2, row, unit] = resetting, kept, new
            after[row, unit] = (ONE - kept) * new + kept * before[row, unit]


@vectorised
def gru_backward(gates: Gates, before: Matrix, slopes: Matrix, carried: Matrix, rows: int) -> None:
    """`slopes` are those of the state through products, `carried` those that come unchanged."""
    for row in range(rows):
        for unit in range(gates.shape[2]):
            resetting, kept = gates[0, row, unit], gates[1, row, unit]
            new, old = gates[2, row, unit], gates[3, row, unit]
            slope = slopes[row, unit] + carried[row, unit]
            of_new = slope * (ONE - kept) * (ONE - new * new)
            gates[0, row, unit] = of_new * old * resetting * (ONE - resetting)
            gates[1, row, unit] = slope * (before[row, unit] - new) * kept * (ONE - kept)
            gates[2, row, unit] = of_new
            gates[3, row, unit] = of_new * resetting
            carried[row, unit] = slope * kept
