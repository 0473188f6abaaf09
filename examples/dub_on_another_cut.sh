#!/usr/bin/env bash
# Puts the dub of one cut of a film on another cut: the audio is cut, padded and stretched onto the time of the film.
#
#   bash examples/dub_on_another_cut.sh dub.mkv bluray.mkv dubbed.mkv
#
# The frames of both cuts decide which moments belong together; the audio of the two may have nothing in common.
set -euo pipefail
dub=$1 film=$2 out=$3

# --no-sound: the languages differ, so only the frames are compared. If the dub runs at PAL speed, its pitch is restored
# with its speed; if its pitch was corrected when it was made, add --pitch keep.
vs-align sync "$dub" "$film" --no-sound --mux "$out" --overwrite
