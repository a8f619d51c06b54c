"""Calendar time of a lab of several processes: all move together, due moment by due moment."""

from __future__ import annotations

import time
from typing import Any

from emcc_emu.control.lab_clock import advance_lab_clock
from emcc_emu.errors import LabError


class Clusters:
    """Clusters with work at certain moments, as seconds from now; one of them may be down."""

    def __init__(self, **due_in_s: list[float]) -> None:
        start_s = time.time()
        self.due_s = {name: [start_s + seconds for seconds in moments] for name, moments in due_in_s.items()}
        self.offsets_s: dict[str, list[float]] = {name: [0.0] for name in due_in_s}
        self.down: set[str] = set()

    async def ask(self, cluster: str, question: str, **params: Any) -> Any:
        if cluster in self.down:
            raise LabError("down")
        if question == "clock":
            offset_s, due_s = self.offsets_s[cluster][-1], self.due_s[cluster]
            return {"offset_s": offset_s, "next_due_s": min(due_s) if due_s else None}
        self.offsets_s[cluster].append(params["offset_s"])
        now_s = time.time() + params["offset_s"]
        ran = [due_s for due_s in self.due_s[cluster] if due_s <= now_s]
        self.due_s[cluster] = [due_s for due_s in self.due_s[cluster] if due_s > now_s]
        return [{"work": f"work of {cluster}", "due_s": due_s} for due_s in ran]


async def test_work_runs_in_the_order_of_its_moments_with_equal_offsets_everywhere() -> None:
    clusters = Clusters(tokyo=[100.0, 300.0], sanjose=[200.0, 5000.0])
    answer = await advance_lab_clock(clusters.ask, ["tokyo", "sanjose"], 1000.0)
    assert [work["work"] for work in answer["ran"]] == ["work of tokyo", "work of sanjose", "work of tokyo"]
    assert clusters.offsets_s["tokyo"] == clusters.offsets_s["sanjose"]
    assert answer["offset_s"] == clusters.offsets_s["tokyo"][-1] == 1000.0
    assert len(clusters.due_s["sanjose"]) == 1


async def test_a_cluster_that_is_down_holds_nobody_up() -> None:
    clusters = Clusters(tokyo=[100.0], sanjose=[50.0])
    clusters.down.add("sanjose")
    answer = await advance_lab_clock(clusters.ask, ["tokyo", "sanjose"], 200.0)
    assert [work["work"] for work in answer["ran"]] == ["work of tokyo"]


async def test_a_cluster_behind_the_others_catches_up() -> None:
    clusters = Clusters(tokyo=[], sanjose=[])
    clusters.offsets_s["tokyo"] = [500.0]
    answer = await advance_lab_clock(clusters.ask, ["tokyo", "sanjose"], 100.0)
    assert answer["offset_s"] == clusters.offsets_s["sanjose"][-1] == 600.0
