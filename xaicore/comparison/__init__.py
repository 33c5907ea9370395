"""Maps side by side: where they agree, which one the network backs, what a change does."""
