"""One file per rule of object detection, in NumPy float64; each file stands alone."""
