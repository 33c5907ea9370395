"""The chosen run's settings, note and deletion, and another run beside it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.leaderboard import runs
from dashboard.leaderboard.keys import OTHER_RUN, sure_key
from dashboard.shared.store import get_store
from dashboard.shared.text import plain
from dashboard.shared.widgets import in_sentences
from xaicore import PetlensError
from xaicore.evaluation.results import Results
from xaicore.evaluation.store import Run
from xaicore.formatting import plural
from xaicore.leaderboard.board import compare
from xaicore.leaderboard.tables import header_of, in_words, label_of


def show_history(run_id: str, results: Results, own: Mapping[str, Run]) -> None:
    """What a run was asked, its title and note, and another one beside it."""
    run = own.get(run_id)
    if run and run.problem:
        _offer_deletion(run)
        return
    about = results.about
    photos = plural(results.rows["position"].nunique(), "photo")
    st.markdown(
        f"**{plain(about['title'])}** · {about['status']} · {photos} · "
        f"{about['errors']} could not be read · weights `{about['weights']}` · "
        f"started {about['started'][:16].replace('T', ' ')} UTC"
    )
    with st.expander("All settings"):
        st.json(about, expanded=False)
    if run is None:
        st.caption("These results came with Petlens; they cannot be changed or deleted.")
    else:
        _edit(run)
        _offer_deletion(run)
    _compare(run_id, results, own)


def _edit(run: Run) -> None:
    with st.form(f"note-{run.id}", border=False), in_sentences():
        title = st.text_input("Title", run.title)
        note = st.text_area("Note", run.note)
        if st.form_submit_button("Keep title and note", icon=":material/save:"):
            get_store().rename(run.id, title)
            get_store().annotate(run.id, note)
            st.rerun()


def _offer_deletion(run: Run) -> None:
    with st.popover("Delete this run", icon=":material/delete:"):
        st.markdown(
            f"**{plain(run.title)}**, {plural(run.photos, 'photo')}, will be gone from the list "
            "for good."
        )
        sure = st.checkbox("Yes, I mean this run", key=sure_key(run.id))
        st.button(
            "Delete it",
            icon=":material/delete:",
            disabled=not sure,
            on_click=_delete,
            args=(run.id,),
        )


def _delete(run_id: str) -> None:
    try:
        get_store().delete_run(run_id)
    except PetlensError as error:
        st.toast(f"The run was not deleted. {error}", icon=":material/error:")


def _compare(own_id: str, results: Results, own: Mapping[str, Run]) -> None:
    everything = [*runs.BUNDLED, *(id for id, run in own.items() if not run.problem)]
    others = [id for id in everything if id != own_id]
    chosen = st.selectbox(
        "Compare with",
        others,
        index=None,
        format_func=lambda id: runs.name_of(id, own),
        key=OTHER_RUN,
    )
    if chosen is None:
        return
    with in_sentences():
        _show_difference(results, runs.get_results(chosen, own))


def _show_difference(results: Results, other: Results) -> None:
    shared, cells = compare(results.rows, other.rows)
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
    st.caption(f"This run less the other one, on the {plural(shared, 'photo')} that both have.")
