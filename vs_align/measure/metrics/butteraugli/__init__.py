"""The metric "butteraugli": psychovisual difference after libjxl."""
