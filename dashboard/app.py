"""Petlens: the router, and what all pages share.

Run it with ``python -m streamlit run dashboard/app.py`` from the project's root.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import components, services, state
from xaicore import ClassifierError

SIDEBAR_PIXELS = 312
LOGO = Path(__file__).with_name("logo.svg")

st.set_page_config(
    page_title="Petlens",
    page_icon=":material/pets:",
    layout="wide",
    initial_sidebar_state=SIDEBAR_PIXELS,
)
st.logo(LOGO, size="large")
page = st.navigation(
    [
        st.Page("views/explain.py", title="Explain", icon=":material/image_search:", default=True),
        st.Page("views/compare.py", title="Compare", icon=":material/compare:"),
        st.Page("views/curves.py", title="Curves", icon=":material/show_chart:"),
        st.Page("views/leaderboard.py", title="Leaderboard", icon=":material/leaderboard:"),
        st.Page("views/methods.py", title="Methods", icon=":material/school:"),
    ],
    position="top",
)
with st.sidebar:
    photo = components.choose_photo()
    controls = st.container()
    try:
        network = components.choose_network()
    except ClassifierError as error:
        # Not even the bundled network can be loaded.
        st.error(str(error))
        st.stop()
    with controls:
        target = components.choose_class(network, services.predict(network.classifier, photo))
        look = components.choose_look()
    score = components.choose_score()
    explainers = components.choose_explainers()
state.keep_choices(state.Choices(network, photo, target, score, look, explainers))
page.run()
