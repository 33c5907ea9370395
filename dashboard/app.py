"""Petlens, as a server: run it with ``python -m streamlit run dashboard/app.py``."""

from __future__ import annotations

import streamlit as st

from dashboard.serve import OPTIONS

app = st.App(**OPTIONS)
