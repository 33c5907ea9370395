"""The store of this server, for pages."""

from __future__ import annotations

import streamlit as st

from xaicore.errors import PetlensError
from xaicore.evaluation.store import Store


@st.cache_resource(show_spinner="Opening the store")
def get_store() -> Store:
    """The store of this server; raises ``StoreError``."""
    return Store()


def find_store() -> Store | None:
    """The store, or none where it cannot be used: maps and curves do without it."""
    try:
        return get_store()
    except PetlensError:
        return None
