"""One run that trains: its images, its stack, its log, its result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from torch import Tensor

from dagen.datasets.loading.batches import (
    Feed,
    Steps,
    batches,
    every_image,
)
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.loading.workers import default_workers, explained, running
from dagen.engine.build import build_network, build_stack
from dagen.engine.compiler import require_compiler
from dagen.engine.feeds import open_feeds
from dagen.engine.finishing import Ending, Job, Sheets, card_of, finish, keep
from dagen.engine.loop import Hooks, fit
from dagen.engine.sampling import sampling_of
from dagen.engine.teachers import digests, make_maps, open_networks, settle_teachers
from dagen.engine.trained import is_trained
from dagen.models.base import Network
from dagen.models.deployed.file import save_deployed
from dagen.runs.compiled import Compiled
from dagen.runs.results import MODEL, RunResult
from dagen.scoring.shared import dismiss, help_scoring
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.device import has_bfloat16
from dagen.system.files import write_atomically
from dagen.system.memory import release_freed_memory
from dagen.system.progress import Progress, ProgressTask
from dagen.tracking.recording import Tracked, tracked
from dagen.types import Batch
from dagen.validators.choice import judging
from dagen.validators.choice.candidates import Candidates
from dagen.validators.choice.choosing import Choice, choose
from dagen.validators.choice.probes import open_probes

logger = logging.getLogger("dagen")


class TrainingRun:
    """One run's data, stack and log."""

    def __init__(self, job: Job) -> None:
        """Build the student and the stack, and open the images.

        Args:
            job: a run that trains.

        Raises:
            DagenError: a checkpoint or data set is missing or damaged, a strategy cannot work with
                the network, or there is no compiler for a run that compiles.
        """
        self.job, self.config = job, job.config
        self.network = build_network(job.runtime.located(job.config), job.plan.task)
        asked = open_networks(job.plan, job.runtime.runs)
        self.stack = build_stack(job.plan, self.network, asked)
        self.feeds = open_feeds(job.plan, job.runtime.data_root, job.runtime.runs)
        target = self.feeds.get("target")
        self.teachers = digests({} if target is None else target.maps, asked)
        self.candidates = Candidates(job.folder, job.plan.kept)
        self.trained = is_trained(job, self.candidates)
        self.compiled: Compiled | None = None
        if self.config.compile and not self.trained:
            require_compiler(job.place.device)

    def execute(self) -> RunResult:
        """Train, choose, score the deployed file, log. Rank 0 only; the others :meth:`help`."""
        job = self.job
        settle_teachers(job.folder, self.teachers)
        write_atomically(job.folder / "config.json", self.config.to_json().encode())
        if labelled := self.feeds.get("labelled"):
            names = [labelled.dataset.name(i) for i in range(len(labelled.dataset))]
            write_atomically(job.folder / "target_labels.txt", "\n".join(names).encode())
        with (
            tracked(job.plan, job.runtime, job.folder) as log,
            Progress(quiet=job.runtime.quiet) as progress,
        ):
            datasets = {stream: feed.dataset for stream, feed in self.feeds.items()}
            log.describe(datasets, self.teachers, job.classes)
            probes = open_probes(job.plan, job.runtime.data_root) if job.plan.kept else None
            if probes is not None:
                judging.require(self.config, probes.domains)
            self.train(log, progress)
            seconds, choice = log.seconds, None
            if probes is not None:
                choice = choose(
                    job.plan,
                    self.candidates,
                    self.stack.batch_norm,
                    probes,
                    place=job.place,
                    data_root=job.runtime.data_root,
                    progress=progress,
                )
            result = self._finish(seconds, choice, log, progress)
        dismiss(job.place)
        keep(job, result)
        job.place.barrier()
        return result

    def help(self) -> None:
        """Train with rank 0, then score what it asks for, until it is done. All other ranks."""
        self.train()
        help_scoring(self.job.place, self.job.runtime.data_root)
        self.job.place.barrier()

    def train(self, log: Tracked | None = None, progress: Progress | None = None) -> None:
        """Run the loop from the newest state; nothing if only the result is missing."""
        if self.trained:
            if log:
                log.resumed(self.config.steps)
            return
        release_freed_memory()
        job, place = self.job, self.job.place
        autocast = job.runtime.autocast(place.device)
        if autocast and place.device.type == "cpu" and not has_bfloat16():
            logger.warning(
                "this processor has no instructions for bfloat16: steps most likely take longer "
                "than with --precision float32."
            )
        self._make_maps(progress)
        steps = Steps(self.feeds, sampling_of(self.config, place), self.config.steps)
        workers = job.runtime.workers
        if workers is None:
            workers = default_workers()

        bar = progress and progress.task(f"training {self.config.name}", self.config.steps)

        def on_step(step: int, figures: dict[str, float]) -> None:
            if bar:
                bar.update(step, {"loss": figures["loss"]})
            if log:
                log.metrics(figures, step)

        def batches_from(start: int) -> Iterator[Batch]:
            loader = batches(steps, start, workers, pin=place.device.type == "cuda")
            return opened.enter_context(running(loader))

        with explained(workers), ExitStack() as opened:
            fit(
                self.stack,
                batches_from,
                self.config,
                place,
                job.folder,
                autocast=autocast,
                hooks=Hooks(
                    on_step=on_step,
                    names=steps.names,
                    save_every=job.runtime.save_every,
                    on_candidate=self._keep,
                    candidates=self.candidates.steps,
                    on_resume=log.resumed if log else lambda step: None,
                    on_compiled=self._note_compiled,
                ),
            )
        release_freed_memory()

    def _make_maps(self, progress: Progress | None) -> None:
        """Make the teachers' maps once, on rank 0, while the others wait."""
        feed, place = self.feeds.get("target"), self.job.place
        if feed is None or not feed.maps:
            return
        if place.main:
            bar: ProgressTask | None = None

            def on_map(done: int, total: int) -> None:
                nonlocal bar
                if progress and bar is None:
                    bar = progress.task(f"maps of {self.config.tgt}", total)
                if bar:
                    bar.update(done)

            make_maps(feed, self.config, on_map)
        place.barrier()

    def _keep(self, step: int) -> None:
        """Keep the network that would be deployed now."""
        card = card_of(self.job)
        self.candidates.save(step, self._predictor(), card, self.stack.batch_norm)

    def _note_compiled(self, found: Compiled) -> None:
        self.compiled = found

    def _predictor(self) -> Network:
        network = self.stack.predictor(self._target_images())
        assert isinstance(network, Network)
        return network

    def _finish(
        self, seconds: float, choice: Choice | None, log: Tracked, progress: Progress
    ) -> RunResult:
        path = self.job.folder / MODEL
        if self.trained:
            pass  # the deployed file is there; the choice, if there is one, is the same
        elif choice is None:
            save_deployed(path, self._predictor(), card_of(self.job))
        else:
            write_atomically(path, self.candidates.path(choice.step).read_bytes())
        before = {}
        if self.job.baseline is not None:
            # A source-free run is compared with the network of --init, whatever trained that.
            column = "source-only" if self.job.plan.reads_source else "before"
            before[column] = TorchPredictor.load(self.job.baseline.model)
        return finish(
            self.job,
            progress,
            Ending(
                seconds=seconds,
                scores={} if choice is None else choice.scores,
                around=lambda network, name: self.stack.scoring(
                    network, "source" if name == self.config.src else "target"
                ),
                selection=None if choice is None else choice.selection,
                teachers=self.teachers,
                compiled=self.compiled,
            ),
            log,
            Sheets(
                datasets=self.job.plan.scored,
                before=before,
                title="+".join(self.config.method),
                caption=f"{self.config.steps} steps, seed {self.config.seed}",
            ),
        )

    def _target_images(self) -> Callable[[], Iterator[Tensor]] | None:
        feed = self.feeds.get("target")
        if feed is None and self.config.tgt is not None:
            root = self.job.runtime.data_root
            dataset = open_dataset(self.config.tgt, "train", self.job.plan.task, root)
            feed = Feed(cached(dataset, self.config.size), labelled=False)
        if feed is None:
            return None
        images, multiple = feed.dataset, self.network.multiple
        return lambda: every_image(images, self.config.size, multiple)
