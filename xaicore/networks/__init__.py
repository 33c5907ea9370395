"""Networks: what they take in, what they give out, and how one from outside is brought."""
