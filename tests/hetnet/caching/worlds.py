"""A small world that tests of caching share."""

from functools import cache

from hetnet.caching.cache_world import CacheSettings, CacheWorld, drawn_world
from hetnet.caching.requests import RequestSettings

SMALL = CacheSettings(
    requests=RequestSettings(requests=20_000, hours=12.0), history_hours=6.0, warm_hours=3.0, slots=60
)


@cache
def small_world() -> CacheWorld:
    """The same one for every test; nothing changes it."""
    return drawn_world(SMALL)
