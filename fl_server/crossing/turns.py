"""What lies around a turn of a run whose weights cross in fewer bytes than they have."""

from dataclasses import replace

from fl_server.crossing.coded import CodedFleet, named_bases, stored_bases
from fl_server.crossing.masked import MaskedFleet
from fl_server.exchange import Exchange
from fl_server.fleet import Fleet
from fl_server.run import Plan, Run

Crossed = CodedFleet | MaskedFleet


def around(fleet: Fleet, plan: Plan, run: Run) -> Crossed:
    """The fleet through which the weights of a turn cross."""
    return MaskedFleet(fleet) if plan.settings.crossing.secure_sum else crossed(fleet, plan, run)


def crossed(fleet: Fleet, plan: Plan, run: Run) -> CodedFleet:
    """The fleet as it stands before a turn."""
    orders = [each.order for each in run.stream.open] if run.stream is not None else []
    return CodedFleet(
        fleet,
        plan.settings.crossing,
        run.system,
        named_bases(run.bases, plan.stations),
        {station: order for order in orders for station in order.stations},
    )


def after_crossing(fleet: Crossed, before: Run, after: Run) -> Run:
    """The run after a turn, with what the stations have now, and the bytes that really crossed."""
    letter = "vertical" if before.stage == "vertical" else "horizontal"
    known, phase = getattr(before, letter), getattr(after, letter)
    exchange = _measured(fleet, known.exchange, phase.exchange)
    bases = stored_bases(fleet.bases, fleet.stations) if isinstance(fleet, CodedFleet) else None
    return replace(after, bases=bases, **{letter: replace(phase, exchange=exchange)})


def _measured(fleet: Crossed, before: Exchange, after: Exchange) -> Exchange:
    flow, earlier = after.station_cluster, before.station_cluster
    measured = replace(flow, bytes_up=earlier.bytes_up + fleet.up, bytes_down=earlier.bytes_down + fleet.down)
    return replace(after, station_cluster=measured)
