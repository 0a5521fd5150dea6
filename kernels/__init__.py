"""One folder per operation. Knows arrays; knows no graph, no layer, no model."""
