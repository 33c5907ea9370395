"""Helpers for working on Petlens; nothing here is needed to run it."""
