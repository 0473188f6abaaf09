"""Registration of two frame sequences whose time offset is not known exactly."""
