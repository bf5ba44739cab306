"""The contestants of `trainer_speed`, each a program of its own that writes one JSON file."""
