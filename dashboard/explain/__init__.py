"""One photo, what the network says, and where each method sees the reason."""
