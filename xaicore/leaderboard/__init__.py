"""Rows of an evaluation → means, intervals and ranks, in tables and in words."""
