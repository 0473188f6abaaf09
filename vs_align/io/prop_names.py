"""Names of the frame props that `temporal`, `spatial` and `overlay` write, and that the commands read back.

Props that only travel inside one filter graph are private to its module and not listed here.
"""

# temporal; MATCH and CONFIDENCE also overlay
MATCH = "VSAlignMatch"
"""Number of the clip (overlay: bg) frame that is shown."""
OFFSET = "VSAlignOffset"
"""Clip frame minus ref frame."""
OFFSET_MS = "VSAlignOffsetMs"
"""Clip time minus ref time, in milliseconds."""
SCORE = "VSAlignScore"
"""Score of the match by the metric; lower is more similar; infinite without a candidate."""
METRIC = "VSAlignMetric"
"""Name of the metric."""
CONFIDENCE = "VSAlignConfidence"
"""Probability that the match is right, 0..1."""
MARGIN = "VSAlignMargin"
"""Cost margin of the chosen path over the best other one."""
UNREST = "VSAlignUnrest"
"""Jitter of the offsets around the frame."""
RUNNER_UP = "VSAlignRunnerUp"
"""Score of the best candidate that looks different."""
FRAMING = "VSAlignFraming"
"""Difference of the framing of clip and ref, as a share of the width."""
GRADE = "VSAlignGrade"
"""Difference of the tone of clip and ref, as a share of the range."""
WINDOW_FIRST = "VSAlignWindowFirst"
"""Number of the clip frame of the first entry of `WINDOW_SCORES`."""
WINDOW_SCORES = "VSAlignWindowScores"
"""Scores of all candidates of the search window."""

# temporal and spatial
FALLBACK = "VSAlignFallback"
"""temporal: 1 if a fallback frame is shown. spatial: 0 to 3, see `vs_align.spatial`."""

# spatial
SHIFT_X = "VSAlignShiftX"
"""Median horizontal displacement in clip pixels."""
SHIFT_Y = "VSAlignShiftY"
"""Median vertical displacement in clip pixels."""
RESIDUAL = "VSAlignResidual"
"""Median forward-backward error in ref pixels."""
VALID = "VSAlignValid"
"""Share of the pixels inside clip that show what ref shows, 0..1."""
ENGINE = "VSAlignEngine"
"""Name of the optical flow engine."""
REASON = "VSAlignReason"
"""Reason of the fallback, in words."""

# spatial and overlay
ROTATION = "VSAlignRotation"
"""Rotation in degrees, clockwise."""
SCALE_X = "VSAlignScaleX"
"""Horizontal scale."""
SCALE_Y = "VSAlignScaleY"
"""Vertical scale."""

# overlay
FOREGROUND = "VSAlignForeground"
"""Number of the fg frame that is shown, -1 for none."""
X = "VSAlignX"
"""Left edge of fg in bg, in bg pixels from the left edge of bg."""
Y = "VSAlignY"
"""Top edge of fg in bg, in bg pixels from the top edge of bg."""
VERDICT = "VSAlignVerdict"
"""Worst `Verdict` of the timelines and the placement."""
