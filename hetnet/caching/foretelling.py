"""What is asked for next, foretold one request at a time from those before it; compiled.

What was asked for counts less the longer ago it was: by exp(-age / memory), for S memories. A component is
the share that a content has in such sums, in the requests of a group of clients or in all. Axes: R requests,
N contents, C clients, G groups, S memories, K = 2 S + 1 components: groups, all, and every content alike.
"""

import numpy as np

from data.compiling import cached
from hetnet.network import Counts, Floats, Mask

NONE = -1  # a content without a follower


@cached
def component_shares(
    times: Floats, contents: Counts, groups: Counts, memories: Floats, counts: tuple[int, int]
) -> Floats:
    """The share of what each request asks for in each component, from the requests before it alone, (R, K).

    `groups` (R,) are those of the requests' clients, `counts` how many groups and contents there are.
    """
    group_count, content_count = counts
    kept = len(memories)
    sums = np.zeros((content_count, group_count, kept))
    totals = np.zeros((group_count, kept))
    asked, latest = np.zeros(content_count), 0.0  # when each content, and any, was last asked for
    found = np.full((len(times), 2 * kept + 1), 1 / content_count)
    for place in range(len(times)):
        now, content, group = times[place], contents[place], groups[place]
        for memory in range(kept):
            fade = np.exp((asked[content] - now) / memories[memory])
            fade_all = np.exp((latest - now) / memories[memory])
            own, everyone, total = 0.0, 0.0, 0.0
            for each in range(group_count):
                sums[content, each, memory] *= fade
                totals[each, memory] *= fade_all
                everyone += sums[content, each, memory]
                total += totals[each, memory]
            own = sums[content, group, memory]
            if totals[group, memory] > 0:
                found[place, memory] = own / totals[group, memory]
            if total > 0:
                found[place, kept + memory] = everyone / total
            sums[content, group, memory] += 1
            totals[group, memory] += 1
        asked[content] = latest = now
    return found


@cached
def foretold_next(
    times: Floats, clients: Counts, contents: Counts, follower: Counts, counts: tuple[int, float]
) -> tuple[Mask, Mask]:
    """Whether the client's request before had a follower within so many seconds, and whether that came, (R,).

    `counts` are how many clients there are, and those seconds.
    """
    client_count, within = counts
    before, when = np.full(client_count, NONE), np.zeros(client_count)
    had, came = np.zeros(len(times), np.bool_), np.zeros(len(times), np.bool_)
    for place in range(len(times)):
        client = clients[place]
        if before[client] != NONE and times[place] - when[client] <= within:
            expected = follower[before[client]]
            had[place] = expected != NONE
            came[place] = expected == contents[place]
        before[client], when[client] = contents[place], times[place]
    return had, came
