"""VapourSynth helpers: conversions, parallel callbacks, frame props, audio and thumbnails of nodes."""
