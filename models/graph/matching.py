"""Do the places of a clip's frames and of an item's shop picture look alike?

Pooled vectors lose where things are and what else is there; places keep it. It needs nothing of the
product itself, so it is as good for products never seen as for others.
"""

from __future__ import annotations

from torch import Tensor


def patch_agreement(
    patches: Tensor, frame_mask: Tensor, item_patches: Tensor, views: int
) -> Tensor:
    """How well each candidate's places are found in the clip's frames and the other way round.

    View is compared with view. Of every frame's cosines between places, the best for each of the
    item's places and the best for each of the frame's are averaged.

    Args:
        patches: of frames, unit length, zero where masked, [B, T, R, G].
        frame_mask: [B, T].
        item_patches: of candidates, unit length, [B, K, R, G].
        views: R is a multiple of it.

    Returns:
        [B, K], the mean over valid frames; -1 to 1, zero without frames.
    """
    batch, frames, places, size = patches.shape
    count = item_patches.shape[1]
    part = places // views
    total = patches.new_zeros(batch, count)
    for view in range(views):
        own = slice(view * part, (view + 1) * part)
        left = patches[:, :, own].reshape(batch, frames * part, size)
        right = item_patches[:, :, own].reshape(batch, count * part, size)
        alike = (left @ right.transpose(1, 2)).reshape(batch, frames, part, count, part)
        found = alike.amax(2).mean(3) + alike.amax(4).mean(2)
        total = total + (found * frame_mask[..., None]).sum(1)
    valid = frame_mask.sum(1, keepdim=True).clamp(min=1.0)
    return total / (valid * (2.0 * views))
