"""What each process has judged, as one state of all."""

from __future__ import annotations

from torch import distributed

from refdet.core.coco_eval import CocoState
from refdet.training.processes import World


def gather_states(state: CocoState | None, world: World | None = None) -> CocoState:
    """The state of the images of all processes, in every process alike.

    An image that several processes have seen counts once, as it should be if a sampler has
    repeated it so that all processes have as many: `DistributedSampler` does. Where they have
    judged it differently, the same one is kept in every process.

    Every process must call this, also one that has seen no image: the others wait for it.

    Args:
        state: of the images that this process has seen, and of no other; None if there are none.
        world: the processes; by default those of torch.distributed's default group, or this one
            alone. (NCCL sends from the GPU that `torch.cuda.set_device` chose.)

    Raises:
        ValueError: in every process: no process has seen an image, or they judged by other
            parameters or classes.
    """
    states = (world or _default_world()).gather(state)
    return CocoState.merge([one for one in states if one is not None], keep_one=True)


def _default_world() -> World:
    if not (distributed.is_available() and distributed.is_initialized()):
        return World()
    return World(distributed.get_rank(), distributed.get_world_size())
