"""One run that trains: its data, its stack, its log, its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from dagen.datasets.loading.batches import (
    Feed,
    Sampling,
    Steps,
    batches,
    default_workers,
    every_image,
)
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.opening import open_dataset
from dagen.engine.build import build_network, build_stack
from dagen.engine.feeds import open_feeds
from dagen.engine.loop import Hooks, fit
from dagen.engine.states import drop_states
from dagen.models.base import Network
from dagen.models.deployed.cost import profile
from dagen.models.deployed.file import Card, save_deployed
from dagen.runs.config import Config
from dagen.runs.plan import scored
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime
from dagen.scoring.evaluation import scores_of
from dagen.scoring.predictor import Predictor
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.distributed import World
from dagen.system.files import write_atomically
from dagen.system.memory import release_freed_memory
from dagen.system.progress import Progress
from dagen.tracking.recording import Tracked, tracked
from dagen.types import Task
from dagen.validators.choice import judging
from dagen.validators.choice.candidates import Candidates, evenly_spaced
from dagen.validators.choice.choosing import Choice, choose
from dagen.validators.choice.probes import open_probes


class TrainingRun:
    """One run's data, stack and log, so that its steps need no long argument lists."""

    def __init__(self, config: Config, runtime: Runtime, folder: Path, place: World) -> None:
        self.config, self.runtime, self.folder, self.place = config, runtime, folder, place
        self.task = Task(config.task)
        self.network = build_network(runtime.located(config))
        self.stack = build_stack(config, self.network, place.size)
        self.feeds = open_feeds(config, self.stack.streams, runtime.data_root, maps=self.stack.maps)
        several = config.candidates > 1 and not self.stack.online
        kept = evenly_spaced(config.steps, config.candidates) if several else ()
        self.candidates = Candidates(folder, kept)

    def execute(self, baseline: RunResult | None) -> RunResult:
        """Train, score the deployed file, log. Rank 0 only."""
        write_atomically(self.folder / "config.json", self.config.to_json().encode())
        if labelled := self.feeds.get("labelled"):
            names = [labelled.dataset.name(i) for i in range(len(labelled.dataset))]
            write_atomically(self.folder / "target_labels.txt", "\n".join(names).encode())
        with (
            tracked(self.config, self.runtime, self.folder) as log,
            Progress(quiet=self.runtime.quiet) as progress,
        ):
            log.describe(self.config, {d: feed.dataset for d, feed in self.feeds.items()})
            probes = open_probes(self.config, self.runtime.data_root) if self._choosing else None
            if probes is not None:
                judging.require(self.config, probes.domains)
            self.train(log, progress)
            seconds, choice = log.seconds, None
            if probes is not None:
                choice = choose(
                    self.config,
                    self.candidates,
                    self.stack.batch_norm,
                    probes,
                    device=self.place.device,
                    data_root=self.runtime.data_root,
                    progress=progress,
                )
            result, shipped = self._score(seconds, progress, choice)
            log.result(result, self.pictures(result, shipped, baseline))
        result.save()
        drop_states(self.folder)
        self.place.barrier()
        return result

    def train(self, log: Tracked | None = None, progress: Progress | None = None) -> None:
        """The loop, from the newest state on."""
        release_freed_memory()
        steps = Steps(self.feeds, self._sampling(), self.config.steps)
        workers = self.runtime.workers
        if workers is None:
            workers = default_workers()

        bar = progress and progress.task(f"training {self.config.name}", self.config.steps)

        def on_step(step: int, figures: dict[str, float]) -> None:
            if bar:
                bar.update(step, {"loss": figures["loss"]})
            if log:
                log.metrics(figures, step)

        fit(
            self.stack,
            lambda start: batches(steps, start, workers, pin=self.place.device.type == "cuda"),
            self.config,
            self.place,
            self.folder,
            autocast=self.runtime.autocast(self.place.device),
            hooks=Hooks(
                on_step=on_step,
                names=steps.names,
                save_every=self.runtime.save_every,
                on_candidate=self._keep,
                candidates=self.candidates.steps,
                on_resume=log.resumed if log else lambda step: None,
            ),
        )
        release_freed_memory()

    @property
    def _choosing(self) -> bool:
        return len(self.candidates.steps) > 0

    def _keep(self, step: int) -> None:
        """Keep what would be deployed now."""
        self.candidates.save(step, self._predictor(), self._card(), self.stack.batch_norm)

    def _predictor(self) -> Network:
        network = self.stack.predictor(self._target_images())
        assert isinstance(network, Network)
        return network

    def _card(self) -> Card:
        return Card(
            model=self.config.model,
            task=self.config.task,
            size=self.config.size,
            width=self.config.width,
            options=self.config.model_options,
            run=self.config.to_dict(),
        )

    def _score(
        self, seconds: float, progress: Progress, choice: Choice | None
    ) -> tuple[RunResult, TorchPredictor]:
        """Save the deployed file, then score what it holds when it is read back."""
        path = self.folder / "model.safetensors"
        if choice is None:
            save_deployed(path, self._predictor(), self._card())
        else:
            write_atomically(path, self.candidates.path(choice.step).read_bytes())
        shipped = TorchPredictor.load(path)
        measured = profile(shipped.network, self.config.size, latency=False)
        shipped.network.to(self.place.device).to(memory_format=torch.channels_last)
        names, known = scored(self.config), choice.scores if choice is not None else {}
        found = known | scores_of(
            shipped,
            [name for name in names if name not in known],
            self.task,
            self.runtime,
            progress,
            lambda name: self.stack.scoring(
                shipped.network, "source" if name == self.config.src else "target"
            ),
        )
        scores = {name: found[name] for name in names if name in found}
        result = RunResult(
            name=self.config.name,
            folder=self.folder,
            config=self.config.to_dict(),
            scores=scores,
            profile={k: v for k, v in asdict(measured).items() if v is not None},
            seconds=seconds,
            extra=choice.extra if choice is not None else {},
        )
        return result, shipped

    def pictures(
        self, result: RunResult, shipped: Predictor, baseline: RunResult | None
    ) -> list[Path]:
        """Prediction sheets of every scored data set, as PNG files in the run's folder."""
        from dagen.scoring.prediction_sheets import draw

        columns = {"+".join(self.config.method): shipped}
        if baseline is not None:
            before = TorchPredictor.load(baseline.model, device=self.place.device)
            columns = {"source-only": before, **columns}
        return [
            draw(
                open_dataset(name, "val", self.task, self.runtime.data_root),
                columns,
                self.folder / f"predictions-{name}.png",
                caption=f"{name} val, {self.config.steps} steps, seed {self.config.seed}",
            )
            for name in result.scores
        ]

    def _sampling(self) -> Sampling:
        c = self.config
        return Sampling(
            c.size, c.batch, c.zoom, c.seed, c.augment, self.place.rank, self.place.size
        )

    def _target_images(self) -> Callable[[], Iterator[Tensor]] | None:
        feed = self.feeds.get("target")
        if feed is None and self.config.tgt is not None:
            dataset = open_dataset(self.config.tgt, "train", self.task, self.runtime.data_root)
            feed = Feed(cached(dataset, self.config.size), labelled=False)
        if feed is None:
            return None
        images, multiple = feed.dataset, self.network.multiple
        return lambda: every_image(images, self.config.size, multiple)
