"""`Placement`: where ref lies in clip, as one transform per scene; its matrices map pixels of ref to pixels of clip."""
