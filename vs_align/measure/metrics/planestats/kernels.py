"""Numba kernels of the PlaneStats search: block sums, lower bounds and exact sums of absolute differences (SAD).

They are serial and release the GIL, so that several threads may run them in parallel. Images are passed as the address
of their first row, because converting hundreds of frames to arrays for each call is too slow.

The exact sums are float64, which holds every sum of an integer image exactly (below 2**53). Sums of float images are
accumulated in four lanes, in the order in which `std.PlaneStats` adds them on AVX2, so that scores are equal to its own
to the last bit.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

COARSE = 4
"""Width and height of a coarse block in fine blocks."""
# Rounding may raise the bound of a float image above the exact sum; these margins are larger than rounding can be:
# float32 differences are off by at most 2**-24 each, float64 sums of 32x32 pixels by 1024 * 2**-53 of their size.
_RELATIVE_MARGIN = 1e-6
"""Share of a bound."""
_ABSOLUTE_MARGIN = 1e-12
"""Share of the block sums of both images."""
_MAX_INT32_TERMS = 32768
"""Differences of 16 bits whose sum fits in a signed integer of 32 bits."""
_PROMISING = 0.7
"""A candidate whose bound is below this share of the best sum so far is compared first: a lower best sum rejects the
others earlier."""


@intrinsic
def _as_pointer(_context: Any, address: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), codegen


@njit(nogil=True, cache=True)
def _image(kind: Any, height: Any, images: Any, i: Any) -> Any:
    return carray(_as_pointer(images[0][i]), (height, images[1][i]), kind.dtype)  # type: ignore[call-arg]


@njit(nogil=True, cache=True)
def _sum_columns(image: Any, top: Any, bottom: Any, width: Any, line: Any, floating: Any) -> Any:
    """Sum each column of the rows from top to bottom, four rows at a time, which saves loads and stores."""
    line[:] = 0
    whole = top + (bottom - top) // 4 * 4
    for y in range(top, whole, 4):
        row0, row1, row2, row3 = image[y], image[y + 1], image[y + 2], image[y + 3]
        if floating:
            for x in range(width):
                line[x] += (np.float64(row0[x]) + np.float64(row1[x])) + (np.float64(row2[x]) + np.float64(row3[x]))
        else:
            for x in range(width):
                four = np.int32(np.int32(row0[x]) + np.int32(row1[x]) + np.int32(row2[x]) + np.int32(row3[x]))
                line[x] = np.int32(np.int32(line[x]) + four)
    for y in range(whole, bottom):
        row0 = image[y]
        for x in range(width):
            line[x] += row0[x]


@njit(nogil=True, cache=True)
def _sum_blocks(
    image: Any, height: Any, width: Any, block: Any, floating: Any, line: Any, coarse: Any, fine: Any
) -> Any:
    columns = (width + block - 1) // block
    coarse_columns = (columns + COARSE - 1) // COARSE
    coarse[:] = 0
    magnitude = 0.0
    for top in range(0, height, block):
        _sum_columns(image, top, min(top + block, height), width, line, floating)
        block_row = top // block
        for block_column in range(columns):
            left = block_column * block
            total = line[left]
            for x in range(left + 1, min(left + block, width)):
                total += line[x]
            fine[block_row * columns + block_column] = total
            coarse[block_row // COARSE * coarse_columns + block_column // COARSE] += total
            magnitude += abs(total)
    return magnitude


@njit(nogil=True, cache=True)
def block_sums(shape: Any, images: Any, chosen: Any) -> Any:
    """Sum some images over fine and over coarse blocks.

    Args:
        shape: As in `search`.
        images: As `refs` in `search`; the last three arrays receive the sums. Fine blocks are at most 32 wide.
        chosen: Indices of the images to sum.
    """
    kind, floating, _, height, width, block = shape
    line = np.empty(width, images[4].dtype)
    for i in chosen:
        slot = images[2][i]
        images[5][slot] = _sum_blocks(
            _image(kind, height, images, i),
            height,
            width,
            block,
            floating,
            line,
            images[3][slot],
            images[4][slot],
        )


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _distance(a: Any, b: Any, start: Any, stop: Any, zero: Any) -> Any:
    total = zero
    for i in range(start, stop):
        total += abs(a[i] - b[i])
    return total


@njit(nogil=True, cache=True)
def _add_float_rows(a: Any, b: Any, top: Any, bottom: Any, width: Any, lanes: Any) -> Any:
    """Add |a - b| in four lanes. The differences of a row are computed first, since only they can be vectorized."""
    line = np.zeros(width + 3, np.float64)
    for y in range(top, bottom):
        row_a, row_b = a[y], b[y]
        for x in range(width):
            line[x] = np.float64(abs(row_a[x] - row_b[x]))
        lane0, lane1, lane2, lane3 = lanes[0], lanes[1], lanes[2], lanes[3]
        for x in range(0, width, 4):
            lane0 += line[x]
            lane1 += line[x + 1]
            lane2 += line[x + 2]
            lane3 += line[x + 3]
        lanes[0], lanes[1], lanes[2], lanes[3] = lane0, lane1, lane2, lane3


@njit(nogil=True, cache=True)
def _add_integer_rows(a: Any, b: Any, top: Any, bottom: Any, width: Any) -> Any:
    total = np.int64(0)
    if a.shape[1] == width and b.shape[1] == width and (bottom - top) * width <= _MAX_INT32_TERMS:
        # rows without padding are one long row
        row_a, row_b = a.reshape(a.size)[top * width :], b.reshape(b.size)[top * width :]
        row = np.int32(0)
        for x in range((bottom - top) * width):
            row = np.int32(row + np.int32(abs(np.int32(np.int32(row_a[x]) - np.int32(row_b[x])))))
        return np.int64(row)
    for y in range(top, bottom):
        row_a, row_b = a[y], b[y]
        if width <= _MAX_INT32_TERMS:
            # sums of 32 bits let the compiler use the machine's SAD instruction
            row = np.int32(0)
            for x in range(width):
                row = np.int32(row + np.int32(abs(np.int32(np.int32(row_a[x]) - np.int32(row_b[x])))))
            total += row
        else:
            for x in range(width):
                total += abs(np.int64(row_a[x]) - np.int64(row_b[x]))
    return total


@njit(nogil=True, cache=True)
def _add_rows(a: Any, b: Any, top: Any, bottom: Any, width: Any, lanes: Any, floating: Any) -> Any:
    """Add |a - b| of the rows from top to bottom to the lanes."""
    if floating:
        _add_float_rows(a, b, top, bottom, width, lanes)
    else:
        lanes[0] += np.float64(_add_integer_rows(a, b, top, bottom, width))


@njit(nogil=True, cache=True)
def _total(lanes: Any) -> Any:
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])


@njit(nogil=True, cache=True)
def _rank(candidate: Any, center: Any) -> Any:
    """Order among equal scores: the nearest to the center first, of two the later one."""
    distance = candidate - center
    return 2 * abs(distance) - (1 if distance > 0 else 0)


@njit(nogil=True, cache=True)
def _beats(bound: Any, candidate: Any, best: Any, best_candidate: Any, center: Any) -> Any:
    """Return whether a candidate with at least this sum can still win. A bound of NaN can."""
    if bound > best:
        return False
    return bound != best or _rank(candidate, center) < _rank(best_candidate, center)


@njit(nogil=True, cache=True)
def _is_needed(bound: Any, candidate: Any, best: Any, best_candidate: Any, center: Any, exact: Any) -> Any:
    """Return whether a candidate with at least this sum can still win, or have a sum that must be exact."""
    if exact[2].shape[1] == 0:
        return _beats(bound, candidate, best, best_candidate, center)
    return not bound > best + best * exact[0] + exact[1]


@njit(nogil=True, cache=True)
def _record(exact: Any, n: Any, candidate: Any, center: Any, total: Any) -> Any:
    sums = exact[2]
    if sums.shape[1] > 0:
        sums[n, candidate - center[n] + sums.shape[1] // 2] = total


@njit(nogil=True, cache=True)
def _suffix_bounds(a: Any, b: Any, rows: Any, columns: Any, margin: Any, zero: Any, suffix: Any) -> Any:
    """Fill suffix[r] with a lower bound of the difference from block row r on; return the bound of it all."""
    below = -margin
    suffix[rows] = min(0.0, below)
    for row in range(rows - 1, -1, -1):
        distance = np.float64(_distance(a, b, row * columns, (row + 1) * columns, zero))
        below += distance if margin == 0.0 else distance * (1 - _RELATIVE_MARGIN)
        suffix[row] = below
    return suffix[0]


@njit(nogil=True, cache=True)
def _rounding_margin(floating: Any, magnitude_a: Any, magnitude_b: Any) -> Any:
    # never exactly zero for float images: zero marks the exact arithmetic of integer images
    return _ABSOLUTE_MARGIN * (magnitude_a + magnitude_b) + 1e-300 if floating else 0.0


@njit(nogil=True, cache=True)
def _coarse_bounds(floating: Any, zero: Any, refs: Any, clips: Any, n: Any, first: Any, last: Any, bound: Any) -> Any:
    """Fill the lower bounds from the coarse blocks; return the candidate with the lowest."""
    mine = refs[2][n]
    lowest = first
    for c in range(first, last + 1):
        slot = clips[2][c]
        distance = np.float64(_distance(refs[3][mine], clips[3][slot], 0, refs[3].shape[1], zero))
        if floating:
            distance = distance * (1 - _RELATIVE_MARGIN) - _rounding_margin(floating, refs[5][mine], clips[5][slot])
        bound[c] = distance
        if distance < bound[lowest]:
            lowest = c
    return lowest


@njit(nogil=True, cache=True)
def _compare_fully(
    shape: Any, refs: Any, clips: Any, n: Any, c: Any, top: Any, lanes: Any, center: Any, exact: Any, best: Any,
    best_sum: Any,
) -> Any:  # fmt: skip
    """Compare one candidate from row `top` to the end; it may become the best of ref image n."""
    kind, floating, _, height, width, _ = shape
    _add_rows(_image(kind, height, refs, n), _image(kind, height, clips, c), top, height, width, lanes, floating)
    total = _total(lanes)
    _record(exact, n, c, center, total)
    if best[n] < 0 or _beats(total, c, best_sum[n], best[n], center[n]):
        best[n], best_sum[n] = c, total


@njit(nogil=True, cache=True)
def _shortlist(
    shape: Any, refs: Any, clips: Any, windows: Any, n: Any, bound: Any, suffix: Any, lanes: Any, alive: Any,
    exact: Any, best: Any, best_sum: Any,
) -> Any:  # fmt: skip
    """List the candidates of ref image n that their bounds do not reject; return their number."""
    _, floating, zero, height, width, block = shape
    first, last, center = windows
    columns, rows = (width + block - 1) // block, (height + block - 1) // block
    mine = refs[2][n]
    lowest = _coarse_bounds(floating, zero, refs, clips, n, first[n], last[n], bound)
    if lowest != best[n] and bound[lowest] < _PROMISING * best_sum[n]:
        tried = best[n]
        _compare_fully(shape, refs, clips, n, lowest, 0, lanes[lowest], center, exact, best, best_sum)
        bound[tried] = bound[lowest] = np.inf
    bound[best[n]] = np.inf
    count = 0
    for c in range(first[n], last[n] + 1):
        if bound[c] == np.inf:
            continue
        if not _is_needed(bound[c], c, best_sum[n], best[n], center[n], exact):
            _record(exact, n, c, center, bound[c])
            continue
        slot = clips[2][c]
        margin = _rounding_margin(floating, refs[5][mine], clips[5][slot])
        fine = _suffix_bounds(refs[4][mine], clips[4][slot], rows, columns, margin, zero, suffix[c])
        if _is_needed(fine, c, best_sum[n], best[n], center[n], exact):
            alive[count] = c
            count += 1
        else:
            _record(exact, n, c, center, fine)
    return count


@njit(nogil=True, cache=True)
def _compare_in_bands(
    shape: Any, refs: Any, clips: Any, center: Any, bounded: Any, begin: Any, suffix: Any, lanes: Any, alive: Any,
    alive_count: Any, exact: Any, best: Any, best_sum: Any,
) -> Any:  # fmt: skip
    """Compare the remaining candidates band by band, for all ref images together, so that the bands stay in the cache.

    A candidate is rejected once its sum so far plus the bound of its rest exceeds the best. One that is far below the
    best so far, or below all others, after a few bands is compared to its end at once: a lower best rejects others
    earlier.
    """
    kind, floating, _, height, width, block = shape
    rows = (height + block - 1) // block
    for row in range(rows):
        top, bottom = row * block, min((row + 1) * block, height)
        for i in range(alive_count.size):
            if alive_count[i] == 0:
                continue
            n = begin + i
            ref = _image(kind, height, refs, n)
            kept, leader, leader_sum, second_sum = 0, -1, np.inf, np.inf
            for k in range(alive_count[i]):
                c = alive[i, k]
                _add_rows(ref, _image(kind, height, clips, c), top, bottom, width, lanes[i, c], floating)
                partial = _total(lanes[i, c])
                least = partial + (suffix[i, c, row + 1] if bounded else 0.0)
                if row + 1 == rows:
                    _record(exact, n, c, center, partial)
                    if _beats(partial, c, best_sum[n], best[n], center[n]):
                        best[n], best_sum[n] = c, partial
                elif not _is_needed(least, c, best_sum[n], best[n], center[n], exact):
                    _record(exact, n, c, center, least)
                else:
                    alive[i, kept] = c
                    kept += 1
                    if partial < leader_sum:
                        leader, leader_sum, second_sum = kept - 1, partial, leader_sum
                    else:
                        second_sum = min(second_sum, partial)
            # checked after 1, 2, 4, 8 ... bands
            rival = second_sum if best[n] < 0 else best_sum[n] * (row + 1) / rows
            if kept > 1 and row & (row + 1) == 0 and leader_sum < _PROMISING * rival:
                c = alive[i, leader]
                _compare_fully(shape, refs, clips, n, c, bottom, lanes[i, c], center, exact, best, best_sum)
                kept -= 1
                alive[i, leader] = alive[i, kept]
            alive_count[i] = kept


@njit(nogil=True, cache=True)
def search(
    shape: Any,
    refs: Any,
    clips: Any,
    windows: Any,
    bounded: Any,
    hint: Any,
    begin: Any,
    end: Any,
    exact: Any,
    best: Any,
    best_sum: Any,
) -> Any:
    """Find for each ref image the candidate with the smallest sum of absolute differences.

    Args:
        shape: What all images share: an empty array with the dtype of the pixels, whether that is float32, zero of the
            type in which block sums are compared (int64 or float64), rows, columns, side of a fine block.
        refs: (refs,) addresses, (refs,) pixels from row to row, (refs,) rows of the three arrays that follow,
            (slots, coarse blocks) sums, (slots, fine blocks) sums, (slots,) sums of absolute block sums.
        clips: The same for the candidates.
        windows: (refs,) first candidate of each ref image, (refs,) last candidate, inclusive, and (refs,) the candidate
            in the middle of the window, which may lie outside.
        bounded: Whether to use block sums, which must then be there.
        hint: Where the first winner is expected, from its center. It changes the speed, not the result.
        begin: First ref image to search for.
        end: One past the last.
        exact: Range of the other sums that must be exact, above the best sum: relative share, absolute sum; and a
            (refs, k) array that receives the sums of the k candidates around each center, beyond that range lower
            bounds. k is odd, or 0 if only the best is requested.
        best: (refs,) receives the winner, -1 if there is no candidate.
        best_sum: (refs,) receives its sum, infinity if there is none.
    """
    first, last, center = windows
    count = clips[0].size
    rows = (shape[3] + shape[5] - 1) // shape[5]
    alive = np.empty((end - begin, count), np.int64)
    alive_count = np.zeros(end - begin, np.int64)
    suffix = np.empty((end - begin, count if bounded else 0, rows + 1), np.float64)
    lanes = np.zeros((end - begin, count, 4), np.float64)
    bound = np.empty(count, np.float64)
    for n in range(begin, end):
        i = n - begin
        best[n], best_sum[n] = -1, np.inf
        if first[n] > last[n]:
            continue
        if bounded:
            guess = min(max(center[n] + hint, first[n]), last[n])
            _compare_fully(shape, refs, clips, n, guess, 0, lanes[i, guess], center, exact, best, best_sum)
            alive_count[i] = _shortlist(
                shape, refs, clips, windows, n, bound, suffix[i], lanes[i], alive[i], exact, best, best_sum
            )
            hint = best[n] - center[n]
        else:
            for c in range(first[n], last[n] + 1):
                alive[i, alive_count[i]] = c
                alive_count[i] += 1
    _compare_in_bands(
        shape, refs, clips, center, bounded, begin, suffix, lanes, alive, alive_count, exact, best, best_sum
    )
