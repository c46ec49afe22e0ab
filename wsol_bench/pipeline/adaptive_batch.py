"""A batch goes through the network in parts where the device's memory does not hold it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from wsol_bench.errors import RunError
from wsol_bench.networks.requests import Requests
from wsol_bench.pipeline.inference import Pending, Pipeline, Question, ask


@dataclass(slots=True)
class AdaptiveBatch:
    """The number of images that fit into the device's memory at once, found by trial.

    Attributes:
        log: reports that batches are split, and how far a long one is.
        images: their maximum number at once, or None as long as all have fitted.
    """

    log: Callable[[str], None]
    images: int | None = field(default=None)

    def ask(
        self, pipeline: Pipeline, questions: Sequence[Question], requests: Requests
    ) -> list[Pending]:
        """`ask`, in halves if the whole batch does not fit into memory.

        Raises:
            RunError: not even one image fits.
        """
        if self.images is None or len(questions) <= self.images:
            try:
                return [ask(pipeline, questions, requests, self.log)]
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                self._learn(len(questions), pipeline.device)
        half = (len(questions) + 1) // 2
        parts = questions[:half], questions[half:]
        return [pending for part in parts for pending in self.ask(pipeline, part, requests)]

    def _learn(self, images: int, device: torch.device) -> None:
        if images == 1:
            raise RunError(
                f"{device}: out of memory on a single image. Free memory there, run fewer "
                "--methods, or use --device cpu."
            )
        if self.images is None:
            self.log(
                f"{device}: out of memory with {images} images at once; continuing with half of "
                f"that. To start with fewer images, give a smaller --batch-size."
            )
        self.images = (images + 1) // 2
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
