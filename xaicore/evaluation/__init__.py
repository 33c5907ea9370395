"""Photos × methods × metrics, kept as they are found, here or on a cluster."""
