"""Systems built on the graph runner."""
