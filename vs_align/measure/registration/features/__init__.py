"""Feature-based registration: keypoints, matching, robust estimation."""
