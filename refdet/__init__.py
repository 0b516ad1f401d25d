"""The reference implementation of object detection's arithmetic.

Import what you need from its own file, for instance `from refdet.core.iou import iou_matrix`:
every file of `refdet.core` needs NumPy alone and can be copied into another project.
"""

__version__ = "0.1.0"
