"""The router, and what all pages share."""

from __future__ import annotations

import base64
from pathlib import Path

import streamlit as st

from dashboard import sidebar
from dashboard.pages import PAGES
from dashboard.shared import state

SIDEBAR_PIXELS = 312
LOGO = Path(__file__).with_name("logo.svg")
# As a name, or a file, the icon would be asked of another host, or go with a session.
ICON = base64.b64encode(Path(__file__).with_name("icon.svg").read_bytes()).decode()

st.set_page_config(
    page_title="Petlens",
    page_icon=f"data:image/svg+xml;base64,{ICON}",
    layout="wide",
    initial_sidebar_state=SIDEBAR_PIXELS,
)
st.logo(LOGO, size="large")
chosen = st.navigation(
    [
        st.Page(
            page.script,
            title=page.title,
            icon=page.icon,
            url_path=page.name,
            default=page is PAGES[0],
        )
        for page in PAGES
    ],
    position="top",
)
state.begin_page()
with st.sidebar:
    state.keep_choices(sidebar.choose())
chosen.run()
state.leave_unasked()
