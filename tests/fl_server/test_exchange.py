"""Messages and bytes are counted by tier and direction."""

from dataclasses import astuple, fields

from hypothesis import given
from hypothesis import strategies as st

from fl_server.exchange import Exchange, Flow, together, without_clusters

counts = st.integers(0, 10**9)
flows = st.builds(Flow, counts, counts, counts, counts)
exchanges = st.builds(Exchange, flows, flows, flows)


def test_a_round_is_counted_by_hand() -> None:
    """Ten stations get 400 bytes each, nine answer; then two clusters send and three receive."""
    exchange = (
        Exchange()
        .counted("station_cluster", down=10, up=9, size=400)
        .counted("cluster_network", up=2, down=3, size=400)
    )
    assert exchange.station_cluster == Flow(messages_up=9, messages_down=10, bytes_up=3600, bytes_down=4000)
    assert exchange.cluster_network == Flow(messages_up=2, messages_down=3, bytes_up=800, bytes_down=1200)
    assert exchange.station_network == Flow()
    assert (exchange.station_cluster.messages, exchange.station_cluster.bytes) == (19, 7600)


def test_counting_adds_to_what_was_there() -> None:
    once = Exchange().counted("cluster_network", up=1, size=8)
    assert once.counted("cluster_network", up=2, down=1, size=8).cluster_network == Flow(3, 1, 24, 8)
    assert once.cluster_network == Flow(1, 0, 8, 0)


def test_without_clusters_stations_talk_to_the_network_itself() -> None:
    exchange = Exchange().counted("station_cluster", up=3, size=4).counted("cluster_network", up=1, size=4)
    assert without_clusters(exchange) == Exchange(station_network=Flow(3, 0, 12, 0))


@given(exchanges, exchanges)
def test_the_flows_of_both_are_the_sums_of_each_figure(one: Exchange, other: Exchange) -> None:
    both = together(one, other)
    for tier in fields(Exchange):
        parts = [astuple(getattr(each, tier.name)) for each in (one, other)]
        assert astuple(getattr(both, tier.name)) == tuple(map(sum, zip(*parts, strict=True)))
    assert together(other, one) == both
    assert together(one, Exchange()) == one
