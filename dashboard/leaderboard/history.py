"""The chosen run's settings, note and deletion, and another run beside it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.leaderboard import runs
from dashboard.leaderboard.keys import OTHER_RUN, sure_key
from dashboard.shared.store import get_store
from xaicore.evaluation.results import Results
from xaicore.evaluation.store import Run
from xaicore.leaderboard.board import compare
from xaicore.leaderboard.tables import header_of, in_words, label_of


def show_history(run_id: str) -> None:
    results = runs.get_results(run_id)
    run = runs.find_run(run_id)
    about = results.about
    st.markdown(
        f"**{about['title']}** · {about['status']} · {results.rows['position'].nunique()} photos"
        f" · {about['errors']} could not be read · weights `{about['weights']}` · "
        f"started {about['started'][:16].replace('T', ' ')} UTC"
    )
    with st.expander("All settings"):
        st.json(about, expanded=False)
    if run is None:
        st.caption("These results came with Petlens; they cannot be changed or deleted.")
    else:
        _edit(run)
    _compare(run_id, results)


def _edit(run: Run) -> None:
    store = get_store()
    with st.form(f"note-{run.id}", border=False):
        title = st.text_input("Title", run.title)
        note = st.text_area("Note", run.note)
        if st.form_submit_button("Keep title and note", icon=":material/save:"):
            store.rename(run.id, title)
            store.annotate(run.id, note)
            st.rerun()
    with st.popover("Delete this run", icon=":material/delete:"):
        st.markdown(f"**{run.title}**, {run.photos} photos, will be gone from the list for good.")
        sure = st.checkbox("Yes, I mean this run", key=sure_key(run.id))
        st.button(
            "Delete it",
            icon=":material/delete:",
            disabled=not sure,
            on_click=store.delete_run,
            args=(run.id,),
        )


def _compare(own: str, results: Results) -> None:
    everything = [*runs.BUNDLED, *(run.id for run in runs.list_runs())]
    others = [id for id in everything if id != own]
    if not others:
        st.caption("When there is another run, the two can be compared here.")
        return
    chosen = st.selectbox(
        "Compare with",
        others,
        index=None,
        format_func=lambda id: runs.get_results(id).about["title"],
        key=OTHER_RUN,
    )
    if chosen is None:
        return
    shared, cells = compare(results.rows, runs.get_results(chosen).rows)
    if not cells:
        st.caption("The two runs have no photo and method in common.")
        return
    names = list(dict.fromkeys(name for name, _ in cells))
    metrics = list(dict.fromkeys(metric for _, metric in cells))
    st.table(
        pd.DataFrame(
            {
                header_of(metric): [in_words(cells[name, metric]) for name in names]
                for metric in metrics
            },
            index=[label_of(name) for name in names],
        )
    )
    st.caption(f"This run less the other one, on the {shared} photos that both have.")
