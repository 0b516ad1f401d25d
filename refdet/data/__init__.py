"""Readers that turn files into records, and the augmentation of training samples."""
