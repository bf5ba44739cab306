"""What a set is: its figures and curves."""
