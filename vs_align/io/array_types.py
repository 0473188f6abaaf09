"""Types of NumPy arrays by the type of their elements. Functions name shapes, units and ranges in their docstrings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

AnyArray = NDArray[Any]
BoolArray = NDArray[np.bool_]
GenericArray = NDArray[np.generic]
Complex64Array = NDArray[np.complex64]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Int16Array = NDArray[np.int16]
Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]
IntpArray = NDArray[np.intp]
UInt8Array = NDArray[np.uint8]
UInt16Array = NDArray[np.uint16]
UInt64Array = NDArray[np.uint64]

RgbImage = UInt8Array | UInt16Array | Float32Array
"""(3, height, width) R, G and B as stored, gamma-encoded: integers from 0 to the largest value of their type, single
floats nominally from 0 to 1."""
