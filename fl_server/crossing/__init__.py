"""How what crosses between stations and server is made small, and kept from the server."""
