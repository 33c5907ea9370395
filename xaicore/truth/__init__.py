"""Planted reasons: networks whose reasons are known, and what maps are worth beside them."""
