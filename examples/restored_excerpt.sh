#!/usr/bin/env bash
# Overlays a restored excerpt on the film that it was cut from, and keeps the whole length of the film.
#
#   bash examples/restored_excerpt.sh bluray.mkv restored.mkv patched.mkv
#
# The excerpt may show a part of the frame, at another size; its place and its time are found.
set -euo pipefail
film=$1 excerpt=$2 out=$3

# first a look, without writing a video: place, time and verdict
vs-align overlay "$film" "$excerpt" --dry-run

# then the video; --smooth feathers those edges of the excerpt that lie inside the film's frame
vs-align overlay "$film" "$excerpt" --timing bg --no-trim --smooth -o "$out" --overwrite
