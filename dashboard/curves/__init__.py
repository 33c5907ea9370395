"""What happens to the probability when what a map calls salient is removed or restored."""
