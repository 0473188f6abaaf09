"""`Placement`: for each scene of ref, a homography that maps ref pixels to clip pixels; and its JSON file."""
