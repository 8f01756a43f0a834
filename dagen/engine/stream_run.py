"""A run that adapts over a stream: the checkpoint, one pass, a result like other runs.

The result's scores on the target are those of the predictions along the stream.
``RunResult.stream`` has two more rows that show the effect of learning: ``before``, the unchanged
checkpoint, and ``batch-norm``, the same stream with the strategy's batch-norm statistics but
without learning; and the share of pixels to which the last two give different classes. The
deployed file is the network at the end of the stream; further data sets (``score``) are scored with
it, which shows what it has forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.datasets.loading.opening import open_dataset, require_images
from dagen.engine import online
from dagen.engine.answers import Answers
from dagen.engine.build import build_network, build_stack
from dagen.engine.finishing import Ending, Job, Sheets, card_of, finish, keep
from dagen.engine.loop import Hooks
from dagen.models.base import Network
from dagen.models.deployed.file import save_deployed
from dagen.runs.findings import StreamScores
from dagen.runs.results import MODEL, RunResult
from dagen.scoring.evaluation import evaluate, logger
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.files import write_atomically
from dagen.system.progress import Progress
from dagen.tracking.recording import Tracked, tracked

_LOG_EVERY = 10


class StreamRun:
    """One run over the target's ``val`` split, from the newest state in its folder on."""

    def __init__(self, job: Job) -> None:
        """Build the student and the stack, and open the images.

        Args:
            job: a run with an online strategy; its process is the only one.

        Raises:
            DagenError: the checkpoint or the data are missing or damaged.
        """
        self.job, self.config = job, job.config
        assert self.config.tgt is not None
        self.target = self.config.tgt
        self.init = job.runtime.located(self.config).init
        self.dataset = open_dataset(self.target, "val", job.plan.task, job.runtime.data_root)
        require_images(self.dataset, self.target)
        self.before = self._passes()
        length = sum(map(len, (*self.before, self.dataset)))
        facts = replace(job.plan.facts, stream_images=length)
        network = build_network(replace(self.config, init=self.init), job.plan.task)
        self.stack = build_stack(replace(job.plan, facts=facts), network)

    def _passes(self) -> list[Dataset]:
        """The target's training images, once for each pass that the strategy wants over them."""
        name = self.job.plan.online
        assert name is not None
        passes = plugins.get("methods", name).passes(self.job.plan.parts.configs[name])
        if not passes:
            return []
        images = open_dataset(self.target, "train", self.job.plan.task, self.job.runtime.data_root)
        require_images(images, self.target)
        return [images] * passes

    def execute(self) -> RunResult:
        """Adapt and predict, score, log.

        Raises:
            DagenError: an image, a label or a loss is damaged.
            Stopped: SIGTERM or Ctrl-C came; the state is saved.
        """
        job = self.job
        write_atomically(job.folder / "config.json", self.config.to_json().encode())
        with (
            tracked(job.plan, job.runtime, job.folder) as log,
            Progress(quiet=job.runtime.quiet) as progress,
        ):
            log.describe({"target": self.dataset}, classes=job.classes)
            for images in self.before[:1]:
                log.describe({"target": images})
            answered = self._adapt(log, progress)
            seconds = log.seconds
            given = self._given()
            rows = self._rows(answered, given, progress)
            network = self.stack.predictor()
            assert isinstance(network, Network)
            save_deployed(job.folder / MODEL, network, card_of(job))
            result = finish(
                job,
                progress,
                Ending(
                    seconds=seconds,
                    scores={self.target: rows["after"]} if rows else {},
                    stream=StreamScores(
                        len(self.dataset), rows, answered.changed / max(1, answered.pixels)
                    ),
                ),
                log,
                Sheets(
                    datasets=(self.target,),
                    before={"before": given},
                    title="+".join(self.config.method),
                    caption=f"at the end of the stream, seed {self.config.seed}",
                ),
            )
        return keep(job, result)

    def _adapt(self, log: Tracked, progress: Progress) -> Answers:
        total = self.stack.setting.stream_images
        bar = progress.task(f"adapting {self.config.name}", total)
        logged = 0

        def on_step(done: int, figures: Mapping[str, float]) -> None:
            nonlocal logged
            bar.update(done, {"loss": figures["loss"]})
            if done // _LOG_EVERY > logged or done == total:
                log.metrics(figures, done)
                logged = done // _LOG_EVERY

        return online.adapt(
            online.Learner(self.stack, self.job.place.device),
            self.dataset,
            self.config.size,
            self.config.batch,
            self.job.folder,
            Hooks(on_step=on_step, on_resume=log.resumed, save_every=self.job.runtime.save_every),
            self.before,
        )

    def _given(self) -> TorchPredictor:
        """The checkpoint that the run starts from."""
        assert self.init is not None
        device = self.job.place.device
        return TorchPredictor.load(self.init, size=self.config.size, device=device)

    def _rows(
        self, answered: Answers, given: TorchPredictor, progress: Progress
    ) -> dict[str, dict[str, float]]:
        """Scores on the target: before, with batch norm alone, and after; none without labels."""
        scores, unlearned = answered.scores, answered.unlearned
        if scores is None or unlearned is None:
            logger.warning("%s has no labels here; it is not scored.", self.target)
            return {}
        if not scores.confusion.any():
            logger.warning("every label of %s is ignored; it is not scored.", self.target)
            return {}
        rows = {}
        baseline = self.job.baseline
        if baseline is not None and self.target in baseline.scores:
            rows["before"] = baseline.scores[self.target]
        else:
            bar = progress.task("scoring the checkpoint", len(self.dataset))
            rows["before"] = evaluate(given, self.dataset, on_image=bar.advance).to_dict()
        return {**rows, "batch-norm": unlearned.to_dict(), "after": scores.to_dict()}
