"""Edge caching: who asks for what, and which contents the stations' caches hold."""
