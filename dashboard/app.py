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
    [st.Page("views/explain.py", title="Explain", icon=":material/image_search:", default=True)],
    position="top",
)
try:
    classifier = services.get_classifier()
except ClassifierError as error:
    st.error(str(error))
    st.stop()
with st.sidebar:
    photo = components.choose_photo()
    target = components.choose_class(classifier.labels, services.predict(photo))
    look = components.choose_look()
state.keep_choices(state.Choices(photo, target, classifier.labels[target], look))
page.run()
