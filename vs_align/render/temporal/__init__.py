"""The lazy searches of `temporal`: one pixel for each ref frame, whose props name the matching clip frame."""
