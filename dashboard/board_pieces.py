"""What the leaderboard is made of: the table, its charts, the study, the history, own photos."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from io import BytesIO

import pandas as pd
import streamlit as st

from dashboard import board_charts, runs, services, state
from dashboard.queue import Evaluation
from dashboard.runs import EVERYTHING
from xaicore import CONTROLS, EXPLAINERS, METRICS, PROTOCOLS, Classifier
from xaicore.dataset import DatasetError, PhotoBytes, unzip_photos
from xaicore.evaluation import Plan
from xaicore.leaderboard import Board, average_focus, compare, rank_disagreement
from xaicore.results import Results
from xaicore.store import DONE, Run
from xaicore.study import BESIDE, CANNOT_TELL, CLAIMS, DOES_NOT, HOLDS, KNOWN, NOTES
from xaicore.study import METRICS as STUDY_METRICS
from xaicore.tables import (
    Columns,
    header_of,
    in_words,
    label_of,
    mark_markdown,
    to_csv,
    to_latex,
    to_long,
    to_markdown,
    to_parquet,
)

POLL_SECONDS = 1.0
MOST_DISAGREEMENTS = 12
MOST_ENDED = 3
PHOTO_TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif"]
CHART = {"displayModeBar": False}
MARKS = {HOLDS: ":green[:material/check:]", DOES_NOT: ":red[:material/close:]", CANNOT_TELL: "?"}
OTHER_RUN = "Compare with"


def choose_run() -> Run | None:
    """A run of the history, or none for the results that came with Petlens."""
    by_id = {run.id: run for run in runs.list_runs()}

    def name(id: str) -> str:
        if id == runs.BUNDLED:
            return runs.get_results(None).about["title"] + " (came with Petlens)"
        return f"{by_id[id].title}, {by_id[id].started:%Y-%m-%d %H:%M}"

    options = [runs.BUNDLED, *by_id]
    if st.session_state.get(state.RUN) not in options:
        st.session_state.pop(state.RUN, None)
    chosen = st.selectbox("Run", options, format_func=name, key=state.RUN)
    return by_id.get(chosen)


def choose_part(results: Results) -> str:
    """All photos, or a part of them."""
    parts = list(runs.list_parts(results))
    return st.selectbox(
        "Photos",
        parts,
        format_func=lambda part: part.capitalize(),
        help="By true class, by whether the network was right, by how sure it was.",
        key=state.PART,
    )


def show_table(board: Board, columns: Columns) -> None:
    """Methods down, metrics across, controls in grey."""
    names = [*board.methods, *board.controls]
    cells = {
        header: [_shade(name, mark_markdown(column.get(name))) for name in names]
        for header, column in columns.items()
    }
    index = [_shade(name, label_of(name)) for name in names]
    st.table(pd.DataFrame(cells, index=index))
    valid = [cell.valid for column in columns.values() for cell in column.values()]
    st.caption(
        f"Means over {board.photos} photos ± half of their 95 % interval, from photos drawn anew "
        "2,000 times. **Bold**: best of its column. \\*: not told apart from the best. Grey: maps "
        "that know nothing, but for the blurred one, which still knows what the methods say. "
        "↑ higher is better, ↓ lower is better. "
        + (
            f"Where a score is undefined the photo is left out: {min(valid)} to {max(valid)} count."
            if min(valid) < max(valid)
            else ""
        )
    )


def _shade(name: str, words: str) -> str:
    return f":gray[{words}]" if name in CONTROLS else words


def show_ranks(board: Board) -> None:
    """Ranks by metric and overall, and how often each column's order holds."""
    table = board.ranks.rename(index=label_of, columns=_rank_header)
    table.loc["Order holds"] = [board.holds[name] for name in board.ranks.columns]
    shown = table.map(lambda value: f"{value:.1f}").astype(object)
    shown.loc["Order holds"] = [f"{share:.0%}" for share in table.loc["Order holds"]]
    st.table(shown)
    st.caption(
        "1 is best; the overall rank is the mean over the study's six metrics. The last line says "
        "in how many of 2,000 draws of the photos the whole order of its column stays as it is."
    )


def _rank_header(metric: str) -> str:
    return "Overall" if metric == "overall" else METRICS[metric].label


def show_intervals(columns: Columns) -> None:
    words = "; ".join(
        f"{header}: " + ", ".join(f"{label_of(n)} {in_words(c)}" for n, c in column.items())
        for header, column in columns.items()
    )
    st.plotly_chart(board_charts.draw_intervals(columns), config=CHART)
    with st.expander("The same in words"):
        st.caption(words)


def download_menu(columns: Columns, title: str) -> None:
    """The table as it is shown, in four formats."""
    stem = "petlens-leaderboard"
    files = {
        "CSV": (lambda: to_csv(to_long(columns)), f"{stem}.csv", "text/csv"),
        "Parquet": (
            lambda: to_parquet(to_long(columns)),
            f"{stem}.parquet",
            "application/vnd.apache.parquet",
        ),
        "Markdown": (lambda: to_markdown(columns).encode(), f"{stem}.md", "text/markdown"),
        "LaTeX (booktabs)": (lambda: to_latex(columns).encode(), f"{stem}.tex", "text/x-tex"),
    }
    with st.popover("Download", icon=":material/download:"):
        for label, (make, name, kind) in files.items():
            st.download_button(
                label, make, name, kind, on_click="ignore", key=f"{title}-{name}", width="stretch"
            )


def show_study(board: Board, columns: Columns) -> None:
    """The study beside ours: its notes, what is known of its table, and its sentences checked."""
    for note in NOTES:
        st.info(note, icon=":material/info:")
    rows = []
    for metric in STUDY_METRICS:
        beside = BESIDE.get(metric, metric)
        ours = columns.get(header_of(beside))
        rows.append(
            {
                "Study's column": METRICS[metric].label,
                "What is known of it": KNOWN.get(metric, "Its figures are not at hand."),
                "Stands beside": header_of(beside),
                **{label_of(name): in_words(ours[name]) for name in board.methods if ours},
            }
        )
    st.table(pd.DataFrame(rows).set_index("Study's column"))
    st.subheader("Its sentences, checked here", anchor=False)
    for claim in CLAIMS:
        found = claim.check(board)
        st.markdown(f"{MARKS[found.verdict]} **{claim.sentence}** {found.verdict.capitalize()}.")
        st.caption(found.because)


def show_scatter(results: Results) -> None:
    """Any score against any other, or against what it cost."""
    columns = [name for name in METRICS if name in results.rows]
    options = [*columns, board_charts.SECONDS]
    left, right = st.columns(2)
    across = left.selectbox(
        "Across", options, len(columns), format_func=board_charts.axis_of, key=state.ACROSS
    )
    up = right.selectbox("Up", options, 0, format_func=board_charts.axis_of, key=state.UP)
    st.plotly_chart(board_charts.draw_scatter(results.rows, across, up), config=CHART)
    st.caption("One point a photo and method; where both ends are better the corner says which.")


def show_distribution(results: Results) -> None:
    columns = [name for name in METRICS if name in results.rows]
    metric = st.selectbox(
        "Metric", columns, format_func=board_charts.axis_of, key=state.DISTRIBUTION
    )
    st.plotly_chart(board_charts.draw_distribution(results.rows, metric), config=CHART)
    st.caption("One point a photo; the box holds the middle half of them, its line is the median.")


def show_disagreements(results: Results) -> None:
    """The photos that methods fare most differently on; those at hand open in Explain."""
    samples = {photo.hash: name for name, photo in services.load_samples().items()}
    ranked = rank_disagreement(results.rows).head(MOST_DISAGREEMENTS)
    st.caption(
        "Disagreement: how far apart the methods' scores on this photo lie, in standard "
        "deviations, on average over the six metrics."
    )
    for row in ranked.itertuples():
        with st.container(horizontal=True, vertical_alignment="center"):
            truth = f", in truth a {row.label}" if isinstance(row.label, str) else ""
            st.markdown(
                f"**{row.disagreement:.2f}** · photo {row.position} (`{row.photo}`), called a "
                f"{row.predicted} with {row.probability:.1%}{truth}",
                width="stretch",
            )
            if row.photo in samples:
                _open_sample(samples[row.photo])
    if not set(ranked["photo"]) & set(samples):
        st.caption("None of these photos is at hand, so they cannot be opened here.")


def _open_sample(name: str) -> None:
    # The sidebar's widgets are drawn already: only a callback may set them.
    if st.button(
        "Open in Explain",
        key=f"open-{name}",
        icon=":material/image_search:",
        on_click=state.reset,
        args=({state.SOURCE: "sample", state.SAMPLE: name},),
    ):
        st.switch_page("views/explain.py")


def show_history(run: Run | None) -> None:
    """The chosen run's settings, note and deletion, and another run beside it."""
    results = runs.get_results(run)
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
    _compare(run, results)


def _edit(run: Run) -> None:
    store = runs.get_store()
    with st.form(f"note-{run.id}", border=False):
        title = st.text_input("Title", run.title)
        note = st.text_area("Note", run.note)
        if st.form_submit_button("Keep title and note", icon=":material/save:"):
            store.rename(run.id, title)
            store.annotate(run.id, note)
            st.rerun()
    with st.popover("Delete this run", icon=":material/delete:"):
        st.markdown(f"**{run.title}**, {run.photos} photos, will be gone from the list for good.")
        sure = st.checkbox("Yes, I mean this run", key=state.sure_key(run.id))
        st.button(
            "Delete it",
            icon=":material/delete:",
            disabled=not sure,
            on_click=store.delete_run,
            args=(run.id,),
        )


def _compare(run: Run | None, results: Results) -> None:
    own = run.id if run else runs.BUNDLED
    others: dict[str, Run | None] = {one.id: one for one in runs.list_runs() if one.id != own}
    if run is not None:
        others = {runs.BUNDLED: None, **others}
    if not others:
        st.caption("When there is another run, the two can be compared here.")
        return
    chosen = st.selectbox(
        OTHER_RUN,
        list(others),
        index=None,
        format_func=lambda id: runs.get_results(others[id]).about["title"],
        key=state.OTHER_RUN,
    )
    if chosen is None:
        return
    shared, cells = compare(results.rows, runs.get_results(others[chosen]).rows)
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


def evaluate_photos(classifier: Classifier) -> None:
    """Many files, a zip or the samples: chosen here, evaluated in the background."""
    source = st.segmented_control(
        "Photos to evaluate",
        ["samples", "own"],
        format_func={"samples": "The samples", "own": "My photos or a zip"}.__getitem__,
        default="samples",
        required=True,
        key=state.EVALUATE,
    )
    photos = _samples() if source == "samples" else _uploads()
    usual = [name for name, explainer in EXPLAINERS.items() if not explainer.extra]
    methods = st.pills(
        "Methods",
        list(EXPLAINERS),
        selection_mode="multi",
        default=usual,
        format_func=label_of,
        key=state.EVALUATE_METHODS,
    )
    metrics = st.pills(
        "Metrics",
        list(METRICS),
        selection_mode="multi",
        default=list(METRICS),
        format_func=lambda name: METRICS[name].label,
        key=state.EVALUATE_METRICS,
    )
    controls = st.toggle(
        "Score maps that know nothing, too",
        key=state.EVALUATE_CONTROLS,
        help="Random, centre, edges and others: what a method must beat to mean something.",
    )
    title = st.text_input("Title", f"{len(photos)} photos", key=state.EVALUATE_TITLE)
    ready = bool(photos and methods and metrics)
    if st.button("Evaluate", icon=":material/play_arrow:", disabled=not ready):
        plan = Plan(tuple(methods), tuple(metrics), PROTOCOLS["gomez"], controls)
        runs.start(classifier, photos, plan, title or "Without a title")
    st.caption(
        "Only hashes and scores of your photos are kept, never the photos. The work goes on when "
        "you close this page."
    )


def _samples() -> list[PhotoBytes]:
    return [PhotoBytes(photo.data) for photo in services.load_samples().values()]


def _uploads() -> list[PhotoBytes]:
    files = st.file_uploader(
        "Photos, or a zip of them",
        [*PHOTO_TYPES, "zip"],
        accept_multiple_files=True,
        key=state.EVALUATE_FILES,
        help="In a zip, folders named Cat and Dog say what their photos show.",
    )
    photos: list[PhotoBytes] = []
    for file in files or []:
        data = file.getvalue()
        try:
            photos += unzip_photos(data) if _is_zip(data) else [PhotoBytes(data)]
        except DatasetError as error:
            st.error(f"{file.name}: {error}")
    return photos


def _is_zip(data: bytes) -> bool:
    return zipfile.is_zipfile(BytesIO(data))


def show_queue() -> None:
    """All evaluations of this server that are queued or at work."""
    running = runs.get_queue().running
    if running:
        st.fragment(_watch, run_every=POLL_SECONDS)([one.id for one in running])
    for done in runs.get_queue().ended[:MOST_ENDED]:
        _say_ended(done)


def _watch(ids: Sequence[str]) -> None:
    queue = runs.get_queue()
    if [one.id for one in queue.running] != list(ids):
        st.rerun()
    for one in queue.running:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(one.done / max(one.total, 1), text=_say_progress(one, queue.ahead_of(one)))
            st.button(
                "Cancel",
                key=f"cancel-{one.id}",
                on_click=one.cancel,
                icon=":material/stop:",
                disabled=one.cancelled,
            )


def _say_progress(one: Evaluation, ahead: int) -> str:
    if ahead:
        return f"{one.title}: waiting, number {ahead + 1} in the queue"
    if one.cancelled:
        return f"{one.title}: stopping"
    left = one.seconds_left
    rest = f", about {left / 60:.0f} min left" if left and left > 90 else ""
    rest = rest or (f", about {left:.0f} s left" if left else "")
    return f"{one.title}: {one.done} of {one.total} photos{rest}"


def _say_ended(one: Evaluation) -> None:
    if one.error:
        st.error(f"{one.title}: {one.error}")
    elif one.run:
        unread = f" {one.errors} could not be read." if one.errors else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(f"{one.title}: done.{unread}", icon=":material/check_circle:")
            if one.run.status == DONE:
                st.button(
                    "Show it",
                    key=f"show-{one.id}",
                    on_click=state.reset,
                    args=({state.RUN: one.run.id, state.PART: EVERYTHING},),
                )


def show_focus(results: Results) -> None:
    """Focus at each of the two sizes."""
    if not len(results.focus):
        return
    sizes = sorted(results.focus["size"].unique())
    table = {
        f"{size}×{size} pixels": {
            label_of(name): in_words(cell)
            for name, cell in average_focus(results.focus, size).items()
        }
        for size in sizes
    }
    st.subheader("Focus", anchor=False)
    st.table(pd.DataFrame(table))
    st.caption(
        f"Share of positive relevance on the right tiles of {results.focus['mosaic'].nunique()} "
        "mosaics of two cats and two dogs, higher is better, 0.5 is chance."
    )
