"""Maps of all classes from a map that says only where: each region gets the names of a probe.

A salient-object network finds the litter and does not know what it is made of. What is learnt on
the belt knows it a little, once a region is looked at by itself: cut out, grey around it, as
ImageNet features with a linear probe (:mod:`dagen.scoring.naming.probe`). A pixel's probability of
a class is its probability of foreground times the class's probability in the nearest region.

The probe learns from the labels of the source's training images, and from statistics of the regions
in the target's training images, without labels. It is fitted once and kept with the decoded images.
Words for the classes (``dagen.scoring.naming.words``) let ImageNet's classifier have a say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset, digest_of
from dagen.datasets.loading.cache import DecodeCache
from dagen.datasets.loading.transforms import resize
from dagen.datasets.maps.base import Map, fitted
from dagen.datasets.maps.teachers.regions import Region, nearest, picture, regions_of
from dagen.errors import DataError, UsageError
from dagen.scoring.naming.examples import examples, names_of
from dagen.scoring.naming.features import ImageNetFeatures
from dagen.scoring.naming.probe import Probe, fit
from dagen.scoring.naming.words import Words, joined
from dagen.types import Image, Pixels, Task

SIDE = 192
"""Side in pixels of the pictures of regions."""
_SURE = 127
"""A region's pixels are above this, of 255."""
_LEAST = 3e-4
"""Share of an image that a region has at least; the rest is named by the nearest region."""
_LONGEST = 1280
"""Longer side in pixels of the image that regions are cut from; larger images are shrunk."""
_STRENGTH = 1e-3
"""scikit-learn's C."""

Picture = tuple[Image, Pixels]
Looked = TypeVar("Looked", bound=NDArray[Any])


@dataclass(frozen=True)
class Domains:
    """What names are learnt from.

    Attributes:
        sources: data sets whose training images teach the names, with their labels.
        targets: data sets whose training images get the names; their labels are not read.
    """

    sources: Sequence[Dataset]
    targets: Sequence[Dataset]

    def digest(self) -> str:
        """SHA-256 (hex) over the images of both and the labels of the sources."""
        lines = [f"{each.fingerprint()} {each.label_digest()}" for each in self.sources]
        return digest_of([*lines, *(each.fingerprint() for each in self.targets)])


class NamedMap(Map):
    """A map of one channel whose regions are named."""

    whole = True

    def __init__(
        self,
        where: Map,
        task: Task,
        domains: Domains | None = None,
        words: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Wrap a map; no image is opened yet.

        Args:
            where: a map of one channel, how likely each pixel is foreground.
            task: what is taught.
            domains: what the names are learnt from; None to look only whether all is there.
            words: for classes of the task, ImageNet's categories that are such objects.

        Raises:
            UsageError: there are no two classes of objects to tell apart, or no background; or
                words that :class:`~dagen.scoring.naming.words.Words` refuses.
        """
        if not task.background or len(task.foreground) < 2:
            raise UsageError(
                f"named: tells classes of objects apart, and this run segments "
                f"{', '.join(task.classes)}; name the teacher without named:."
            )
        self.where = where
        self.looks = where.looks
        self.task = task
        self.domains = domains
        self.features = ImageNetFeatures()
        self.cache = DecodeCache()
        how = f"{SIDE} {_LEAST} {_LONGEST} {_STRENGTH} {task.key} {self.features.digest}"
        self.words = Words(words, task) if words else None
        if self.words is not None:
            how += f" {self.words.digest}"
        learnt = "" if domains is None else domains.digest()
        self.digest = f"named/1 {digest_of([how, learnt])} of {where.digest}"
        self._probe: Probe | None = None

    def ready(self) -> None:
        """See :meth:`Map.ready`."""
        self.where.ready()
        self.features.ready()

    def require(self, images: Mapping[str, str]) -> None:
        """See :meth:`Map.require`."""
        self.where.require(images)

    def make(self, image: Image, name: str) -> Pixels:
        """(h, w, C) uint8 at the size of the map that says where.

        Raises:
            DataError: that map has several channels, or what the probe needs is missing.
            DagenError: an image, a label or the features' weights are missing or damaged.
        """
        shown = self._shown(image, name)
        p = shown.astype(np.float32)[..., None] / 255
        others = self.task.num_classes - 1
        working, found = _regions(image, shown)
        if found:
            q = self._names(working, found).astype(np.float32)
            near = nearest(found, (working.shape[0], working.shape[1])).astype(np.int32)
            how = cv2.INTER_NEAREST_EXACT
            each = q[cv2.resize(near, shown.shape[::-1], interpolation=how)]
        else:  # nothing to look at: every name is as likely
            each = np.full((*shown.shape, others), 1 / others, np.float32)
        return np.asarray(np.round(255 * np.concatenate([1 - p, p * each], 2)), np.uint8)

    def _names(self, image: Image, found: Sequence[Region]) -> NDArray[np.float64]:
        """(N, C) how likely each class is in each region."""
        shown = _pictures(image, found)
        p = self.probe()(self.features(shown))
        if self.words is None:
            return p
        key = f"words|{self.digest}"
        usual = self.cache.get(key, lambda: np.concatenate(self._of_target(self._words)).mean(0))
        return joined(p, self.words(shown), usual)

    def _words(self, shown: Sequence[Picture]) -> NDArray[np.float64]:
        assert self.words is not None
        return self.words(shown)

    def probe(self) -> Probe:
        """The probe, fitted on first use.

        Raises:
            DataError: there are too few regions or classes.
            DagenError: an image, a label or the features' weights are missing or damaged.
        """
        if self._probe is None:
            packed = self.cache.get(f"probe|{self.digest}", lambda: self._fit().packed())
            self._probe = Probe.unpacked(packed)
        return self._probe

    def _learnt_from(self) -> Domains:
        if self.domains is None:
            raise UsageError("named: learns names from a source, and there is none here.")
        return self.domains

    def _fit(self) -> Probe:
        known = examples(self._learnt_from().sources, self.task, SIDE)
        source = self.features([(one.image, one.mask) for one in known])
        target = [source[:0], *self._of_target(self.features)]
        classes = names_of(known) - self.task.foreground[0]
        count = len(self.task.foreground)
        return fit(source, classes, np.concatenate(target), count, _STRENGTH)

    def _of_target(self, look: Callable[[Sequence[Picture]], Looked]) -> list[Looked]:
        """What is seen in the regions of each of the target's training images."""
        every = [(data, k) for data in self._learnt_from().targets for k in range(len(data))]
        self.where.require({data.image_key(k): data.name(k) for data, k in every})
        found = []
        for data, index in every:
            image = data.image(index)
            found.append(look(_pictures(*_regions(image, self._shown(image, data.name(index))))))
        return found

    def _shown(self, image: Image, name: str) -> Pixels:
        """(h, w) uint8: where objects are, asked once for each picture."""

        def make() -> Pixels:
            made = self.where.checked(image, name)
            if made.ndim != 2:
                raise DataError(
                    f"named: names the regions of a map of one channel, and the teacher of {name} "
                    f"answers {made.shape[2]}; name it without named:."
                )
            scale = 1 if made.dtype == np.uint8 else 255
            return np.asarray(np.round(made.astype(np.float32) * scale).clip(0, 255), np.uint8)

        content = hashlib.sha256(f"{image.shape}|{name}".encode())
        content.update(np.ascontiguousarray(image).tobytes())
        key = f"where|{self.where.digest}|{content.hexdigest()}"
        return self.cache.get(key, make)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_probe": None}


def _pictures(image: Image, found: Sequence[Region]) -> list[Picture]:
    return [picture(image, region, SIDE) for region in found]


def _regions(image: Image, shown: Pixels) -> tuple[Image, list[Region]]:
    """The image at working size, and its regions there."""
    factor = min(1.0, _LONGEST / max(image.shape[:2]))
    size = max(1, round(image.shape[0] * factor)), max(1, round(image.shape[1] * factor))
    working = resize(np.ascontiguousarray(image), size)
    return working, regions_of(fitted(shown, size) > _SURE, _LEAST)
