"""From pictures to a transform: how a whole picture lies on another."""
