"""Images per second of training, of inference, and of what feeds them, beside torchvision's."""
