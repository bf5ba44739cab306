"""The side of the base stations: what each does with the orders of the server."""
