"""What sound says about pictures: stretches to look at, a map of its own, and what is left below a frame."""

from typing import TYPE_CHECKING

import numpy as np

from vs_align.decide.synchronization.chaining import Stretch
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

if TYPE_CHECKING:
    from vs_align.measure.audio.matching import SoundMatch

# Sound is a hint from this confidence on, and a witness from the other one.
_HINT, _WITNESS = 0.4, 0.7
_STEP = 1 / 3
_LEAST_SECONDS = 2.0


def sound_hints(sound: "SoundMatch") -> list[Stretch]:
    """Stretches that both films have in common, if the sound is right."""
    found = []
    for each in sound.stretches:
        if each.confidence >= _HINT and each.ref_end - each.ref_start >= _LEAST_SECONDS:
            ref = np.arange(each.ref_start, each.ref_end, _STEP)
            clip = each.clip_start + (ref - each.ref_start) * each.speed
            inside = (ref >= 0) & (clip >= 0)
            if np.count_nonzero(inside) > 2:
                found.append(Stretch(ref[inside], clip[inside], float(np.count_nonzero(inside)) * each.confidence))
    return found


def sound_times(sound: "SoundMatch", times: Float64Array) -> tuple[Float64Array, Float64Array]:
    """When what is heard at some times of ref is heard in clip, and how sure that is.

    Args:
        sound: What the sound says.
        times: (n,) seconds.

    Returns:
        (n,) seconds of clip, NaN where the sound says nothing; and (n,) 0 to 1.
    """
    clip, sure = np.full(len(times), np.nan), np.zeros(len(times))
    for each in sound.stretches:
        inside = (times >= each.ref_start) & (times < each.ref_end)
        clip[inside] = each.clip_start + (times[inside] - each.ref_start) * each.speed
        sure[inside] = min(each.confidence, sound.confidence)
    return clip, sure


def sound_frames(sound: "SoundMatch", clip: Fingerprints, ref: Fingerprints) -> tuple[Int64Array, Float64Array]:
    """The clip frame of each ref frame by sound alone, -1 where there is none, and how sure it is."""
    due, sure = sound_times(sound, ref.times)
    known = np.isfinite(due)
    middles = (clip.times[1:] + clip.times[:-1]) / 2
    frames = np.full(len(ref), -1, np.int64)
    frames[known] = np.searchsorted(middles, due[known], side="right")
    half = clip.frame_seconds / 2
    frames[known & ((due < -half) | (due >= clip.duration - half))] = -1
    # sound may go back where a scene was moved; the map of two films does not
    frames[frames < np.maximum.accumulate(frames)] = -1
    return frames, sure


def left_below_a_frame(sound: "SoundMatch", shown: Float64Array, ref: Fingerprints, frame: float) -> float | None:
    """Clip time by sound minus that of the frames shown, in milliseconds; None where the sound does not agree.

    Args:
        sound: What the sound says.
        shown: (n,) time of the clip frame that each ref frame shows; NaN where there is none.
        ref: The film.
        frame: Seconds of a clip frame.
    """
    off = _apart(sound, shown, ref)
    if not off.size:
        return None
    middle = float(np.median(off))
    return 1000 * middle if abs(middle) <= frame else None


def contradiction(
    sound: "SoundMatch", shown: Float64Array, ref: Fingerprints, frame: float, *, told: bool = True
) -> str | None:
    """What to say where sound and pictures tell of different times; None where they agree, or nobody can tell.

    Args:
        sound: What the sound says.
        shown: (n,) time of the clip frame that each ref frame shows; NaN where there is none.
        ref: The film.
        frame: Seconds of a clip frame.
        told: Whether the pictures tell times at all. Those of a still that lasts do not.
    """
    off = _apart(sound, shown, ref)
    if not off.size or abs(float(np.median(off))) <= 2 * frame:
        return None
    if not told:
        return f"by sound the frames shown are {-1000 * float(np.median(off)):+.0f} ms off: engine audio goes by sound"
    return f"the sound is {1000 * float(np.median(off)):+.0f} ms off the pictures: clip's own sound may be out of step"


def _apart(sound: "SoundMatch", shown: Float64Array, ref: Fingerprints) -> Float64Array:
    due, sure = sound_times(sound, ref.times)
    known = np.isfinite(due) & np.isfinite(shown) & (sure >= _WITNESS)
    out: Float64Array = (due - shown)[known]
    return out
