"""The study that this project grew from: what it printed and said, and what of it holds here."""
