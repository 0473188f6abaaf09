#!/usr/bin/env bash
# Moves subtitles from the time of one cut of a film to that of another.
#
#   bash examples/sync_subtitles.sh dub.mkv dub.srt bluray.mkv bluray.srt
#
# Chapters move in the same way, with --chapters and --chapters-out.
set -euo pipefail
made_for=$1 subtitles=$2 film=$3 out=$4

vs-align sync "$made_for" "$film" --subs "$subtitles" --subs-out "$out" --overwrite
