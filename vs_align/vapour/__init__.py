"""The only place that knows VapourSynth's habits."""
