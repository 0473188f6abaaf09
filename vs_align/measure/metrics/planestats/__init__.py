"""PlaneStats: mean absolute difference of plane 0, as `std.PlaneStats` computes it."""
