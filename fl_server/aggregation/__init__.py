"""How several twins become one: the rules by which a tier merges what it is sent."""
