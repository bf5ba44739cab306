"""When a twin is refreshed: the world of the twin-synchronisation paper, predictors, policies and rules."""
