"""From the bytes of raw rows to numbers, and from numbers to sums: the compiled inner loops of the import.

`parsed` reads and checks in one pass. It stops at the first row that is not as it must be and leaves it to
`data.milan.lines` to say what is wrong with it. Inside the row no function fails: what cannot be read moves
the position to the zero byte that ends every buffer, where nothing else can be read either, so that one
test at the end of the row finds every fault. Positions become `np.uintp` where they index: numba would
otherwise allow for negative ones, which costs a fifth of the speed.

Axes: R rows, N squares, T intervals of a day.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.compiling import cached

LARGEST_ACTIVITY = 1e30  # sums stay far from the end of a float32
PADDING = 16  # zero bytes behind the text of every buffer: eight digits may be looked at together
SHORTEST_ROW = 13  # bytes, in either format: digits, seven separators and the line end
MILLISECONDS_PER_INTERVAL = 600_000
FIRST_DAY, LAST_DAY = 10_957, 47_481  # 2000-01-01 and 2099-12-31, in days since 1970
LINE_END, RETURN, TAB, COMMA, DASH, POINT, PLUS, COLON, SPACE = 10, 13, 9, 44, 45, 46, 43, 58, 32
LARGEST_MANTISSA = 900_000_000_000_000_000  # one more digit still fits 64 bits
LARGEST_FOR_EIGHT = 9_000_000_000  # eight more digits still fit
DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365])
POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(309)])


class Parsed(NamedTuple):
    """What `parsed` found in a buffer; the arrays are longer than `rows` and hold nothing beyond."""

    rows: int
    stopped_at: int  # where the first row begins that cannot be read; the length of the text when all can
    intervals: NDArray[np.int64]  # (R,) since 1970: ten minutes in UTC, or hours on the local clock
    columns: NDArray[np.int32]  # (R,)
    countries: NDArray[np.uint32]  # (R,)
    loads: NDArray[np.float64]  # (R, 3): internet, sms, call


@cached
def parsed(text: NDArray[np.uint8], length: int, column_of: NDArray[np.int32], hourly: bool) -> Parsed:
    """The rows in the first `length` bytes of `text`, which end with a line end.

    `text` goes on for at least PADDING bytes, the last of them zero. `column_of` maps a square to its
    column, or to -1. `hourly` chooses between the two raw formats of `data.milan.files`.
    """
    most = length // SHORTEST_ROW + 1
    intervals = np.empty(most, np.int64)
    columns = np.empty(most, np.int32)
    countries = np.empty(most, np.uint32)
    loads = np.empty((most, 3), np.float64)
    separator = COMMA if hourly else TAB
    per_day = 24 if hourly else 144
    earliest, end = FIRST_DAY * per_day, (LAST_DAY + 1) * per_day
    row, at, lost = 0, 0, len(text) - 1
    while at < length:
        begin = at
        first, at = _local_hour(text, at) if hourly else _integer(text, at)
        second, at = _integer(text, _past(text, at, separator))
        country, at = _integer(text, _past(text, at, separator))
        at = _past(text, at, separator)
        square = second if hourly else first
        interval = first if hourly else second // MILLISECONDS_PER_INTERVAL
        on_grid = hourly or interval * MILLISECONDS_PER_INTERVAL == second
        sms_in, at = _activity(text, at)
        sms_out, at = _activity(text, _past(text, at, separator))
        call_in, at = _activity(text, _past(text, at, separator))
        call_out, at = _activity(text, _past(text, at, separator))
        internet, at = _activity(text, _past(text, at, separator))
        at = _past_line(text, at)
        column = column_of[square] if 0 <= square < len(column_of) else -1  # too many digits overflow
        if at == lost or column < 0 or not (on_grid and earliest <= interval < end):
            return Parsed(row, begin, intervals, columns, countries, loads)
        intervals[row] = interval
        columns[row] = column
        countries[row] = country
        loads[row, 0] = internet
        loads[row, 1] = sms_in + sms_out
        loads[row, 2] = call_in + call_out
        row += 1
    return Parsed(row, length, intervals, columns, countries, loads)


@cached
def add_rows(
    sums: NDArray[np.float64],  # (N, T, 3), changed in place
    rows_at: NDArray[np.int64],  # (T,), changed in place
    slots: NDArray[np.int64],  # (R,)
    columns: NDArray[np.int32],  # (R,)
    loads: NDArray[np.float64],  # (R, 3)
) -> None:
    """Add every row to the sums of its square and interval, and count it."""
    for row in range(len(slots)):
        slot, column = np.uintp(slots[row]), np.uintp(columns[row])
        rows_at[slot] += 1
        for channel in range(3):
            sums[column, slot, channel] += loads[row, channel]


@cached
def _local_hour(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Hours since 1970 of the full hour `YYYY-MM-DD HH:00:00` at `at`, and where it ends."""
    day, at = _day(text, at)
    hour, at = _integer(text, _past(text, at, SPACE))
    minute, at = _integer(text, _past(text, at, COLON))
    second, at = _integer(text, _past(text, at, COLON))
    return day * 24 + hour, at if hour < 24 and minute + second == 0 else len(text) - 1


@cached
def _day(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Days since 1970 of the date `YYYY-MM-DD` at `at`, and where it ends."""
    year, at = _integer(text, at)
    month, at = _integer(text, _past(text, at, DASH))
    day, at = _integer(text, _past(text, at, DASH))
    if not (2000 <= year < 2100 and 1 <= month <= 12):
        return 0, len(text) - 1
    leap = 1 if year % 4 == 0 else 0  # 2000 to 2099 hold no exception
    longest = DAYS_BEFORE_MONTH[month + 1] - DAYS_BEFORE_MONTH[month] + (leap if month == 2 else 0)
    if not 1 <= day <= longest:
        return 0, len(text) - 1
    years = year - 2000
    days = FIRST_DAY + years * 365 + (years + 3) // 4 + DAYS_BEFORE_MONTH[month] + day - 1
    return days + (leap if month > 2 else 0), at


@cached
def _past(text: NDArray[np.uint8], at: int, mark: int) -> int:
    """The position behind the byte `mark` that must stand at `at`."""
    return at + 1 if text[np.uintp(at)] == mark else len(text) - 1


@cached
def _past_line(text: NDArray[np.uint8], at: int) -> int:
    """The position behind the line end, LF or CR LF, that must stand at `at`."""
    return _past(text, at + 1 if text[np.uintp(at)] == RETURN else at, LINE_END)


@cached
def _integer(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """The 1 to 18 digits at `at` as a number, and where they end."""
    number, begin = 0, at
    digit = text[np.uintp(at)] ^ 48  # below 10 for digits only
    while digit < 10:
        number = number * 10 + digit
        at += 1
        digit = text[np.uintp(at)] ^ 48
    return number, at if 0 < at - begin < 19 else len(text) - 1


@cached
def _activity(text: NDArray[np.uint8], at: int) -> tuple[float, int]:
    """The decimal >= 0 at `at`, 0 when the field is empty, and where it ends; within 2 ulp of a float64."""
    mantissa, exponent = 0, 0
    pointed = text[np.uintp(at)] == POINT
    if not pointed:
        if text[np.uintp(at)] ^ 48 >= 10:
            return 0.0, at
        mantissa, at = _integer(text, at)
    if text[np.uintp(at)] == POINT:
        begin = at + 1
        mantissa, exponent, at = _fraction(text, begin, mantissa)
        if pointed and at == begin:
            return 0.0, len(text) - 1
    if text[np.uintp(at)] | 32 == 101:  # e or E
        power, at = _signed(text, at + 1)
        exponent += power
    value = _scaled(mantissa, exponent)
    return value, at if value < LARGEST_ACTIVITY else len(text) - 1


@cached
def _fraction(text: NDArray[np.uint8], at: int, mantissa: int) -> tuple[int, int, int]:
    """`mantissa` with the digits at `at` appended, the power of ten that this asks for, and where they end.

    Digits beyond the 64 bits of the mantissa are passed over: they weigh less than its last place.
    """
    exponent = 0
    while mantissa < LARGEST_FOR_EIGHT:
        eight = _eight_digits(text, at)
        if eight < 0:
            break
        mantissa = mantissa * 100_000_000 + int(eight)
        exponent -= 8
        at += 8
    digit = text[np.uintp(at)] ^ 48
    while digit < 10:
        if mantissa < LARGEST_MANTISSA:
            mantissa = mantissa * 10 + digit
            exponent -= 1
        at += 1
        digit = text[np.uintp(at)] ^ 48
    return mantissa, exponent, at


@cached
def _eight_digits(text: NDArray[np.uint8], at: int) -> np.int64:
    """The eight digits at `at` as a number, or -1, without a loop over them.

    Pairs, then fours, then all eight are joined inside one 64-bit word (D. Lemire, "Quickly parsing eight
    digits", 2018).
    """
    word = np.uint64(0)
    for index in range(8):
        word |= np.uint64(text[np.uintp(at + index)]) << np.uint64(8 * index)
    word ^= np.uint64(0x3030303030303030)
    if ((word + np.uint64(0x7676767676767676)) | word) & np.uint64(0x8080808080808080):
        return np.int64(-1)  # some byte is above 9
    word = word * np.uint64(10) + (word >> np.uint64(8))
    outer = (word & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    inner = ((word >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return np.int64((outer + inner) >> np.uint64(32))


@cached
def _signed(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """The digits at `at` with their sign, at most 9999 either way, and where they end."""
    sign = text[np.uintp(at)]
    number, at = _integer(text, at + 1 if sign in (DASH, PLUS) else at)
    return max(-number, -9999) if sign == DASH else min(number, 9999), at


@cached
def _scaled(mantissa: int, exponent: int) -> float:
    """mantissa * 10 ** exponent; the division keeps short decimals exact (Clinger 1990)."""
    if mantissa == 0:
        return 0.0
    if exponent >= 0:
        return float(mantissa * POWERS_OF_TEN[min(exponent, 308)])
    if exponent >= -308:
        return float(mantissa / POWERS_OF_TEN[-exponent])
    return float(mantissa / POWERS_OF_TEN[308] / POWERS_OF_TEN[min(-exponent - 308, 308)])
