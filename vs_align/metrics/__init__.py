"""How alike are two pictures: arrays in, numbers out."""
