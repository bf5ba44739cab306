"""What the neighbours of each station say together, compiled. Axes: T steps, N stations, E neighbours."""

import numpy as np

from data.compiling import cached
from hetnet.network import Counts, Floats


@cached
def middle_of_near(values: Floats, near: Counts) -> Floats:
    """The median of the values (T, N) of each station's neighbours (N, E), (T, N)."""
    found, count = np.empty(values.shape), near.shape[1]
    several = np.empty(count)
    for step in range(values.shape[0]):
        for station in range(values.shape[1]):
            for number in range(count):  # sorted as they come
                value, place = values[step, near[station, number]], number
                while place > 0 and several[place - 1] > value:
                    several[place] = several[place - 1]
                    place -= 1
                several[place] = value
            found[step, station] = (several[(count - 1) // 2] + several[count // 2]) / 2
    return found
