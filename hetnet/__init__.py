"""What the twins are used for: a heterogeneous network, found in trouble and put in order."""
