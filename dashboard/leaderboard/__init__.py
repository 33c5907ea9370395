"""Which method is worth more, on many photos, and how sure one can be of it."""
