"""Maps side by side: where they agree, and which of two the network backs."""
