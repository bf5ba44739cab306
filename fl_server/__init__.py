"""The control room: the command line and, later, the server that meets the stations."""
