"""Sets of traffic at rest: reading every plain layout, writing our own."""
