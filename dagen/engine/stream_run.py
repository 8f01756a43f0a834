"""A run that adapts over a stream: the checkpoint, one pass, a result like that of other runs.

The result's scores on the target are those of the answers that were given on the way. Beside
them, in ``extra["stream"]``, stand the two rows that say what learning was worth: ``before``,
the checkpoint as it came, and ``batch-norm``, the same stream with the strategy's batch-norm
statistics and nothing learnt. The deployed file is the network at the end of the stream; further
data sets (``score``) are scored with it, which shows what it has forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.datasets.loading.opening import open_dataset, require_images
from dagen.engine import online
from dagen.engine.build import build_network, build_stack
from dagen.engine.loop import Hooks
from dagen.engine.states import drop_states
from dagen.models.base import Network
from dagen.models.deployed.cost import profile
from dagen.models.deployed.file import Card, save_deployed
from dagen.runs import results
from dagen.runs.config import Config
from dagen.runs.plan import scored
from dagen.runs.results import RunResult
from dagen.scoring.evaluation import evaluate, logger, scores_of
from dagen.scoring.metrics import Scores
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.distributed import World
from dagen.system.files import write_atomically
from dagen.system.progress import Progress
from dagen.tracking.recording import Tracked, tracked
from dagen.types import Task

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime

_LOG_EVERY = 10


def run_stream(
    config: Config, runtime: Runtime, folder: Path, place: World, baseline: RunResult | None
) -> RunResult:
    """One run over the target's ``val`` split, from the newest state in ``folder`` on.

    Args:
        config: of a stack with an online strategy, checked.
        runtime: where and how.
        folder: of the run.
        place: this process, the only one.
        baseline: the checkpoint's own result, if there is one: it is not scored again.

    Raises:
        DagenError: the checkpoint, the data or a loss are damaged.
        Stopped: SIGTERM came; the state is saved.
    """
    return _Run(config, runtime, folder, place).execute(baseline)


class _Run:
    def __init__(self, config: Config, runtime: Runtime, folder: Path, place: World) -> None:
        self.config, self.runtime, self.folder, self.place = config, runtime, folder, place
        assert config.tgt is not None
        self.target = config.tgt
        self.init = results.located(config.init, runtime.runs)
        self.dataset = open_dataset(self.target, "val", Task(config.task), runtime.data_root)
        require_images(self.dataset, self.target)
        self.stack = build_stack(config, build_network(replace(config, init=self.init)))

    def execute(self, baseline: RunResult | None) -> RunResult:
        write_atomically(self.folder / "config.json", self.config.to_json().encode())
        with (
            tracked(self.config, self.runtime, self.folder) as log,
            Progress(quiet=self.runtime.quiet) as progress,
        ):
            log.describe(self.config, {"target": self.dataset})
            answered = self._adapt(log, progress)
            seconds = log.seconds
            rows = self._rows(answered, baseline, progress)
            result, shipped = self._result(seconds, rows, progress)
            log.result(result, self._pictures(result, shipped))
        result.save()
        drop_states(self.folder)
        return result

    def _adapt(self, log: Tracked, progress: Progress) -> Scores | None:
        bar = progress.task(f"adapting {self.config.name}", len(self.dataset))
        logged = 0

        def on_step(done: int, figures: Mapping[str, float]) -> None:
            nonlocal logged
            bar.update(done, {"loss": figures["loss"]})
            if done // _LOG_EVERY > logged or done == len(self.dataset):
                log.metrics(figures, done)
                logged = done // _LOG_EVERY

        return online.adapt(
            online.Learner(self.stack, self.place.device),
            self.dataset,
            self.config.size,
            self.config.batch,
            self.folder,
            Hooks(on_step=on_step, on_resume=log.resumed, save_every=self.runtime.save_every),
        )

    def _rows(
        self, answered: Scores | None, baseline: RunResult | None, progress: Progress
    ) -> dict[str, dict[str, float]]:
        """Scores on the target: before, with batch norm alone, and after; none without labels."""
        if answered is None:
            logger.warning("%s has no labels here; it is not scored.", self.target)
            return {}
        rows = {}
        if baseline is not None and self.target in baseline.scores:
            rows["before"] = baseline.scores[self.target]
        else:
            rows["before"] = self._evaluate(progress)
        rows["batch-norm"] = online.score_normalised(
            self.stack, self._given().network, self.dataset, self.config.size, self.config.batch
        ).to_dict()
        return {**rows, "after": answered.to_dict()}

    def _evaluate(self, progress: Progress) -> dict[str, float]:
        bar = progress.task("scoring the checkpoint", len(self.dataset))
        return evaluate(self._given(), self.dataset, on_image=bar.advance).to_dict()

    def _given(self) -> TorchPredictor:
        assert self.init is not None
        return TorchPredictor.load(self.init, size=self.config.size, device=self.place.device)

    def _result(
        self, seconds: float, rows: dict[str, dict[str, float]], progress: Progress
    ) -> tuple[RunResult, TorchPredictor]:
        network = self.stack.predictor()
        assert isinstance(network, Network)
        card = Card(
            model=self.config.model,
            task=self.config.task,
            size=self.config.size,
            width=self.config.width,
            options=self.config.model_options,
            run=self.config.to_dict(),
        )
        path = self.folder / "model.safetensors"
        save_deployed(path, network, card)
        shipped = TorchPredictor.load(path)
        measured = profile(shipped.network, self.config.size, latency=False)
        others = [name for name in scored(self.config) if name != self.target]
        shipped.network.to(self.place.device)
        scores = {self.target: rows["after"]} if rows else {}
        scores |= scores_of(shipped, others, Task(self.config.task), self.runtime, progress)
        result = RunResult(
            name=self.config.name,
            folder=self.folder,
            config=self.config.to_dict(),
            scores=scores,
            profile={k: v for k, v in asdict(measured).items() if v is not None},
            seconds=seconds,
            extra={"stream": {"images": len(self.dataset), "rows": rows}},
        )
        return result, shipped

    def _pictures(self, result: RunResult, shipped: TorchPredictor) -> list[Path]:
        """The checkpoint beside the network at the end of the stream."""
        from dagen.scoring.prediction_sheets import draw

        if self.target not in result.scores:
            return []
        method = "+".join(self.config.method)
        return [
            draw(
                self.dataset,
                {"before": self._given(), method: shipped},
                self.folder / f"predictions-{self.target}.png",
                caption=f"{self.target} val, at the end of the stream, seed {self.config.seed}",
            )
        ]
