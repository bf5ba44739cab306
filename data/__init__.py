"""Traffic at rest, in windows and in flight: the ground every other package stands on."""
