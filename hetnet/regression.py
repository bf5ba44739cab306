"""Least squares of a series on lags, for thousands of series at once.

Axes: S series, D tests, E equations, T time, R lags, C columns, n equations of one fit.

The columns of a fit are made orthogonal one after the other (modified Gram-Schmidt); one that is a
combination of those before it is left out, so that constant and doubled series need no exception.
"""

import numpy as np

from data.compiling import cached
from hetnet.network import Counts, Floats

DEPENDENT = 1e-14  # a column with less than this share of its square left is a combination of the others


@cached
def _sweep(rows: Floats, first: int, last: int, squares: Floats) -> int:
    """Take columns `first` to `last` out of all later ones, in place; return how many were independent.

    `rows` (C, n) are the columns of the fit, what is explained last; `squares` (C,) their sums of squares
    at the start.
    """
    independent = 0
    for column in range(first, last):
        left = np.dot(rows[column], rows[column])
        if left <= DEPENDENT * squares[column]:
            rows[column, :] = 0.0
            continue
        independent += 1
        for later in range(column + 1, rows.shape[0]):
            share = np.dot(rows[column], rows[later]) / left
            for place in range(rows.shape[1]):
                rows[later, place] -= share * rows[column, place]
    return independent


@cached
def _centre(rows: Floats, squares: Floats) -> None:
    """Take its mean out of each column, in place, and note its sum of squares."""
    for column in range(rows.shape[0]):
        whole = np.dot(rows[column], rows[column])
        rows[column] -= rows[column].mean()
        squares[column] = np.dot(rows[column], rows[column])
        if squares[column] <= DEPENDENT * whole:  # a constant: what is left is rounding
            squares[column] = 0.0
            rows[column, :] = 0.0


@cached
def granger_sums(causes: Floats, effects: Floats, pairs: Counts, lags: int) -> Floats:
    """What two autoregressions of an effect leave unexplained, without and with the cause's lags.

    `causes` (S, T), `effects` (E, T), `pairs` (D, 2). Returned (D, 5): the effect's sum of squares, what is
    left of it without the cause, what with it, and how many independent columns each of the two added.
    """
    points = effects.shape[1]
    rows = np.empty((2 * lags + 1, points - lags))
    squares = np.empty(2 * lags + 1)
    found = np.zeros((pairs.shape[0], 5))
    for test in range(pairs.shape[0]):
        cause, effect = causes[pairs[test, 0]], effects[pairs[test, 1]]
        for lag in range(1, lags + 1):
            rows[lag - 1] = effect[lags - lag : points - lag]
            rows[lags + lag - 1] = cause[lags - lag : points - lag]
        rows[2 * lags] = effect[lags:]
        _centre(rows, squares)
        found[test, 0] = squares[2 * lags]
        found[test, 3] = _sweep(rows, 0, lags, squares)
        found[test, 1] = np.dot(rows[2 * lags], rows[2 * lags])
        found[test, 4] = _sweep(rows, lags, 2 * lags, squares)
        found[test, 2] = np.dot(rows[2 * lags], rows[2 * lags])
    return found


@cached
def unit_root_statistics(series: Floats, lags: int) -> Floats:
    """The augmented Dickey-Fuller statistic of each of `series` (S, T), with a constant and so many lags.

    Minus infinity for a series that its own past explains wholly, such as a constant.
    """
    points = series.shape[1]
    equations = points - 1 - lags
    rows = np.empty((lags + 2, equations))
    squares = np.empty(lags + 2)
    found = np.empty(series.shape[0])
    for number in range(series.shape[0]):
        values = series[number]
        steps = values[1:] - values[:-1]
        for lag in range(1, lags + 1):
            rows[lag - 1] = steps[lags - lag : points - 1 - lag]
        rows[lags] = values[lags : points - 1]
        rows[lags + 1] = steps[lags:]
        _centre(rows, squares)
        columns = 1 + _sweep(rows, 0, lags, squares)
        level, explained = rows[lags], rows[lags + 1]
        left = np.dot(level, level)
        found[number] = -np.inf
        if left > DEPENDENT * squares[lags]:
            slope = np.dot(level, explained) / left
            _sweep(rows, lags, lags + 1, squares)
            unexplained = np.dot(explained, explained)
            if unexplained > DEPENDENT * squares[lags + 1]:
                found[number] = slope * np.sqrt(left * (equations - columns - 1) / unexplained)
    return found


@cached
def next_values(series: Floats, lags: int) -> Floats:
    """The value after the end of each of `series` (S, T), by its own autoregression without a constant.

    It is kept between 0 and the largest value seen: an autoregression of few points may run away.
    """
    points = series.shape[1]
    rows = np.empty((lags + 1, points - lags + 1))
    found = np.zeros(series.shape[0])
    squares = np.empty(lags + 1)
    for number in range(series.shape[0]):
        values = series[number]
        for lag in range(1, lags + 1):
            rows[lag - 1] = values[lags - lag : points - lag + 1]
        rows[lags, :-1] = values[lags:]
        rows[lags, -1] = 0.0
        found[number] = min(max(_prediction(rows, squares), 0.0), values.max())
    return found


@cached
def _prediction(rows: Floats, squares: Floats) -> float:
    """What the columns predict for the last equation, whose outcome is not known; in place.

    The last equation takes no part in the sums: its place in what is explained gathers the prediction.
    """
    explained = rows.shape[0] - 1
    predicted = 0.0
    for column in range(explained + 1):
        squares[column] = np.dot(rows[column, :-1], rows[column, :-1])
    for column in range(explained):
        left = np.dot(rows[column, :-1], rows[column, :-1])
        if left <= DEPENDENT * squares[column]:
            continue
        for later in range(column + 1, explained + 1):
            share = np.dot(rows[column, :-1], rows[later, :-1]) / left
            if later == explained:
                predicted += share * rows[column, -1]
            for place in range(rows.shape[1]):
                rows[later, place] -= share * rows[column, place]
    return predicted
