"""The synthetic city: seeded, of any size, calibrated against real traffic."""
