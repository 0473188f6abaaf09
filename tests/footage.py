"""Moving scenes seen by two versions: a camera that pans over a known scene, and something that moves by itself."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from tests.measure.registration.scenes import Size, centred, scene, seen, shifted
from vs_align.io.array_types import Float32Array, Float64Array

_WORLD = (1280, 640)
_ZOOM = 2.6
_BLOB = (200, 160)


@dataclass(frozen=True)
class Shot:
    """What a camera sees.

    Args:
        seed: Which scene.
        size: Width and height of its pictures in pixels.
        pan: Pixels of a picture that the scene moves by in a frame.
        drift: Likewise for what moves by itself, on the screen. None: there is nothing of the kind.
        shake: How far the camera shakes, in pixels.
    """

    seed: int = 0
    size: Size = (192, 108)
    pan: tuple[float, float] = (0.0, 0.0)
    drift: tuple[float, float] | None = (1.1, 0.4)
    shake: float = 0.0

    def at(self, moment: float, placement: Float64Array | None = None, clip_size: Size | None = None) -> Float32Array:
        """See a moment.

        Args:
            moment: In frames.
            placement: How the version lies on the camera's picture, from pixels of that to pixels of the version's;
                None: as it is.
            clip_size: Width and height of the version, those of the camera's picture by default.
        """
        back = np.eye(3) if placement is None else np.linalg.inv(placement)
        size = self.size if clip_size is None else clip_size
        zoom = _ZOOM * 192 / self.size[0]
        shaken = self.shake * np.array([np.sin(moment * 1.7), np.cos(moment * 2.3)])
        x, y = np.array(self.pan) * moment + shaken
        camera = centred(_WORLD) @ np.diag([zoom, zoom, 1]) @ shifted(x, y) @ np.linalg.inv(centred(self.size))
        picture = seen(_landscape(self.seed), camera @ back, size)
        if self.drift is None:
            return picture
        # it comes back, so that it is on the screen at all times
        way = np.array(self.drift) * moment
        reach = np.array(self.size) * 0.3
        place = reach * np.sin(way / reach)
        eye = centred(_BLOB) @ np.diag([zoom, zoom, 1]) @ shifted(*-place) @ np.linalg.inv(centred(self.size))
        face, mask = _blob(self.seed)
        cover = seen(mask, eye @ back, size)
        out: Float32Array = seen(face, eye @ back, size) * cover + picture * (1 - cover)
        return out

    def film(
        self, moments: npt.ArrayLike, placement: Float64Array | None = None, clip_size: Size | None = None
    ) -> list[Float32Array]:
        """See several moments."""
        return [self.at(float(moment), placement, clip_size) for moment in np.atleast_1d(np.asarray(moments))]


@cache
def _landscape(seed: int) -> Float32Array:
    return scene(seed, _WORLD)


@cache
def _blob(seed: int) -> tuple[Float32Array, Float32Array]:
    face = scene(seed + 1000)[100 : 100 + _BLOB[1], 100 : 100 + _BLOB[0]].copy()
    mask = np.zeros((_BLOB[1], _BLOB[0]), np.float32)
    cv2.ellipse(mask, (_BLOB[0] // 2, _BLOB[1] // 2), (80, 60), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    return face, np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5), np.float32)
