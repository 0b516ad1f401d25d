"""The rules of `refdet.core` that run inside a training step or on the device, in torch."""
